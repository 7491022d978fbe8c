// Requests to callgrind: macros of its header, which are a few instructions without meaning to a processor. And the
// allocator's entrances, counted on the way in: callgrind counts calls of what it does not collect too.
#include "CCallgrind.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

static int is_counting;
static long allocations;

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>

int callgrind_is_counting(void) { return RUNNING_ON_VALGRIND != 0; }

void callgrind_toggle(void) {
    is_counting = !is_counting;
    CALLGRIND_TOGGLE_COLLECT;
}

void callgrind_write(const char *name) {
    char text[256];
    snprintf(text, sizeof text, "%s|%ld", name, allocations);
    allocations = 0;
    CALLGRIND_DUMP_STATS_AT(text);
}
#else
int callgrind_is_counting(void) { return 0; }
void callgrind_toggle(void) { is_counting = !is_counting; }
void callgrind_write(const char *name) { (void)name; }
#endif

#ifdef __GLIBC__
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
    allocations += is_counting;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations += is_counting;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    allocations += is_counting;
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    allocations += is_counting;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    void *memory = aligned_alloc(alignment, size);
    if (!memory) return ENOMEM;
    *result = memory;
    return 0;
}
#endif
