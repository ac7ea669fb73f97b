#include "engine/spending.h"

#include <semaphore.h>

#include "support/fake_redis.h"
#include "support/redis_server.h"

/* Two servers on one Redis. */
struct pair {
    struct redis_server server;
    struct redis *redis[2];
    struct spending *of[2];
};

static void pair_open(struct pair *p)
{
    redis_server_start(&p->server, "");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(redis_open(&p->redis[i], p->server.url, 2000), ERR_OK);
        p->of[i] = spending_new(&(struct key_limits){0}, p->redis[i], "one-store");
    }
}

static void pair_close(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        spending_free(p->of[i]);
        redis_close(p->redis[i]);
    }
    redis_server_stop(&p->server);
}

struct waiting {
    struct spending_wait wait;
    sem_t done;
};

static void tell(struct spending_wait *w)
{
    sem_post(&((struct waiting *)w)->done);
}

/* Asks, and waits where it must. */
static struct spending_decision enter(struct spending *s, const struct spender *who)
{
    struct waiting w = {.wait.done = tell};
    struct spending_decision d;

    sem_init(&w.done, 0, 0);
    spending_enter(s, who, spending_now(), &w.wait, &d);
    if (d.verdict == SPENDING_LATER) {
        sem_wait(&w.done);
        d = w.wait.decision;
    }
    sem_destroy(&w.done);
    return d;
}

static int64_t ms_now(void)
{
    return spending_now().mono_ms;
}

/* What both admit of n tries each, one after the other, and the most that flowed in meanwhile. */
static int64_t admitted_of(struct pair *p, const struct spender *who, int n, int64_t *flowed_in)
{
    int64_t since = ms_now(), sum = 0;

    for (int i = 0; i < 2 * n; i++)
        sum += enter(p->of[i % 2], who).verdict == SPENDING_ADMITTED;
    *flowed_in = (ms_now() - since + 1) * who->limits.requests_per_minute / 60000 + 1;
    return sum;
}

Test(spending_shared, two_servers_admit_no_more_than_one_bucket_holds)
{
    static const int64_t limits[] = {1, 60, 6000};
    struct pair p;

    REDIS_OR_SKIP();
    pair_open(&p);
    for (int i = 0; i < 3; i++) {
        struct spender who = {.id = i + 1, .limits.requests_per_minute = limits[i]};
        int64_t flowed_in, n = admitted_of(&p, &who, (int)limits[i] + 20, &flowed_in);

        cr_expect_geq(n, limits[i] - 2 * (limits[i] / 600), "%lld", (long long)n);
        cr_expect_leq(n, limits[i] + flowed_in, "%lld and %lld", (long long)n,
                      (long long)flowed_in);
    }
    pair_close(&p);
}

#define N_THREADS 8
#define N_EACH    200

struct flood {
    struct spending *s;
    const struct spender *who;
    int64_t n_admitted;
};

static void *flood(void *arg)
{
    struct flood *f = arg;

    for (int i = 0; i < N_EACH; i++)
        f->n_admitted += enter(f->s, f->who).verdict == SPENDING_ADMITTED;
    return NULL;
}

Test(spending_shared, nor_when_many_ask_both_at_once)
{
    struct spender who = {.id = 1, .limits.requests_per_minute = 600};
    struct flood floods[N_THREADS];
    pthread_t threads[N_THREADS];
    int64_t since, flowed_in, sum = 0;
    struct pair p;

    REDIS_OR_SKIP();
    pair_open(&p);
    since = ms_now();
    for (int i = 0; i < N_THREADS; i++) {
        floods[i] = (struct flood){.s = p.of[i % 2], .who = &who};
        pthread_create(&threads[i], NULL, flood, &floods[i]);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += floods[i].n_admitted;
    }
    flowed_in = (ms_now() - since + 1) / 100 + 1;
    cr_expect_geq(sum, 598);
    cr_expect_leq(sum, 600 + flowed_in);
    pair_close(&p);
}

Test(spending_shared, tokens_spent_at_one_server_are_missing_at_the_other)
{
    struct spender who = {.id = 1, .limits = {0, 1000, 0, 0}},
                   day = {.id = 2, .limits = {0, 0, 500, 0}};
    struct spending_decision d;
    struct pair p;

    REDIS_OR_SKIP();
    pair_open(&p);
    cr_expect_eq(enter(p.of[0], &who).verdict, SPENDING_ADMITTED);
    spending_add(p.of[0], &who, spending_now(), (struct spending_use){.tokens = 3000}, NULL);
    cr_expect_eq(enter(p.of[0], &day).verdict, SPENDING_ADMITTED);
    spending_add(p.of[0], &day, spending_now(), (struct spending_use){.tokens = 500}, NULL);
    for (int i = 0; i < 200 && enter(p.of[1], &who).verdict == SPENDING_ADMITTED; i++)
        redis_pause(20);
    d = enter(p.of[1], &who);
    cr_expect_eq(d.verdict, SPENDING_REFUSED);
    cr_expect_eq(d.over, SPENDING_TOKENS);
    cr_expect(d.retry_ms > 100000 && d.retry_ms <= 120060, "%lld", (long long)d.retry_ms);
    for (int i = 0; i < 200 && enter(p.of[1], &day).verdict == SPENDING_ADMITTED; i++)
        redis_pause(20);
    cr_expect_eq(enter(p.of[1], &day).over, SPENDING_DAY);
    pair_close(&p);
}

