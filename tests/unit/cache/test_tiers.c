#include "cache/tiers.h"

#include <semaphore.h>

#include "support/redis_server.h"
#include "unit/cache/tiers_world.h"

static struct tiers_world w;
static struct redis_server server;

static void up(void)
{
    tiers_world_open(&w);
}

static void down(void)
{
    tiers_world_close(&w);
}

TestSuite(tiers, .init = up, .fini = down);

static struct tiers *open_at(const char *url, int timeout_ms, int64_t store_bytes)
{
    struct tiers_options o = {.store = w.f.store, .store_bytes = store_bytes};
    struct tiers *t;

    if (url)
        cr_assert_eq(redis_open(&o.redis, url, timeout_ms), ERR_OK, "%s", err_text());
    t = tiers_new(&o);
    while (url && timeout_ms > 1000 && tiers_ticket(t) == 0)
        redis_pause(1);
    return t;
}

/* A replica of its own: nothing but Redis is shared. */
static struct tiers *replica(void)
{
    return open_at(server.url, 30000, 0);
}

static enum tier where(struct tiers *t, const char *prompt)
{
    struct answer_origin o = tiers_asker(&w, prompt);
    enum tier from;

    lru_value_unref(tiers_find(t, &o, &from));
    return from;
}

static void keep(struct tiers *t, struct lru_value *v, struct tiers_flight *flight)
{
    tiers_keep(t, v, tiers_ticket(t), flight);
    lru_value_unref(v);
}

/* The keeper works beside; what it does comes to be seen. */
#define SOON(what)                                                                                 \
    do {                                                                                           \
        for (int soon_i = 0; soon_i < 20000 && !(what); soon_i++)                                  \
            redis_pause(1);                                                                        \
        cr_expect((what), #what);                                                                  \
    } while (0)

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

Test(tiers, without_a_redis_everybody_leads)
{
    struct tiers *t = open_at(NULL, 0, 1 << 20);
    struct answer_origin o = tiers_asker(&w, "p");
    struct tiers_flight *flight;
    struct lru_value *answer;

    cr_expect_eq(tiers_join(t, &o, &flight, &answer), TIERS_LEAD);
    cr_expect_null(flight);
    cr_expect_eq(tiers_ticket(t), 0);
    tiers_purge(t, "default", "default", STR_LIT("a"));
    tiers_leave(flight);
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

/* ---- flights ---- */

struct waiter {
    sem_t told;
    struct tiers_flight *flight;
};

static void tell(void *arg)
{
    sem_post(&((struct waiter *)arg)->told);
}

static enum tiers_turn join(struct tiers *t, const char *prompt, struct tiers_flight **flight,
                            struct lru_value **answer)
{
    struct answer_origin o = tiers_asker(&w, prompt);

    return tiers_join(t, &o, flight, answer);
}

static enum tiers_turn wait_for_it(struct tiers_flight *f, uint64_t until_ns,
                                   struct lru_value **answer)
{
    struct waiter waiter = {.flight = f};

    sem_init(&waiter.told, 0, 0);
    tiers_wait(f, until_ns, tell, &waiter);
    sem_wait(&waiter.told);
    sem_destroy(&waiter.told);
    return tiers_turn_of(f, answer);
}

Test(tiers, one_replica_runs_and_the_other_gets_its_answer)
{
    struct tiers *one, *two;
    struct tiers_flight *leads, *waits, *none;
    struct lru_value *answer;

    REDIS_OR_SKIP();
    redis_server_start(&server, "");
    one = replica();
    two = replica();
    cr_assert_eq(join(one, "p", &leads, &answer), TIERS_LEAD);
    cr_assert_not_null(leads);
    cr_assert_eq(join(two, "p", &waits, &answer), TIERS_WAIT);
    keep(one, tiers_answer(&w, "p", "body"), leads);
    cr_expect_eq(wait_for_it(waits, UINT64_MAX, &answer), TIERS_ANSWERED);
    cr_assert_not_null(answer);
    cr_expect(str_eq((struct str){answer->bytes, answer->n}, STR_LIT("body")));
    cr_expect_eq(answer->tokens_in, 120);
    cr_expect_eq(answer->made_us, 300000);
    cr_expect_eq(answer->cost, 0.25f);
    lru_value_unref(answer);
    tiers_leave(waits);
    cr_expect_eq(join(two, "p", &none, &answer), TIERS_ANSWERED);
    cr_expect_null(none);
    lru_value_unref(answer);
    tiers_free(one);
    tiers_free(two);
    redis_server_stop(&server);
}

Test(tiers, who_waits_for_one_that_fails_runs_itself)
{
    struct tiers *one, *two;
    struct tiers_flight *leads, *waits;
    struct lru_value *answer;

    REDIS_OR_SKIP();
    redis_server_start(&server, "");
    one = replica();
    two = replica();
    cr_assert_eq(join(one, "p", &leads, &answer), TIERS_LEAD);
    cr_assert_eq(join(two, "p", &waits, &answer), TIERS_WAIT);
    tiers_leave(leads);
    cr_expect_eq(wait_for_it(waits, UINT64_MAX, &answer), TIERS_LEAD);
    cr_expect_null(answer);
    cr_expect_eq(join(one, "p", &leads, &answer), TIERS_WAIT, "the lock is the other's now");
    tiers_leave(leads);
    tiers_leave(waits);
    tiers_free(one);
    tiers_free(two);
    redis_server_stop(&server);
}

Test(tiers, who_leads_for_longer_than_a_lock_lives_still_leads)
{
    struct tiers *one, *two;
    struct tiers_flight *leads, *waits;
    struct lru_value *answer;

    REDIS_OR_SKIP();
    redis_server_start(&server, "");
    one = replica();
    two = replica();
    cr_assert_eq(join(one, "p", &leads, &answer), TIERS_LEAD);
    redis_pause(4000);
    cr_expect_eq(join(two, "p", &waits, &answer), TIERS_WAIT);
    cr_expect_eq(wait_for_it(waits, clock_ns() + 50000000, &answer), TIERS_LEAD,
                 "at its own deadline");
    cr_expect_null(answer);
    tiers_leave(waits);
    tiers_leave(leads);
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
