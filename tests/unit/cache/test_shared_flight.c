#include "cache/shared_flight.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "support/fake_redis.h"
#include "unit/cache/shared_world.h"

#define SECOND_NS 1000000000u

static struct redis_server server;
static struct replica one, two;
static struct shared_flight a, b;
static struct shared_answer found;
static struct arena *mem;

static void up(void)
{
    struct digest p = named("p");

    if (!redis_server_program())
        return;
    mem = arena_new(0);
    redis_server_start(&server, "");
    replica_open(&one, &server);
    replica_open(&two, &server);
    shared_flight_init(&a, one.answers, &p);
    shared_flight_init(&b, two.answers, &p);
}

static void down(void)
{
    if (!redis_server_program())
        return;
    replica_close(&one);
    replica_close(&two);
    redis_server_stop(&server);
    arena_free(mem);
}

TestSuite(shared_flight, .init = up, .fini = down);

static enum shared_flight_state step(struct shared_flight *f)
{
    return shared_flight_step(f, &world_scope, 2000, mem, &found);
}

static int answer(struct replica *r)
{
    return share(r, "p", "the answer", "d", shared_answers_ticket(r->answers));
}

Test(shared_flight, one_leads_and_the_other_gets_its_answer)
{
    REDIS_OR_SKIP();
    cr_expect_eq(step(&a), SHARED_FLIGHT_LEADS);
    cr_expect_eq(step(&b), SHARED_FLIGHT_WAITS);
    cr_expect_eq(answer(&one), 1);
    cr_expect_eq(step(&b), SHARED_FLIGHT_ANSWERED);
    cr_expect(str_eq(found.body, STR_LIT("the answer")));
    cr_expect_eq(shared_flight_end(&a), 1);
    cr_expect_eq(step(&b), SHARED_FLIGHT_ANSWERED, "and leaves no lock behind");
    cr_expect_eq(shared_flight_end(&b), 0);
}

Test(shared_flight, other_prompts_do_not_wait)
{
    struct digest q = named("q");
    struct shared_flight c;

    REDIS_OR_SKIP();
    shared_flight_init(&c, two.answers, &q);
    cr_expect_eq(step(&a), SHARED_FLIGHT_LEADS);
    cr_expect_eq(step(&c), SHARED_FLIGHT_LEADS);
}

Test(shared_flight, a_leader_without_an_answer_is_followed_by_one_who_waits)
{
    REDIS_OR_SKIP();
    cr_expect_eq(step(&a), SHARED_FLIGHT_LEADS);
    cr_expect_eq(step(&b), SHARED_FLIGHT_WAITS);
    shared_flight_end(&a);
    cr_expect_eq(step(&b), SHARED_FLIGHT_LEADS);
    cr_expect_eq(step(&a), SHARED_FLIGHT_WAITS);
}

Test(shared_flight, only_its_holder_renews_or_ends_a_lock)
{
    REDIS_OR_SKIP();
    cr_expect_eq(step(&a), SHARED_FLIGHT_LEADS);
    cr_expect_eq(shared_flight_renew(&b), 0);
    cr_expect_eq(shared_flight_end(&b), 0);
    cr_expect_eq(shared_flight_renew(&a), 1);
    cr_expect_eq(step(&b), SHARED_FLIGHT_WAITS);
    cr_expect_eq(shared_flight_end(&a), 1);
    cr_expect_eq(shared_flight_renew(&a), 0);
}

