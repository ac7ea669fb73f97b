/* plug.h - a server whose workers are held, so that the next request finds the queue full. */
#pragma once
#include <semaphore.h>

#include "support/live.h"

struct plug {
    sem_t started, go_on;
};

static inline void plug_init(struct plug *p)
{
    sem_init(&p->started, 0, 0);
    sem_init(&p->go_on, 0, 0);
}

/* Work for the pool that lasts until somebody posts `go_on`. */
static inline void plug_worker(void *arg, int i_worker)
{
    struct plug *p = arg;

    (void)i_worker;
    sem_post(&p->started);
    sem_wait(&p->go_on);
}

/* 503 with Retry-After, and a body in the route's own shape. */
static inline void expect_busy(const struct live *l, const char *path, const char *body,
                               const char *shape)
{
    struct buf b = {0};
    char *reply;

    buf_addf(&b,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             path, strlen(body), body);
    reply = live_raw(l, b.p);
    cr_expect(strstr(reply, "HTTP/1.1 503 "), "%s: %s", path, reply);
    cr_expect(strstr(reply, "\r\nRetry-After: 1\r\n"), "%s: %s", path, reply);
    cr_expect(strstr(reply, shape), "%s: %s", path, reply);
    mem_free(reply);
    buf_done(&b);
}
