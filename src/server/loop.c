#include "server/loop.h"

#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/tiers.h"
#include "engine/engine.h"
#include "generate/chat.h"
#include "server/conn.h"
#include "server/replay.h"
#include "server/seen.h"
#include "server/service.h"

/* A balancer and clients with a request on the way get this long to notice: we go on accepting
 * and answering (with Connection: close) before the listeners and idle connections close. */
#define DRAIN_GRACE_MS 250

/* What a handshake under way may take: a round trip. */
#define HANDSHAKE_MS 250

/* What is told at the end of server.drain_s has this long to reach those whom it is told. */
#define DRAIN_LAST_MS 1000

static void deliver(struct loop *l)
{
    struct work *w, *next;

    pthread_mutex_lock(&l->mu);
    w = l->arrived_first;
    l->arrived_first = l->arrived_last = NULL;
    pthread_mutex_unlock(&l->mu);
    for (; w; w = next) {
        char *error = w->error;

        next = w->next;
        l->n_away--;
        w->done(w); /* may free w */
        mem_free(error);
    }
}

static void refuse_all(struct loop *l)
{
    listener_refuse(&l->tcp);
    listener_refuse(&l->local);
}

static void close_listeners(struct loop *l)
{
    listener_close(&l->tcp);
    listener_close(&l->local);
}

/* What is not a listener or a connection. */
static void close_own(struct loop *l)
{
    if (l->chat)
        chat_free(l->chat);
    l->chat = NULL;
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->tick, NULL);
    uv_close((uv_handle_t *)&l->grace, NULL);
    uv_close((uv_handle_t *)&l->before_wait, NULL);
    uv_close((uv_handle_t *)&l->log_due, NULL);
}

/* Nobody is waited for any more, nor do those who asked wait for other replicas. */
static void hang_up(struct loop *l)
{
    for (struct conn *c = l->conns, *next; c; c = next) {
        next = conn_next(c);
        conn_abort(c);
    }
    tiers_end_waits(l->service->engine->tiers);
}

/* Their time is over, and they are told. */
static void end_requests(struct loop *l)
{
    size_t n = 0;

    for (struct conn *c = l->conns, *next; c; c = next) {
        next = conn_next(c);
        n += conn_end_request(c);
    }
    l->told = true;
    if (n)
        log_event(LOG_WARN, "stopping_before_the_end", LOG_I("requests", n));
}

/* In the order of time: accepting goes on, requests end by themselves, are ended, are cut off. */
static void drain(struct loop *l)
{
    const struct config *c = engine_settings(l->service->engine);
    bool at_once = l->service->stopping > 1;
    int64_t since;

    if (!l->draining) {
        l->draining = true;
        l->drain_began_ms = l->now_ms;
    }
    since = l->now_ms - l->drain_began_ms - c->server.ready_wait_s * 1000;
    if (since < DRAIN_GRACE_MS && !at_once)
        return;
    refuse_all(l);
    if (since < DRAIN_GRACE_MS + HANDSHAKE_MS && !at_once)
        return;
    close_listeners(l);
    if (!l->told && since > c->server.drain_s * 1000)
        end_requests(l);
    if (at_once || since > c->server.drain_s * 1000 + DRAIN_LAST_MS)
        hang_up(l);
    if (l->conns || l->n_away || l->closed)
        return;
    l->closed = true;
    close_own(l);
}

static void on_wake(uv_async_t *a)
{
    struct loop *l = a->data;

    l->now_ms = (int64_t)uv_now(&l->uv);
    deliver(l);
    if (l->service->stopping && (!l->draining || l->service->stopping > 1))
        drain(l);
}

static void on_tick(uv_timer_t *t)
{
    struct loop *l = t->data;

    l->now_ms = (int64_t)uv_now(&l->uv);
    replay_expire(l->replay, l->now_ms);
    listener_tick(&l->tcp);
    listener_tick(&l->local);
    for (struct conn *c = l->conns, *next; c; c = next) {
        next = conn_next(c);
        conn_tick(c);
    }
    if (l->service->stopping)
        drain(l);
}

static void on_log_due(uv_timer_t *t)
{
    struct loop *l = t->data;

    access_log_flush(&l->log);
}

/* A write for each line would be a tenth of what a cached reply takes. */
static void on_before_wait(uv_prepare_t *p)
{
    struct loop *l = p->data;

    if (l->log.lines.n >= LOOP_LOG_BYTES)
        access_log_flush(&l->log);
    else if (l->log.lines.n && !uv_is_active((uv_handle_t *)&l->log_due))
        uv_timer_start(&l->log_due, on_log_due, LOOP_LOG_MS, 0);
}

