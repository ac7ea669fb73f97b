/* loop.h - one event loop: its listeners, its connections, and the door through which other
 * threads hand work back.
 *
 *   request -> work_submit -> pool: run() -> mailbox + uv_async -> loop: done()
 *
 * Everything in struct loop belongs to its thread, but the mailbox.
 *
 * Threads  loop_post: locked. The rest: confined to the loop's thread.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/pool.h"
#include "server/access_log.h"
#include "server/http.h"
#include "server/listener.h"

struct chat;
struct ask;
struct conn;
struct service;
struct replay;
struct seen;

#define LOOP_READ_BYTES 65536
#define LOOP_TICK_MS    250 /* deadlines are looked at this often */
#define LOOP_LOG_MS     100
#define LOOP_LOG_BYTES  65536

/* A piece of work away from the loop. Embedded in whatever it serves. */
struct work {
    struct loop *loop;
    int (*run)(struct work *w);   /* on a worker */
    void (*done)(struct work *w); /* back on the loop; rc and error are set */
    int rc;
    char *error; /* err_text() of the worker when rc < 0; freed after done */
    uint64_t submitted_ns;
    uint64_t flow; /* whose it is (base/pool.h); 0: nobody's */
    struct work *next;
};

struct loop {
    struct service *service;
    int i;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t tick;
    uv_prepare_t before_wait;
    uv_timer_t log_due;         /* active while lines wait in `log` */
    struct listener tcp, local; /* the latter on loop 0 only */
    struct conn *conns;         /* all open ones */
    struct replay *replay;
    struct seen *seen;    /* requests that were asked before */
    struct ask *waiting;  /* those of this loop that wait for another's run (server/ask.h) */
    struct ask *deserted; /* whose last reader has left, and may come back */
    uv_timer_t grace;     /* until the first of them is given up */
    struct chat *chat;    /* asks the language models; NULL: none is configured */
    struct id_source ids;
    struct access_log log;   /* written after LOOP_LOG_MS or LOOP_LOG_BYTES */
    struct buf head, around; /* of the reply that is being written; kept for their memory */
    char *read_buffer;       /* LOOP_READ_BYTES; a read is consumed before the next one */
    int n_away;              /* works submitted and not yet done */
    int64_t now_ms;          /* monotonic, as of this turn of the loop */
    int64_t drain_began_ms;
    bool draining, told, closed;
    bool never_was; /* loop_init failed before there was anything to close */

    pthread_mutex_t mu; /* guards the field below */
    struct work *arrived_first, *arrived_last;
};

/* The bound sockets are taken; -1: none. */
int loop_init(struct loop *l, struct service *s, int i, int tcp_fd, int local_fd);
void loop_run(struct loop *l); /* until drained */
void loop_done(struct loop *l);

/* Wakes the loop, so that it sees service->stopping. Safe from a signal handler. */
void loop_wake(struct loop *l);

/* From any thread: done() will be called on the loop. */
void loop_post(struct work *w);

/* ERR_BUSY when the lane is full: neither run nor done will be called. */
int work_submit(struct work *w, struct pool *pool, enum queue_lane lane);

/* The next part of a work that was accepted: not refused for being many. */
int work_submit_again(struct work *w, struct pool *pool, enum queue_lane lane);

/* Something other than a pool will loop_post this work: the loop waits for it when draining. */
void work_expect(struct work *w);
