#include "support/fake_redis.h"
#include "unit/cache/tiers_replicas.h"

static void up(void)
{
    tiers_world_open(&w);
}

static void down(void)
{
    tiers_world_close(&w);
}

TestSuite(tiers, .init = up, .fini = down);

Test(tiers, a_paid_for_answer_outlives_the_process)
{
    struct tiers *t = open_at(NULL, 0, 1 << 20);

    keep(t, tiers_answer(&w, "p", "body"), NULL);
    tiers_free(t);
    t = open_at(NULL, 0, 1 << 20);
    cr_expect_eq(where(t, "p"), TIER_STORE);
    cr_expect_eq(where(t, "other"), TIER_NONE);
    tiers_free(t);
}

Test(tiers, a_quoted_answer_is_kept_once_it_is_popular)
{
    struct tiers *t = open_at(NULL, 0, 1 << 20);
    struct lru_value *v = tiers_answer(&w, "p", "body");
    struct tiers_stats s;

    v->tokens_in = v->tokens_out = 0;
    keep(t, lru_value_ref(v), NULL);
    for (int i = 1; i < TIERS_POPULAR; i++)
        tiers_asked(t, v);
    tiers_free(t);
    t = open_at(NULL, 0, 1 << 20);
    cr_expect_eq(where(t, "p"), TIER_NONE);
    tiers_asked(t, v);
    lru_value_unref(v);
    SOON(where(t, "p") == TIER_STORE);
    SOON((tiers_stats_get(t, &s), s.store_puts == 1));
    cr_expect_not(s.has_shared);
    tiers_free(t);
}

Test(tiers, a_store_of_no_bytes_keeps_none)
{
    struct tiers *t = open_at(NULL, 0, 0);

    keep(t, tiers_answer(&w, "p", "body"), NULL);
    tiers_free(t);
    t = open_at(NULL, 0, 1 << 20);
    cr_expect_eq(where(t, "p"), TIER_NONE);
    tiers_free(t);
}

Test(tiers, replicas_share_answers_until_a_document_is_purged)
{
    struct tiers *one, *two;

    REDIS_OR_SKIP();
    redis_server_start(&server, "");
    one = replica();
    two = replica();
    keep(one, tiers_answer(&w, "p", "body"), NULL);
    SOON(where(two, "p") == TIER_SHARED);
    tiers_purge(two, "default", "default", STR_LIT("b"));
    cr_expect_eq(where(one, "p"), TIER_SHARED, "shows another document");
    tiers_purge(two, "default", "default", STR_LIT("a"));
    SOON(where(one, "p") == TIER_NONE);
    tiers_free(one);
    tiers_free(two);
    redis_server_stop(&server);
}

Test(tiers, an_answer_of_a_replica_whose_clock_is_ahead_lives_no_longer_for_that)
{
    struct tiers *one, *two;
    struct lru_value *v = tiers_answer(&w, "p", "body");
    struct answer_origin o = tiers_asker(&w, "p");
    enum tier from;

    REDIS_OR_SKIP();
    redis_server_start(&server, "");
    one = replica();
    two = replica();
    v->stored_ms += 3600000;
    keep(one, v, NULL);
    SOON(where(two, "p") == TIER_SHARED);
    v = tiers_find(two, &o, &from);
    cr_assert_not_null(v);
    cr_expect_leq(v->stored_ms, clock_wall_ms());
    lru_value_unref(v);
    tiers_free(one);
    tiers_free(two);
    redis_server_stop(&server);
}

Test(tiers, an_answer_that_was_on_its_way_when_its_document_was_purged_is_not_kept)
{
    struct tiers *one, *two;
    struct lru_value *v = tiers_answer(&w, "p", "body");
    struct tiers_stats s;
    int64_t early;

    REDIS_OR_SKIP();
    redis_server_start(&server, "");
    one = replica();
    two = replica();
    early = tiers_ticket(one);
    tiers_purge(two, "default", "default", STR_LIT("a"));
    do {
        redis_pause(1);
        tiers_stats_get(two, &s);
    } while (s.shared.pending);
    tiers_keep(one, v, early, NULL);
    lru_value_unref(v);
    do {
        redis_pause(1);
        tiers_stats_get(one, &s);
    } while (s.shared.refused == 0);
    cr_expect_eq(where(two, "p"), TIER_NONE);
    tiers_free(one);
    tiers_free(two);
    redis_server_stop(&server);
}

Test(tiers, a_redis_that_is_away_costs_answers_nothing_but_time)
{
    char url[64];
    struct tiers *t;
    struct tiers_flight *flight;
    struct lru_value *answer;

    snprintf(url, sizeof url, "redis://127.0.0.1:%d", redis_free_port());
    t = open_at(url, 50, 1 << 20);
    cr_expect_eq(where(t, "p"), TIER_NONE);
    cr_expect_eq(join(t, "p", &flight, &answer), TIERS_LEAD);
    keep(t, tiers_answer(&w, "p", "body"), flight);
    SOON(where(t, "p") == TIER_STORE);
    cr_expect_eq(tiers_clear(t), ERR_UNAVAILABLE);
    cr_expect_eq(where(t, "p"), TIER_NONE, "the store's are gone all the same");
    tiers_free(t);
}

Test(tiers, clearing_reaches_every_tier)
{
    struct tiers *t, *other;

    REDIS_OR_SKIP();
    redis_server_start(&server, "");
    t = open_at(server.url, 30000, 1 << 20);
    other = replica();
    keep(t, tiers_answer(&w, "p", "body"), NULL);
    SOON(where(other, "p") == TIER_SHARED);
    SOON(where(t, "p") == TIER_STORE);
    cr_expect_eq(tiers_clear(t), ERR_OK, "%s", err_text());
    cr_expect_eq(where(t, "p"), TIER_NONE);
    cr_expect_eq(where(other, "p"), TIER_NONE);
    tiers_free(t);
    tiers_free(other);
    redis_server_stop(&server);
}

Test(tiers, what_is_being_put_when_all_is_cleared_does_not_come_back)
{
    struct fake_redis slow;
    struct tiers *t;

    fake_redis_start(&slow, FAKE_REDIS_REPLY, "$-1\r\n");
    t = open_at(slow.url, 1000, 1 << 20);
    while (slow.n_commands == 0)
        redis_pause(1); /* the keeper's first look */
    redis_pause(50);
    slow.delay_ms = 200;
    keep(t, tiers_answer(&w, "p", "body"), NULL);
    while (slow.n_commands == 1)
        redis_pause(1); /* it goes to Redis first */
    tiers_clear(t);
    slow.delay_ms = 0;
    keep(t, tiers_answer(&w, "q", "body"), NULL);
    SOON(where(t, "q") == TIER_STORE);
    cr_expect_eq(where(t, "p"), TIER_NONE);
    tiers_free(t);
    fake_redis_stop(&slow);
}
