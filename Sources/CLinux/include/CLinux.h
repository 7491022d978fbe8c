// What Glibc's Swift module lacks: epoll, eventfd, signalfd, accept4, and what there is of processes.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdint.h>

/// Readiness bits, as epoll(7) has them.
extern const uint32_t linux_readable;
extern const uint32_t linux_writable;
extern const uint32_t linux_peer_closed;
extern const uint32_t linux_hung_up;
extern const uint32_t linux_edge_triggered;

/// One event of epoll_wait(2), unpacked.
struct linux_event {
    uint64_t data;
    uint32_t readiness;
    uint32_t padding;
};

/// Each answers what the call answers, or the negated errno.
int linux_epoll_create(void);
int linux_epoll_add(int epoll, int descriptor, uint32_t readiness, uint64_t data);
int linux_epoll_modify(int epoll, int descriptor, uint32_t readiness, uint64_t data);
int linux_epoll_remove(int epoll, int descriptor);
/// Waits at most `milliseconds` (-1: for ever) for at most `capacity` events; interrupted: 0.
int linux_epoll_wait(int epoll, struct linux_event *events, int capacity, int milliseconds);
/// The same with a time in nanoseconds, rounded up to milliseconds before Linux 5.11, which lacks that.
int linux_epoll_wait_precisely(int epoll, struct linux_event *events, int capacity, uint64_t nanoseconds);
/// Has the kernel wake this thread within so many nanoseconds of the moment that it waits for.
void linux_set_timer_slack(uint64_t nanoseconds);

/// A nonblocking, close-on-exec eventfd.
int linux_eventfd(void);
/// A nonblocking, close-on-exec signalfd for `count` signals, which are blocked in the calling thread.
int linux_signalfd(const int *signals, int count);
/// The number of the next signal at a signalfd, or 0.
int linux_signalfd_next(int descriptor);

/// O_DIRECT of open(2): reads and writes that pass the page cache by.
extern const int linux_direct;

/// accept4(2), nonblocking and close-on-exec.
int linux_accept(int listener);
/// socket(2): a TCP stream, nonblocking and close-on-exec.
int linux_stream_socket(int family);

/// Asks for `signal` when the parent dies; 0, or the negated errno.
int linux_signal_at_parents_death(int signal);
/// Makes this process the parent of what its children leave behind when they end, in init's stead.
int linux_adopt_orphans(void);
/// A process and its parent.
struct linux_process {
    int id;
    int parent;
};
/// The processes that live, by /proc: how many, of which at most `capacity` are written down.
int linux_processes(struct linux_process *processes, int capacity);
/// Names the calling thread, for debuggers and top.
void linux_name_thread(const char *name);
/// Ignores SIGPIPE in this process.
void linux_ignore_broken_pipes(void);
/// Resident memory of this process in bytes; 0 if it cannot be told.
uint64_t linux_resident_bytes(void);

#endif
