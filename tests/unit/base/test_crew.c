#include "base/crew.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "base/err.h"

static atomic_int marks[CREW_UNITS_MAX];
static atomic_int n_by_others;
static pthread_t leader;
static sem_t started, gate;

static void mark(void *arg, size_t i)
{
    (void)arg;
    marks[i]++;
    n_by_others += !pthread_equal(pthread_self(), leader);
}

static void wait_at_gate(void *arg, int i_worker)
{
    (void)arg, (void)i_worker;
    sem_post(&started);
    sem_wait(&gate);
}

/* Keeps n workers busy until as many posts of the gate. */
static void occupy(struct pool *p, int n)
{
    static bool are_made;

    if (!are_made) { /* once: from the last time a worker may still be on its way to the gate */
        sem_init(&started, 0, 0);
        sem_init(&gate, 0, 0);
        are_made = true;
    }
    for (int i = 0; i < n; i++)
        cr_assert_eq(pool_submit(p, QUEUE_BULK, wait_at_gate, NULL), ERR_OK);
    for (int i = 0; i < n; i++)
        sem_wait(&started);
}

static void expect_all(size_t n, int times)
{
    for (size_t i = 0; i < CREW_UNITS_MAX; i++)
        cr_assert_eq(marks[i], i < n ? times : 0, "unit %zu of %zu ran %d times, not %d", i, n,
                     marks[i], times);
}

/* Steps of many sizes, one after another. */
static void run_steps(struct crew *c)
{
    static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 64, 1000, CREW_UNITS_MAX};

    leader = pthread_self();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(marks, 0, sizeof marks);
        for (int round = 1; round <= 20; round++) {
            crew_run(c, sizes[i], mark, NULL);
            cr_assert(sizes[i] == 0 || marks[sizes[i] - 1] == round);
        }
        expect_all(sizes[i], 20);
    }
}

Test(crew, the_leader_alone_does_everything_once)
{
    struct crew *c = crew_new();

    run_steps(c);
    cr_expect_eq(n_by_others, 0);
    crew_free(c);
}

static void with_helpers(int n)
{
    struct pool *p = pool_new("test", n, 8);
    struct crew *c = crew_new();

    cr_expect(crew_open(c, p));
    run_steps(c);
    crew_close(c);
    pool_free(p);
    crew_free(c);
}

Test(crew, one_helper_and_everything_runs_once)
{
    with_helpers(1);
}

Test(crew, three_helpers_and_everything_runs_once)
{
    with_helpers(3);
}

/* Steps of ever more units, each of which needs what the step before has written. */
struct chain {
    size_t n;
    long from[64], to[64];
};

static void add_up(void *arg, size_t i)
{
    struct chain *c = arg;

    c->to[i] = 1;
    for (size_t j = 0; j < c->n; j++)
        c->to[i] += c->from[j] % 1000;
}

Test(crew, a_step_sees_what_the_step_before_has_written)
{
    struct pool *p = pool_new("test", 3, 8);
    struct crew *c = crew_new();
    struct chain shared = {.n = 64}, alone = {.n = 64};

    cr_assert(crew_open(c, p));
    for (int i = 0; i < 3000; i++) {
        crew_run(c, 64, add_up, &shared);
        memcpy(shared.from, shared.to, sizeof shared.to);
        for (size_t j = 0; j < 64; j++)
            add_up(&alone, j);
        memcpy(alone.from, alone.to, sizeof alone.to);
        cr_assert_arr_eq(shared.to, alone.to, sizeof alone.to, "step %d", i);
    }
    crew_close(c);
    pool_free(p);
    crew_free(c);
}

/* Unit 0 waits for a unit that only another thread can run. */
static atomic_bool met;

static void meet(void *arg, size_t i)
{
    (void)arg;
    if (i == 1)
        met = true;
    while (!met)
        sched_yield();
}

Test(crew, helpers_do_take_part)
{
    struct pool *p = pool_new("test", 1, 8);
    struct crew *c = crew_new();

    cr_assert(crew_open(c, p));
    crew_run(c, 2, meet, NULL);
    cr_expect(met);
    crew_close(c);
    pool_free(p);
    crew_free(c);
}

Test(crew, without_idle_workers_it_does_not_open)
{
    struct pool *p = pool_new("test", 2, 8);
    struct crew *c = crew_new();

    cr_expect_not(crew_open(c, NULL));
    occupy(p, 2);
    cr_expect_not(crew_open(c, p));
    cr_expect_eq(pool_depth(p), 0, "and asks for nobody");
    run_steps(c);
    cr_expect_eq(n_by_others, 0);
    sem_post(&gate);
    sem_post(&gate);
    pool_free(p);
    crew_free(c);
}

Test(crew, does_not_open_where_other_work_waits)
{
    struct pool *p = pool_new("test", 1, 8);
    struct crew *c = crew_new();

    occupy(p, 1);
    cr_assert_eq(pool_submit(p, QUEUE_BULK, wait_at_gate, NULL), ERR_OK);
    cr_expect_not(crew_open(c, p));
    cr_expect_eq(pool_depth(p), 1);
    sem_post(&gate);
    sem_post(&gate);
    pool_free(p);
    crew_free(c);
}

/* Closed at once: helpers find the crew closed, and then steps that they may still join; the next
 * round begins with them gone, on their way, or here. */
Test(crew, a_helper_that_comes_after_the_end_does_no_harm)
{
    struct pool *p = pool_new("test", 3, 8);
    struct crew *c = crew_new();

    for (int round = 0; round < 30; round++) {
        if (crew_open(c, p))
            crew_close(c);
        run_steps(c);
        if (round % 3 == 0) {
            occupy(p, 3); /* helpers have left for this */
            run_steps(c);
            for (int i = 0; i < 3; i++)
                sem_post(&gate);
        }
    }
    pool_free(p);
    crew_free(c);
    cr_expect_eq(marks[CREW_UNITS_MAX - 1], 20);
}

Test(crew, opens_and_closes_again_and_again)
{
    struct pool *p = pool_new("test", 2, 8);
    struct crew *c = crew_new();
    int n_opened = 0;

    for (int round = 1; round <= 2000; round++) {
        bool opened = crew_open(c, round % 7 ? p : NULL);

        n_opened += opened;
        cr_expect(round % 7 || !opened);
        crew_run(c, 5, mark, NULL);
        if (opened)
            crew_close(c);
    }
    expect_all(5, 2000);
    cr_expect_gt(n_opened, 0);
    pool_free(p);
    crew_free(c);
}

Test(crew, helpers_leave_for_other_work_once_closed)
{
    struct pool *p = pool_new("test", 1, 8);
    struct crew *c = crew_new();

    cr_assert(crew_open(c, p));
    crew_run(c, 2, mark, NULL);
    crew_close(c);
    occupy(p, 1); /* returns only when the worker has come */
    cr_expect_not(crew_open(c, p));
    sem_post(&gate);
    crew_free(c); /* before the pool, which is fine once helpers have gone */
    pool_free(p);
}

Test(crew, freeing_none_is_fine)
{
    crew_free(NULL);
    cr_expect(true);
}
