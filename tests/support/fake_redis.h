/* fake_redis.h - a server that speaks like a faulty Redis: it answers every command with the same
 * bytes, or with none. */
#pragma once
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_REDIS_CLIENTS 64

enum fake_redis_fault {
    FAKE_REDIS_REPLY,   /* `reply`, whole */
    FAKE_REDIS_SILENT,  /* reads and says nothing */
    FAKE_REDIS_CUT,     /* `reply`, then hangs up */
    FAKE_REDIS_DRIP,    /* a byte of `reply` now and then */
    FAKE_REDIS_ENDLESS, /* `reply`, then "x" for ever */
};

struct fake_redis {
    int fd, port;
    char url[64];
    _Atomic(enum fake_redis_fault) fault;
    _Atomic(const char *) reply;
    atomic_int n_connections, n_commands;
    atomic_int delay_ms; /* before each answer */
    atomic_bool stopping;
    pthread_t thread;
};

/* Also where Criterion is not linked. */
static inline void fake_redis_must(bool done, const char *what)
{
    if (done)
        return;
    perror(what);
    abort();
}

/* False when the client has left. */
static inline bool fake_redis_send(int fd, const char *p, size_t n)
{
    return send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static inline bool fake_redis_drip(struct fake_redis *f, int fd)
{
    bool there = true;

    for (const char *p = f->reply; *p && there && !f->stopping; p++) {
        there = fake_redis_send(fd, p, 1);
        poll(NULL, 0, 20);
    }
    return there;
}

static inline bool fake_redis_answer(struct fake_redis *f, int fd)
{
    static char junk[65536];
    bool there = true;

    poll(NULL, 0, f->delay_ms);
    switch (f->fault) {
    case FAKE_REDIS_SILENT: return true;
    case FAKE_REDIS_DRIP: return fake_redis_drip(f, fd);
    default: break;
    }
    there = fake_redis_send(fd, f->reply, strlen(f->reply));
    memset(junk, 'x', sizeof junk);
    while (there && f->fault == FAKE_REDIS_ENDLESS && !f->stopping)
        there = fake_redis_send(fd, junk, sizeof junk);
    return there && f->fault != FAKE_REDIS_CUT;
}

static inline void *fake_redis_main(void *arg)
{
    struct fake_redis *f = arg;
    struct pollfd p[FAKE_REDIS_CLIENTS + 1] = {{f->fd, POLLIN, 0}};
    nfds_t n = 1;
    char in[65536];

    while (!f->stopping) {
        poll(p, n, 20);
        if (p[0].revents && n <= FAKE_REDIS_CLIENTS) {
            p[n++] = (struct pollfd){accept(f->fd, NULL, NULL), POLLIN, 0};
            f->n_connections++;
        }
        for (nfds_t i = 1; i < n; i++) {
            if (!p[i].revents)
                continue;
            if (recv(p[i].fd, in, sizeof in, 0) > 0) {
                f->n_commands++;
                if (fake_redis_answer(f, p[i].fd))
                    continue;
            }
            close(p[i].fd);
            p[i--] = p[--n];
        }
    }
    for (nfds_t i = 1; i < n; i++)
        close(p[i].fd);
    return NULL;
}

static inline void fake_redis_start(struct fake_redis *f, enum fake_redis_fault fault,
                                    const char *reply)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    memset(f, 0, sizeof *f);
    f->fault = fault;
    f->reply = reply;
    f->fd = socket(AF_INET, SOCK_STREAM, 0);
    fake_redis_must(bind(f->fd, (struct sockaddr *)&a, sizeof a) == 0, "bind");
    fake_redis_must(listen(f->fd, 64) == 0, "listen");
    fake_redis_must(getsockname(f->fd, (struct sockaddr *)&a, &n) == 0, "getsockname");
    f->port = ntohs(a.sin_port);
    snprintf(f->url, sizeof f->url, "redis://127.0.0.1:%d", f->port);
    fake_redis_must(pthread_create(&f->thread, NULL, fake_redis_main, f) == 0, "pthread_create");
}

static inline void fake_redis_stop(struct fake_redis *f)
{
    f->stopping = true;
    pthread_join(f->thread, NULL);
    close(f->fd);
}
