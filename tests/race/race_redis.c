/* race_redis.c - the shared tier used by many threads at once, with a server that gives the right
 * type to scripts only: connections come and go, the breaker opens, purges are left over. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/pool.h"
#include "cache/shared_flight.h"
#include "support/fake_redis.h"

#define ROUNDS 400

static const struct shared_scope scope = {"t", "c"};

static void put(struct shared_answers *s, const struct digest *prompt, struct str document)
{
    struct shared_answer a = {
        .body = STR_LIT("an answer"), .ttl_ms = 60000, .documents = &document, .n_documents = 1};

    shared_answers_put(s, prompt, &scope, &a, shared_answers_ticket(s), 0);
}

static void use(void *arg, size_t i)
{
    struct shared_answers *s = arg;
    char name[32];
    struct str document = {name, (size_t)snprintf(name, sizeof name, "document-%zu", i % 7)};
    struct digest prompt = digest_of(&i, sizeof i);
    struct arena *mem = arena_new(0);
    struct shared_answers_stats stats;
    struct redis_stats of_redis;
    struct shared_answer found;
    struct shared_flight flight;

    put(s, &prompt, document);
    shared_answers_purge(s, &scope, document);
    if (i % 5 == 0)
        CHECK(shared_answers_get(s, &prompt, &scope, 0, mem, &found) == ERR_UNAVAILABLE);
    if (i % 50 == 0) {
        shared_flight_init(&flight, s, &prompt);
        CHECK(shared_flight_step(&flight, &scope, 0, mem, &found) == SHARED_FLIGHT_ALONE);
    }
    shared_answers_refresh(s);
    shared_answers_stats_get(s, &stats);
    redis_stats_get(shared_answers_redis(s), &of_redis);
    CHECK(stats.hits == 0 && of_redis.hits == 0);
    arena_free(mem);
}

int main(void)
{
    struct fake_redis server;
    struct redis *r;
    struct shared_answers *s;
    struct pool *pool = pool_new("race", 4, 64);
    struct shared_answers_stats stats;

    fake_redis_start(&server, FAKE_REDIS_REPLY, ":7\r\n");
    CHECK(redis_open(&r, server.url, 10000) == ERR_OK);
    s = shared_answers_new(r, "a-store");
    pool_each(pool, ROUNDS, use, s);
    shared_answers_stats_get(s, &stats);
    CHECK(stats.stored > 0);
    pool_free(pool);
    shared_answers_free(s);
    redis_close(r);
    fake_redis_stop(&server);
    return 0;
}
