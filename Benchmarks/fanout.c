// Watchers of one key, and a writer of it at a fixed rate: how long after its intended moment does each write
// reach each watcher? Driven by Benchmarks/store.
//
//     fanout WRITER_HOST:PORT WATCHERS RATE SECONDS HOST:PORT…
//
// The watchers are spread over the given places. Each value is the moment (nanoseconds of the monotonic clock)
// at which its write was due, so that a write that has to wait is not forgiven. Prints one JSON object.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { lanes = 64, buckets = 1 << 16, bucket_ns = 10000, carry_max = 4096 };
static const char key[] = "bench/fanout";

struct watcher {
    int fd;
    int carried;
    char carry[carry_max];  // a line that is not whole yet
};

static unsigned long histogram[buckets], events, written, refused, late_max;
static volatile int is_over;
static char *writer_place;
static long rate, seconds;

static long now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "fanout: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(const char *place) {
    char host[64];
    const char *colon = strrchr(place, ':');
    if (!colon || colon - place >= (long)sizeof host) fail(place);
    memcpy(host, place, colon - place);
    host[colon - place] = 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(colon + 1))};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail(place);
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail(place);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_all(int fd, const char *bytes, int count) {
    while (count > 0) {
        int sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent < 0) fail("send");
        bytes += sent;
        count -= sent;
    }
}

// The writer: one request at a time on each connection, as many connections as it takes to keep the rate.
static void *write_on(void *unused) {
    (void)unused;
    int fd[lanes], busy[lanes] = {0}, queue = epoll_create1(0);
    for (int lane = 0; lane < lanes; lane++) {
        fd[lane] = connect_to(writer_place);
        struct epoll_event want = {.events = EPOLLIN, .data.u32 = lane};
        epoll_ctl(queue, EPOLL_CTL_ADD, fd[lane], &want);
    }
    long start = now_ns(), end = start + seconds * 1000000000L, step = 1000000000L / rate, next = start;
    int open = 0;
    while (next < end || open > 0) {
        long now = now_ns();
        for (int lane = 0; lane < lanes && next <= now && next < end; lane++) {
            if (busy[lane]) continue;
            char value[32], request[256];
            int size = sprintf(value, "%ld", next);
            int count = sprintf(request, "PUT /kv/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", key,
                                size, value);
            if (now - next > (long)late_max) late_max = now - next;
            send_all(fd[lane], request, count);
            busy[lane] = 1;
            open++;
            next += step;
        }
        struct epoll_event ready[lanes];
        int count = epoll_wait(queue, ready, lanes, next < end ? 1 : 100);
        for (int at = 0; at < count; at++) {
            char answer[4096];
            int lane = ready[at].data.u32, size = recv(fd[lane], answer, sizeof answer, MSG_DONTWAIT);
            if (size <= 0) fail("the writer's connection");
            if (size > 12 && (!memcmp(answer + 9, "200", 3) || !memcmp(answer + 9, "201", 3))) written++;
            else refused++;
            if (busy[lane]) open--;
            busy[lane] = 0;
        }
    }
    is_over = 1;
    return NULL;
}

// A line of an event, read at this moment: only that with its data counts.
static void note(const char *line, const char *end, long moment) {
    static const char name[] = "\"value\":\"";
    static long usual;  // where the value stood last time: searching costs more than all the rest
    const int length = sizeof name - 1;
    if (end - line < 6 || line[0] != 'd') return;
    const char *value = line + usual;
    if (usual == 0 || end - value < length || memcmp(value, name, length)) {
        value = memmem(line, end - line, name, length);
        if (!value) return;
        usual = value - line;
    }
    long due = 0;
    for (value += length; value < end && *value >= '0' && *value <= '9'; value++) due = due * 10 + (*value - '0');
    long slot = (moment - due) / bucket_ns;
    histogram[slot < 0 ? 0 : slot >= buckets ? buckets - 1 : slot]++;
    events++;
}

static void take(struct watcher *one, char *bytes, int count, long moment) {
    char *at = bytes, *end = bytes + count, *stop;
    if (one->carried > 0) {
        stop = memchr(bytes, '\n', count);
        int size = (stop ? stop : end) - bytes;
        if (one->carried + size > carry_max) fail("a line of this size was not expected");
        memcpy(one->carry + one->carried, bytes, size);
        one->carried += size;
        if (!stop) return;
        note(one->carry, one->carry + one->carried, moment);
        one->carried = 0;
        at = stop + 1;
    }
    for (; at < end && (stop = memchr(at, '\n', end - at)); at = stop + 1) note(at, stop, moment);
    if (end - at > carry_max) fail("a line of this size was not expected");
    one->carried = end - at;
    memcpy(one->carry, at, end - at);
}

static double percentile(double share) {
    unsigned long want = events * share, seen = 0;
    for (int slot = 0; slot < buckets; slot++)
        if ((seen += histogram[slot]) > want) return (slot + 1) * (bucket_ns / 1e6);
    return buckets * (bucket_ns / 1e6);
}

int main(int count, char **words) {
    if (count < 6) {
        fprintf(stderr, "usage: fanout WRITER_HOST:PORT WATCHERS RATE SECONDS HOST:PORT...\n");
        return 64;
    }
    writer_place = words[1];
    int watchers = atoi(words[2]), places = count - 5, queue = epoll_create1(0);
    rate = atol(words[3]);
    seconds = atol(words[4]);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct watcher *all = calloc(watchers, sizeof *all);
    for (int at = 0; at < watchers; at++) {
        char request[256], head[65536];
        all[at].fd = connect_to(words[5 + at % places]);
        int size = sprintf(request, "GET /watch?key=%s HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n",
                           key);
        send_all(all[at].fd, request, size);
        int got = recv(all[at].fd, head, sizeof head, 0);
        if (got < 12 || memcmp(head + 9, "200", 3)) fail("a watch was refused");
        // Edges: whoever has been read is not looked at again by the kernel. (What is read is always all.)
        struct epoll_event want = {.events = EPOLLIN | EPOLLET, .data.ptr = &all[at]};
        epoll_ctl(queue, EPOLL_CTL_ADD, all[at].fd, &want);
    }
    pthread_t writer;
    pthread_create(&writer, NULL, write_on, NULL);
    static char bytes[1 << 18];
    long last = now_ns();
    // Until everything has come, or nothing has come for two seconds after the last write.
    while (!is_over || (events < written * watchers && now_ns() - last < 2000000000L)) {
        struct epoll_event ready[256];
        int found = epoll_wait(queue, ready, 256, 50);
        for (int at = 0; at < found; at++) {
            struct watcher *one = ready[at].data.ptr;
            int size = recv(one->fd, bytes, sizeof bytes, MSG_DONTWAIT);
            if (size < 0 && errno == EAGAIN) continue;
            if (size <= 0) fail("a watch has ended");
            if (size == sizeof bytes) fail("so much at once was not expected");
            last = now_ns();
            take(one, bytes, size, last);
        }
    }
    pthread_join(writer, NULL);
    printf("{\"watchers\":%d,\"rate\":%ld,\"seconds\":%ld,\"written\":%lu,\"refused\":%lu,\"events\":%lu,"
           "\"expected\":%lu,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.2f,"
           "\"writerLateMax\":%.2f}\n",
           watchers, rate, seconds, written, refused, events, written * watchers, percentile(0.5),
           percentile(0.9), percentile(0.99), percentile(0.999), percentile(1 - 1e-9), late_max / 1e6);
    return events == written * (unsigned long)watchers && refused == 0 ? 0 : 1;
}
