/* race_tiers.c - answers are kept, looked up, asked for again, purged and cleared by many threads
 * while the keeper puts them into a store and to a server that fails most of what it is asked. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/pool.h"
#include "cache/tiers.h"
#include "support/fake_redis.h"

#define ROUNDS 600

static int make_collection(struct store_tx *tx, void *arg)
{
    return store_tx_collection(tx, "t", "c", arg, NULL);
}

static struct lru_value *answer_of(size_t i)
{
    size_t prompt = i % 41;
    struct answer_origin o = {digest_of(&prompt, sizeof prompt), "t", "c", 1, NULL, 0};
    struct lru_value *v = origin_value(STR_LIT("an answer"), &o, 60000);

    v->tokens_in = i % 2;
    return v;
}

static bool is_there(struct tiers *t, size_t i)
{
    struct lru_value *v = answer_of(i), *found;
    struct answer_origin o;
    enum tier from;

    origin_of(v, &o);
    found = tiers_find(t, &o, &from);
    CHECK(!found || (from == TIER_STORE && found->n == v->n));
    lru_value_unref(found);
    lru_value_unref(v);
    return found != NULL;
}

static void use(void *arg, size_t i)
{
    struct tiers *t = arg;
    struct lru_value *v = answer_of(i), *found = NULL;
    struct answer_origin o;
    struct tiers_flight *flight = NULL;
    struct tiers_stats stats;

    origin_of(v, &o);
    if (i % 20 == 0)
        CHECK(tiers_join(t, &o, &flight, &found) != TIERS_WAIT);
    lru_value_unref(found);
    tiers_keep(t, v, tiers_ticket(t), flight);
    for (int k = 0; k < 4; k++)
        tiers_asked(t, v);
    lru_value_unref(v);
    is_there(t, i);
    tiers_purge(t, "t", "c", STR_LIT("document"));
    if (i % 100 == 0)
        (void)tiers_clear(t);
    tiers_stats_get(t, &stats);
}

int main(void)
{
    char dir[] = "/tmp/ragd-race-XXXXXX", command[64];
    struct fake_redis server;
    struct tiers_options o = {.store_bytes = 1 << 20};
    struct pool *pool = pool_new("race", 4, 64);
    struct tiers_stats stats;
    struct tiers *t;
    int64_t collection;

    CHECK(mkdtemp(dir));
    fake_redis_start(&server, FAKE_REDIS_REPLY, ":0\r\n");
    CHECK(redis_open(&o.redis, server.url, 10000) == ERR_OK);
    CHECK(store_open(&o.store, dir) == ERR_OK);
    CHECK(store_write(o.store, make_collection, NULL, &collection) == ERR_OK);
    t = tiers_new(&o);
    pool_each(pool, ROUNDS, use, t);
    tiers_stats_get(t, &stats);
    tiers_free(t);
    o.redis = NULL;
    t = tiers_new(&o);
    CHECK(is_there(t, ROUNDS - 1));
    tiers_free(t);
    store_close(o.store);
    fake_redis_stop(&server);
    pool_free(pool);
    snprintf(command, sizeof command, "rm -r %s", dir);
    CHECK(system(command) == 0);
    return 0;
}
