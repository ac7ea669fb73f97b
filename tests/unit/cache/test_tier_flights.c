#include <semaphore.h>

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

TestSuite(tier_flights, .init = up, .fini = down);

struct waiter {
    sem_t told;
    struct tiers_flight *flight;
};

static void tell(void *arg)
{
    sem_post(&((struct waiter *)arg)->told);
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

Test(tier_flights, one_replica_runs_and_the_other_gets_its_answer)
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
    cr_expect_eq(answer->tokens_in, 100);
    cr_expect_eq(answer->tokens_out, 20);
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

Test(tier_flights, who_waits_for_one_that_fails_runs_itself)
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

Test(tier_flights, who_leads_for_longer_than_a_lock_lives_still_leads)
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

Test(tier_flights, without_a_redis_everybody_leads)
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

#define CROWD 10

/* A look at each takes the keeper longer than it is until the first is to be looked at again. */
Test(tier_flights, a_crowd_that_waits_keeps_no_answer_from_being_kept)
{
    struct fake_redis slow;
    struct waiter crowd[CROWD];
    struct lru_value *answer;
    struct tiers_stats s = {0};
    char prompt[16];
    struct tiers *t;

    fake_redis_start(&slow, FAKE_REDIS_REPLY, "$-1\r\n"); /* another has the lock; no answer */
    t = open_at(slow.url, 1000, 1 << 20);
    slow.delay_ms = 5;
    for (int i = 0; i < CROWD; i++) {
        snprintf(prompt, sizeof prompt, "p%d", i);
        cr_assert_eq(join(t, prompt, &crowd[i].flight, &answer), TIERS_WAIT);
        sem_init(&crowd[i].told, 0, 0);
    }
    for (int i = 0; i < CROWD; i++)
        tiers_wait(crowd[i].flight, UINT64_MAX, tell, &crowd[i]);
    redis_pause(500); /* until all are looked at each 50 ms */
    keep(t, tiers_answer(&w, "p", "body"), NULL);
    for (int i = 0; i < 5000 && s.store_puts == 0; i++) {
        redis_pause(1);
        tiers_stats_get(t, &s);
    }
    cr_expect_eq(s.store_puts, 1);
    slow.reply = "+OK\r\n"; /* the lock is ours */
    for (int i = 0; i < CROWD; i++) {
        sem_wait(&crowd[i].told);
        cr_expect_eq(tiers_turn_of(crowd[i].flight, &answer), TIERS_LEAD);
        tiers_leave(crowd[i].flight);
        sem_destroy(&crowd[i].told);
    }
    tiers_free(t);
    fake_redis_stop(&slow);
}

Test(tier_flights, who_ends_makes_nobody_wait_for_another_replica)
{
    struct tiers *one, *two;
    struct tiers_flight *leads, *waits[2];
    struct waiter early;
    struct lru_value *answer;

    REDIS_OR_SKIP();
    redis_server_start(&server, "");
    one = replica();
    two = replica();
    cr_assert_eq(join(one, "p", &leads, &answer), TIERS_LEAD);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(join(two, "p", &waits[i], &answer), TIERS_WAIT);
    sem_init(&early.told, 0, 0);
    tiers_wait(waits[0], UINT64_MAX, tell, &early);
    tiers_end_waits(two);
    sem_wait(&early.told);
    cr_expect_eq(tiers_turn_of(waits[0], &answer), TIERS_LEAD);
    cr_expect_eq(wait_for_it(waits[1], UINT64_MAX, &answer), TIERS_LEAD, "who comes later, too");
    sem_destroy(&early.told);
    tiers_leave(leads);
    for (int i = 0; i < 2; i++)
        tiers_leave(waits[i]);
    tiers_free(one);
    tiers_free(two);
    redis_server_stop(&server);
}
