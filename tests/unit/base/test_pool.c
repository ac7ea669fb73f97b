#include "base/pool.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/err.h"

static atomic_int n_run, n_bad;
static sem_t started, gate;

static void count(void *arg, int i_worker)
{
    (void)arg;
    n_run++;
    n_bad += i_worker < 0 || i_worker >= 3;
}

static void wait_at_gate(void *arg, int i_worker)
{
    (void)arg, (void)i_worker;
    sem_post(&started);
    sem_wait(&gate);
}

Test(pool, runs_what_it_accepted_before_it_ends)
{
    struct pool *p = pool_new("test", 3, 100);

    cr_expect_eq(pool_threads(p), 3);
    for (int i = 0; i < 100; i++)
        cr_expect_eq(pool_submit(p, QUEUE_BULK, count, NULL), ERR_OK);
    pool_free(p);
    cr_expect_eq(n_run, 100);
    cr_expect_eq(n_bad, 0);
}

Test(pool, a_full_lane_is_busy_and_the_work_does_not_run)
{
    struct pool *p = pool_new("test", 1, 1);

    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    cr_expect_eq(pool_submit(p, QUEUE_BULK, wait_at_gate, NULL), ERR_OK);
    sem_wait(&started);
    cr_expect_eq(pool_busy(p), 1);
    cr_expect_eq(pool_submit(p, QUEUE_BULK, count, NULL), ERR_OK);
    cr_expect_eq(pool_depth(p), 1);
    cr_expect_eq(pool_submit(p, QUEUE_BULK, count, NULL), ERR_BUSY);
    cr_expect_eq(pool_submit_again(p, QUEUE_BULK, count, NULL), ERR_OK, "a part of accepted work");
    sem_post(&gate);
    pool_free(p);
    cr_expect_eq(n_run, 2);
}

static void mark(void *arg, size_t i)
{
    atomic_int *marks = arg;

    marks[i]++;
}

Test(pool, each_does_everything_once)
{
    static atomic_int marks[1000];
    struct pool *p = pool_new("a name longer than the kernel takes", 3, 2);

    for (int round = 1; round <= 20; round++) {
        pool_each(p, 1000, mark, marks);
        for (int i = 0; i < 1000; i++)
            cr_assert_eq(marks[i], round);
    }
    pool_each(p, 0, mark, marks);
    pool_free(p);
}

Test(pool, each_finishes_although_all_workers_are_busy)
{
    static atomic_int marks[10];
    struct pool *p = pool_new("test", 1, 1);

    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    pool_submit(p, QUEUE_BULK, wait_at_gate, NULL);
    sem_wait(&started);
    pool_each(p, 10, mark, marks);
    for (int i = 0; i < 10; i++)
        cr_expect_eq(marks[i], 1);
    sem_post(&gate);
    pool_free(p);
}

Test(pool, freeing_none_is_fine)
{
    pool_free(NULL);
    cr_expect(true);
}
