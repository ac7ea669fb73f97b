/* race_limits.c - keys' accounts used by many threads at once: decided here, and with a Redis that
 * grants a few each time, asked by threads of its own while others take, add, leave and look. */
#include <semaphore.h>
#include <stdio.h>

#include "base/check.h"
#include "base/err.h"
#include "base/pool.h"
#include "engine/spending.h"
#include "net/redis.h"
#include "support/fake_redis.h"

#define ROUNDS 600
#define N_KEYS 5

struct waiting {
    struct spending_wait wait;
    sem_t done;
};

static void tell(struct spending_wait *w)
{
    sem_post(&((struct waiting *)w)->done);
}

static bool look(void *arg, const struct spender *who, const struct spending_report *r)
{
    (void)arg;
    CHECK(who->id >= 0 && who->id < N_KEYS);
    CHECK(r->running >= 0);
    return true;
}

static void use(void *arg, size_t i)
{
    struct spending *s = arg;
    struct spender who = {.id = (int64_t)(i % N_KEYS), .limits = {100000, 1000000, 0, 3}};
    struct spending_decision d;
    struct waiting w = {.wait.done = tell};

    sem_init(&w.done, 0, 0);
    spending_enter(s, &who, spending_now(), &w.wait, &d);
    if (d.verdict == SPENDING_LATER) {
        sem_wait(&w.done);
        d = w.wait.decision;
    }
    sem_destroy(&w.done);
    CHECK(d.verdict != SPENDING_LATER);
    if (i % 7 == 0)
        spending_each(s, spending_now(), look, NULL);
    if (d.verdict != SPENDING_ADMITTED)
        return;
    spending_add(s, &who, spending_now(), (struct spending_use){.tokens = 1}, &d.report);
    spending_leave(s, &who, 1);
}

static void use_by_all(struct redis *r)
{
    struct pool *pool = pool_new("race", 4, 64);
    struct spending *s = spending_new(&(struct key_limits){0}, r, "a-store");
    struct spending_report report;
    struct spending_stats stats;

    pool_each(pool, ROUNDS, use, s);
    CHECK(spending_of(s, 0, spending_now(), &report));
    CHECK(report.running == 0);
    CHECK(report.requests_today > 0);
    spending_stats_get(s, &stats);
    CHECK(stats.shared == (r != NULL));
    pool_free(pool);
    spending_free(s);
}

int main(void)
{
    struct fake_redis server;
    struct redis *r;

    use_by_all(NULL);
    fake_redis_start(&server, FAKE_REDIS_REPLY, "$13\r\n3 0 0 20000 0\r\n");
    CHECK(redis_open(&r, server.url, 10000) == ERR_OK);
    use_by_all(r);
    redis_close(r);
    fake_redis_stop(&server);
    return 0;
}