/* What the system may refuse: descriptors of the loop's own. */
static int init_uv(struct loop *l)
{
    int e = uv_loop_init(&l->uv);

    if (e < 0)
        return FAIL(ERR_IO, "cannot make an event loop: %s", uv_strerror(e));
    e = uv_async_init(&l->uv, &l->wake, on_wake);
    if (e == 0)
        return ERR_OK;
    CHECK(uv_loop_close(&l->uv) == 0);
    return FAIL(ERR_IO, "cannot make an event loop: %s", uv_strerror(e));
}

int loop_init(struct loop *l, struct service *s, int i, int tcp_fd, int local_fd)
{
    int rc = ERR_OK;

    *l = (struct loop){.service = s, .i = i};
    rc = init_uv(l);
    if (rc < 0) {
        l->never_was = true;
        close(tcp_fd);
        close(local_fd);
        return rc;
    }
    pthread_mutex_init(&l->mu, NULL);
    l->read_buffer = mem_alloc(LOOP_READ_BYTES);
    access_log_init(&l->log);
    l->replay = replay_new();
    l->seen = seen_new();
    CHECK(uv_timer_init(&l->uv, &l->tick) == 0);
    CHECK(uv_timer_init(&l->uv, &l->grace) == 0);
    CHECK(uv_timer_init(&l->uv, &l->log_due) == 0);
    if (s->engine && s->engine->chat_models)
        l->chat = chat_new(&l->uv, s->engine->chat_models);
    CHECK(uv_prepare_init(&l->uv, &l->before_wait) == 0);
    l->wake.data = l->tick.data = l->before_wait.data = l->grace.data = l->log_due.data = l;
    uv_prepare_start(&l->before_wait, on_before_wait);
    l->now_ms = (int64_t)uv_now(&l->uv);
    uv_timer_start(&l->tick, on_tick, LOOP_TICK_MS, LOOP_TICK_MS);
    if (tcp_fd >= 0)
        TRY(listener_open(&l->tcp, l, tcp_fd, false));
    if (local_fd >= 0)
        TRY(listener_open(&l->local, l, local_fd, true));
out:
    return rc;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_done(struct loop *l)
{
    if (l->never_was)
        return;
    if (!l->closed) { /* never ran: nothing but our own handles is open */
        close_listeners(l);
        close_own(l);
        uv_run(&l->uv, UV_RUN_DEFAULT);
    }
    CHECK(uv_loop_close(&l->uv) == 0);
    access_log_done(&l->log);
    buf_done(&l->head);
    buf_done(&l->around);
    replay_free(l->replay);
    seen_free(l->seen);
    mem_free(l->read_buffer);
    pthread_mutex_destroy(&l->mu);
}

void loop_wake(struct loop *l)
{
    uv_async_send(&l->wake);
}

/* The wake-up is sent under the lock: once the work is delivered the loop may end, and must not
 * find us still on our way to its handle. */
void loop_post(struct work *w)
{
    struct loop *l = w->loop;

    w->next = NULL;
    pthread_mutex_lock(&l->mu);
    if (l->arrived_last)
        l->arrived_last->next = w;
    else
        l->arrived_first = w;
    l->arrived_last = w;
    uv_async_send(&l->wake);
    pthread_mutex_unlock(&l->mu);
}

static void work_on_pool(void *arg, int i_worker)
{
    struct work *w = arg;

    (void)i_worker;
    w->rc = w->run(w);
    if (w->rc < 0)
        w->error = mem_strdup(err_text());
    loop_post(w);
}

typedef int (*submit_fn)(struct pool *p, enum queue_lane lane, uint64_t flow, pool_fn fn,
                         void *arg);

static int submit(struct work *w, struct pool *pool, enum queue_lane lane, submit_fn to_pool)
{
    int rc;

    w->error = NULL;
    w->rc = ERR_OK;
    w->submitted_ns = clock_ns();
    rc = to_pool(pool, lane, w->flow, work_on_pool, w);
    if (rc == ERR_OK)
        w->loop->n_away++;
    return rc;
}

int work_submit(struct work *w, struct pool *pool, enum queue_lane lane)
{
    return submit(w, pool, lane, pool_submit_for);
}

int work_submit_again(struct work *w, struct pool *pool, enum queue_lane lane)
{
    return submit(w, pool, lane, pool_submit_again);
}

void work_expect(struct work *w)
{
    w->loop->n_away++;
}