Test(spending_shared, keys_of_one_id_in_copies_of_a_folder_are_two)
{
    struct spender a = {.id = 1, .mark = 7, .limits.requests_per_minute = 1}, b = a;
    struct pair p;

    REDIS_OR_SKIP();
    pair_open(&p);
    b.mark = 8;
    cr_expect_eq(enter(p.of[0], &a).verdict, SPENDING_ADMITTED);
    cr_expect_eq(enter(p.of[1], &b).verdict, SPENDING_ADMITTED);
    pair_close(&p);
}

Test(spending_shared, without_redis_each_server_goes_on_with_what_it_knows_and_tells_it_later)
{
    struct spender who = {.id = 1, .limits.requests_per_minute = 10};
    struct spending_stats stats;
    int n = 0;
    struct pair p;

    REDIS_OR_SKIP();
    pair_open(&p);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(enter(p.of[0], &who).verdict, SPENDING_ADMITTED);
    redis_server_kill(&p.server);
    for (int i = 0; i < 12; i++)
        n += enter(p.of[0], &who).verdict == SPENDING_ADMITTED;
    cr_expect(n >= 6 && n <= 7, "%d", n);
    spending_stats_get(p.of[0], &stats);
    cr_expect(stats.shared);
    cr_expect(stats.away);
    cr_expect_gt(stats.alone, 0);
    redis_server_run(&p.server, "");
    for (int i = 0; i < 1000 && stats.away; i++) {
        redis_pause(20);
        (void)enter(p.of[0], &who);
        spending_stats_get(p.of[0], &stats);
    }
    cr_expect(!stats.away, "it is asked again");
    pair_close(&p);
}

Test(spending_shared, a_redis_that_lies_is_one_that_is_away)
{
    static const char *const lies[] = {"$9\r\n1 2 3 4 x\r\n",
                                       "$7\r\n1 2 3 4\r\n",
                                       "$10\r\n1 -2 3 4 5\r\n",
                                       "*0\r\n",
                                       ":1\r\n",
                                       "-ERR no\r\n",
                                       "$-1\r\n"};
    struct spender who = {.id = 1, .limits.requests_per_minute = 1};

    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct fake_redis f;
        struct redis *r;
        struct spending *s;
        struct spending_stats stats;

        fake_redis_start(&f, FAKE_REDIS_REPLY, lies[i]);
        cr_assert_eq(redis_open(&r, f.url, 1000), ERR_OK);
        s = spending_new(&(struct key_limits){0}, r, "u");
        cr_expect_eq(enter(s, &who).verdict, SPENDING_ADMITTED, "%s", lies[i]);
        cr_expect_eq(enter(s, &who).verdict, SPENDING_REFUSED, "%s", lies[i]);
        spending_stats_get(s, &stats);
        cr_expect(stats.away);
        spending_free(s);
        redis_close(r);
        fake_redis_stop(&f);
    }
}

Test(spending_shared, a_redis_whose_day_has_not_begun_takes_nothing_from_ours)
{
    struct spender who = {.id = 1, .limits = {100000, 0, 1000, 0}};
    struct fake_redis f;
    struct redis *redis;
    struct spending *s;
    struct spending_report r;

    fake_redis_start(&f, FAKE_REDIS_REPLY, "$15\r\n3 0 0 20000 900\r\n"); /* in 2024 */
    cr_assert_eq(redis_open(&redis, f.url, 10000), ERR_OK);
    s = spending_new(&(struct key_limits){0}, redis, "a-store");
    for (int i = 0; i < 10; i++)
        cr_expect_eq(enter(s, &who).verdict, SPENDING_ADMITTED);
    spending_add(s, &who, spending_now(), (struct spending_use){.tokens = 7}, NULL);
    cr_assert(spending_of(s, 1, spending_now(), &r));
    cr_expect_eq(r.requests_today, 10);
    cr_expect_eq(r.tokens_today, 7);
    spending_free(s);
    redis_close(redis);
    fake_redis_stop(&f);
}
