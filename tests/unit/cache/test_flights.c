#include "cache/flights.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"

struct seen {
    int calls, rc;
    bool got_reply;
    char error[64];
};

static void note(void *arg, struct lru_value *reply, int rc, const char *error)
{
    struct seen *s = arg;

    s->calls++;
    s->rc = rc;
    s->got_reply = reply != NULL;
    snprintf(s->error, sizeof s->error, "%s", error ? error : "");
    lru_value_unref(reply);
}

static const struct digest key = {{1, 2, 3}};

Test(flights, the_first_leads_and_the_others_get_its_result)
{
    struct flights *f = flights_new();
    struct seen a = {0}, b = {0};
    struct lru_value *v = lru_value_new("x", 1, 1000);

    cr_expect(flights_join(f, &key, NULL, NULL));
    cr_expect_not(flights_join(f, &key, note, &a));
    cr_expect_not(flights_join(f, &key, note, &b));
    cr_expect_eq(flights_land(f, &key, v, ERR_OK, NULL), 2);
    cr_expect_eq(a.calls, 1);
    cr_expect(a.got_reply);
    cr_expect_eq(b.calls, 1);
    lru_value_unref(v);
    cr_expect(flights_join(f, &key, NULL, NULL), "the next one leads again");
    flights_land(f, &key, NULL, ERR_CANCELLED, "");
    flights_free(f);
}

Test(flights, a_failed_run_fails_its_waiters_with_the_reason)
{
    struct flights *f = flights_new();
    struct seen a = {0};

    flights_join(f, &key, NULL, NULL);
    flights_join(f, &key, note, &a);
    flights_land(f, &key, NULL, ERR_TIMEOUT, "too late");
    cr_expect_eq(a.rc, ERR_TIMEOUT);
    cr_expect_not(a.got_reply);
    cr_expect_str_eq(a.error, "too late");
    flights_free(f);
}

Test(flights, who_leaves_is_not_called)
{
    struct flights *f = flights_new();
    struct seen a = {0}, b = {0};

    flights_join(f, &key, NULL, NULL);
    flights_join(f, &key, note, &a);
    flights_join(f, &key, note, &b);
    cr_expect(flights_leave(f, &key, &a));
    cr_expect_not(flights_leave(f, &key, &a));
    cr_expect_eq(flights_land(f, &key, NULL, ERR_OK, NULL), 1);
    cr_expect_eq(a.calls, 0);
    cr_expect_eq(b.calls, 1);
    cr_expect_not(flights_leave(f, &key, &b), "it has landed");
    flights_free(f);
}

struct race {
    struct flights *f;
    atomic_int running, most, runs;
    atomic_int served;
};

static void served(void *arg, struct lru_value *reply, int rc, const char *error)
{
    struct race *r = arg;

    (void)rc;
    (void)error;
    lru_value_unref(reply);
    atomic_fetch_add(&r->served, 1);
}

static void *ask_often(void *arg)
{
    struct race *r = arg;

    for (int i = 0; i < 2000; i++) {
        if (!flights_join(r->f, &key, served, r))
            continue;
        int now = atomic_fetch_add(&r->running, 1) + 1;
        if (now > atomic_load(&r->most))
            atomic_store(&r->most, now);
        atomic_fetch_add(&r->runs, 1);
        atomic_fetch_sub(&r->running, 1);
        flights_land(r->f, &key, NULL, ERR_OK, NULL);
    }
    return NULL;
}

Test(flights, two_runs_of_one_key_never_overlap_and_everyone_is_served_once)
{
    struct race r = {.f = flights_new()};
    pthread_t t[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, ask_often, &r);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    cr_expect_eq(atomic_load(&r.most), 1);
    cr_expect_eq(atomic_load(&r.runs) + atomic_load(&r.served), 4 * 2000);
    flights_free(r.f);
}

static void never(void *arg, struct lru_value *reply, int rc, const char *error)
{
    (void)reply;
    (void)rc;
    (void)error;
    ++*(int *)arg;
}

Test(flights, a_run_can_be_given_up_while_nobody_waits_for_it)
{
    struct flights *f = flights_new();
    struct digest k = digest_of("k", 1);
    int n = 0;

    cr_assert(flights_join(f, &k, never, &n));
    cr_assert_not(flights_join(f, &k, never, &n));
    cr_expect_not(flights_abandon(f, &k), "one waits");
    cr_expect(flights_leave(f, &k, &n));
    cr_expect(flights_abandon(f, &k));
    cr_expect(flights_join(f, &k, never, &n), "the next one leads");
    flights_land(f, &k, NULL, ERR_CANCELLED, "");
    cr_expect_eq(n, 0);
    flights_free(f);
}
