// What Glibc's Swift module lacks: epoll, eventfd, signalfd, accept4, and what there is of processes.
#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

const uint32_t linux_readable = EPOLLIN;
const uint32_t linux_writable = EPOLLOUT;
const uint32_t linux_peer_closed = EPOLLRDHUP;
const uint32_t linux_hung_up = EPOLLHUP | EPOLLERR;
const uint32_t linux_edge_triggered = EPOLLET;
const int linux_direct = O_DIRECT;

static int outcome(int result) { return result < 0 ? -errno : result; }

int linux_epoll_create(void) { return outcome(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int descriptor, uint32_t readiness, uint64_t data) {
    struct epoll_event event = {.events = readiness, .data.u64 = data};
    return outcome(epoll_ctl(epoll, operation, descriptor, &event));
}

int linux_epoll_add(int epoll, int descriptor, uint32_t readiness, uint64_t data) {
    return control(epoll, EPOLL_CTL_ADD, descriptor, readiness, data);
}

int linux_epoll_modify(int epoll, int descriptor, uint32_t readiness, uint64_t data) {
    return control(epoll, EPOLL_CTL_MOD, descriptor, readiness, data);
}

int linux_epoll_remove(int epoll, int descriptor) { return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0); }

enum { events_max = 512 };

static int unpacked(const struct epoll_event *ready, int count, struct linux_event *events) {
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        events[i].data = ready[i].data.u64;
        events[i].readiness = ready[i].events;
        events[i].padding = 0;
    }
    return count;
}

int linux_epoll_wait(int epoll, struct linux_event *events, int capacity, int milliseconds) {
    struct epoll_event ready[events_max];
    if (capacity > events_max) capacity = events_max;
    return unpacked(ready, epoll_wait(epoll, ready, capacity, milliseconds), events);
}

int linux_epoll_wait_precisely(int epoll, struct linux_event *events, int capacity, uint64_t nanoseconds) {
#ifdef SYS_epoll_pwait2
    struct epoll_event ready[events_max];
    if (capacity > events_max) capacity = events_max;
    // As the kernel has it, whatever the C library's timespec is.
    struct {
        int64_t seconds;
        int64_t nanoseconds;
    } time = {(int64_t)(nanoseconds / 1000000000), (int64_t)(nanoseconds % 1000000000)};
    long count = syscall(SYS_epoll_pwait2, epoll, ready, capacity, &time, NULL, 8);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return unpacked(ready, (int)count, events);
#endif
    uint64_t milliseconds = (nanoseconds + 999999) / 1000000;
    return linux_epoll_wait(epoll, events, capacity, milliseconds > 60000 ? 60000 : (int)milliseconds);
}

void linux_set_timer_slack(uint64_t nanoseconds) { prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0); }

int linux_eventfd(void) { return outcome(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

int linux_signalfd(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (failed) return -failed;
    return outcome(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

int linux_signalfd_next(int descriptor) {
    struct signalfd_siginfo info;
    return read(descriptor, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

int linux_accept(int listener) {
    return outcome(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int linux_stream_socket(int family) {
    return outcome(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
}

int linux_signal_at_parents_death(int signal) { return outcome(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)); }

int linux_adopt_orphans(void) { return outcome(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }

/// The parent of a living process, or 0.
static int parent(int process) {
    char path[32], text[512], state = 'Z';
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    // The program's name stands in parentheses, and may have some of its own.
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1, " %c %d", &state, &parent) != 2) return 0;
    return state == 'Z' || state == 'X' ? 0 : parent;
}

int linux_processes(struct linux_process *processes, int capacity) {
    DIR *folder = opendir("/proc");
    if (!folder) return -errno;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct linux_process process = {.id = atoi(entry->d_name)};
        if (process.id <= 0 || !(process.parent = parent(process.id))) continue;
        if (count < capacity) processes[count] = process;
        count++;
    }
    closedir(folder);
    return count;
}

void linux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void linux_ignore_broken_pipes(void) { signal(SIGPIPE, SIG_IGN); }

uint64_t linux_resident_bytes(void) {
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    int read = fscanf(file, "%lu %lu", &total, &resident);
    fclose(file);
    return read == 2 ? (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}
