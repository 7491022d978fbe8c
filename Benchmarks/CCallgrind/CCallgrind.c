// Requests to callgrind: macros of its header, which are a few instructions without meaning to a processor.
#include "CCallgrind.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>

int callgrind_is_counting(void) { return RUNNING_ON_VALGRIND != 0; }
void callgrind_toggle(void) { CALLGRIND_TOGGLE_COLLECT; }
void callgrind_write(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
#else
int callgrind_is_counting(void) { return 0; }
void callgrind_toggle(void) {}
void callgrind_write(const char *name) { (void)name; }
#endif