/* As if the holder's time had run out; the wait itself would only slow the test. */
Test(shared_flight, a_dead_leader_is_followed_when_its_lock_expires)
{
    struct digest p = named("p");
    char room[SHARED_KEY_MAX];
    struct str key;

    REDIS_OR_SKIP();
    key = shared_answers_key(one.answers, 'f', &p, room);
    cr_expect_eq(step(&a), SHARED_FLIGHT_LEADS);
    cr_expect_leq(eval_number(&one, "return redis.call('PTTL', KEYS[1])", key.p),
                  SHARED_FLIGHT_LIFE_MS);
    cr_expect_gt(eval_number(&one, "return redis.call('PTTL', KEYS[1])", key.p), 0);
    eval_number(&one, "return redis.call('PEXPIRE', KEYS[1], 1)", key.p);
    cr_expect_eq(shared_flight_wait(&b, &world_scope, clock_ns() + 30ull * SECOND_NS, mem, &found),
                 SHARED_FLIGHT_LEADS);
    cr_expect_eq(shared_flight_end(&a), 0, "it is not its own any more");
    cr_expect_eq(shared_flight_end(&b), 1);
}

Test(shared_flight, who_waits_does_so_until_its_own_deadline)
{
    REDIS_OR_SKIP();
    cr_expect_eq(step(&a), SHARED_FLIGHT_LEADS);
    cr_expect_eq(shared_flight_wait(&b, &world_scope, clock_ns() + SECOND_NS / 10, mem, &found),
                 SHARED_FLIGHT_ALONE);
    cr_expect_eq(shared_flight_wait(&b, &world_scope, 0, mem, &found), SHARED_FLIGHT_ALONE);
}

Test(shared_flight, waits_grow_to_their_limit)
{
    int before = 0;

    REDIS_OR_SKIP();
    step(&a);
    step(&b);
    cr_expect_eq(b.wait_ms, SHARED_FLIGHT_WAIT_MS);
    for (int i = 0; i < 20; i++) {
        cr_expect_geq(b.wait_ms, before);
        before = b.wait_ms;
        step(&b);
    }
    cr_expect_eq(b.wait_ms, SHARED_FLIGHT_WAIT_MS_MAX);
}

Test(shared_flight, without_redis_everybody_runs_alone)
{
    struct fake_redis f;
    struct replica r;
    struct digest p = named("p");
    struct shared_flight c;
    struct arena *own = arena_new(0);

    fake_redis_start(&f, FAKE_REDIS_CUT, "$");
    replica_open_at(&r, f.url, WORLD_UUID);
    shared_flight_init(&c, r.answers, &p);
    cr_expect_eq(shared_flight_wait(&c, &world_scope, UINT64_MAX, own, &found),
                 SHARED_FLIGHT_ALONE);
    cr_expect_eq(shared_flight_renew(&c), ERR_UNAVAILABLE);
    cr_expect_eq(shared_flight_end(&c), ERR_UNAVAILABLE);
    replica_close(&r);
    fake_redis_stop(&f);
    arena_free(own);
}

/* ---- many askers of one prompt on two replicas ---- */

static atomic_int n_runs, n_answers;

static void *ask(void *arg)
{
    struct replica *r = arg;
    struct digest p = named("p");
    struct shared_flight f;
    struct shared_answer out;
    struct arena *own = arena_new(0);
    struct str d = STR_LIT("d");
    struct shared_answer made = {.body = STR_LIT("the answer"),
                                 .stored_ms = clock_wall_ms(),
                                 .ttl_ms = 3600000,
                                 .documents = &d,
                                 .n_documents = 1};

    shared_flight_init(&f, r->answers, &p);
    if (shared_flight_wait(&f, &world_scope, clock_ns() + 60ull * SECOND_NS, own, &out) ==
        SHARED_FLIGHT_LEADS) {
        n_runs++;
        redis_pause(100); /* others come meanwhile */
        shared_answers_put(r->answers, &p, &world_scope, &made, shared_answers_ticket(r->answers),
                           made.stored_ms);
        shared_flight_end(&f);
        n_answers++;
    } else {
        n_answers += str_eq(out.body, made.body);
    }
    arena_free(own);
    return NULL;
}

Test(shared_flight, twenty_askers_on_two_replicas_are_one_run)
{
    pthread_t threads[20];

    REDIS_OR_SKIP();
    for (int i = 0; i < 20; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, ask, i % 2 ? &one : &two), 0);
    for (int i = 0; i < 20; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(n_runs, 1);
    cr_expect_eq(n_answers, 20);
}
