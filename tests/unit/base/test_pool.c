#include "base/pool.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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
    cr_expect_eq(pool_submit_again(p, QUEUE_BULK, 0, count, NULL), ERR_OK,
                 "a part of accepted work");
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

/* ---- questions between the steps of a batch ---- */

static struct pool *busy;
static atomic_int n_steps, n_steps_before_question;
static pthread_t caller;
static sem_t answered;

static void question(void *arg, int i_worker)
{
    (void)arg, (void)i_worker;
    n_steps_before_question = n_steps;
    sem_post(&answered);
}

/* The caller's first step holds until the question is answered; the helper's first one asks it. */
static void step(void *arg, size_t i)
{
    (void)arg, (void)i;
    if (pthread_equal(pthread_self(), caller)) {
        sem_wait(&answered);
        sem_post(&answered);
    } else if (n_steps++ == 0) {
        pool_submit(busy, QUEUE_URGENT, question, NULL);
    }
}

Test(pool, a_question_goes_between_the_steps_of_a_helper)
{
    busy = pool_new("test", 2, 4);
    caller = pthread_self();
    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    sem_init(&answered, 0, 0);
    cr_assert_eq(pool_submit(busy, QUEUE_BULK, wait_at_gate, NULL),
                 ERR_OK); /* one worker is away */
    sem_wait(&started);
    pool_each(busy, 1000, step, NULL);
    cr_expect_eq(n_steps_before_question, 1, "%d", n_steps_before_question);
    sem_post(&gate);
    pool_free(busy);
}

static void priority(void *arg, int i_worker)
{
    (void)i_worker;
    *(int *)arg = getpriority(PRIO_PROCESS, (id_t)gettid());
}

Test(pool, a_nice_one_lets_others_go_first)
{
    int mine = getpriority(PRIO_PROCESS, 0), its = 0;
    struct pool *p = pool_new_nice("test", 1, 4, 5);

    cr_assert_eq(pool_submit(p, QUEUE_BULK, priority, &its), ERR_OK);
    pool_free(p);
    cr_expect_eq(its, mine + 5 < 19 ? mine + 5 : 19);
    cr_expect_eq(getpriority(PRIO_PROCESS, 0), mine, "nobody else's");
}

Test(pool, freeing_none_is_fine)
{
    pool_free(NULL);
    cr_expect(true);
}

static int order[16];
static atomic_int n_ordered;

static void note(void *arg, int i_worker)
{
    (void)i_worker;
    order[n_ordered++] = *(int *)arg;
}

Test(pool, tenants_take_turns_and_a_full_share_leaves_the_others_room)
{
    static int names[] = {1, 2};
    uint64_t acme = pool_flow("acme"), globex = pool_flow("globex");
    struct pool *p = pool_new("test", 1, 4);

    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    cr_assert_neq(acme, globex);
    pool_submit_for(p, QUEUE_URGENT, acme, wait_at_gate, NULL);
    sem_wait(&started);
    cr_expect_eq(pool_room_ms(p, QUEUE_URGENT, acme), 0);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(pool_submit_for(p, QUEUE_URGENT, acme, note, &names[0]), ERR_OK);
    cr_expect_eq(pool_submit_for(p, QUEUE_URGENT, acme, note, &names[0]), ERR_BUSY);
    cr_expect_eq(pool_submit_for(p, QUEUE_URGENT, globex, note, &names[1]), ERR_OK);
    cr_expect_eq(pool_submit_for(p, QUEUE_URGENT, globex, note, &names[1]), ERR_OK);
    cr_expect_eq(pool_submit_for(p, QUEUE_URGENT, globex, note, &names[1]), ERR_BUSY);
    sem_post(&gate);
    pool_free(p);
    cr_assert_eq(n_ordered, 6);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(order[i], names[i % 2], "place %d", i);
}

static void sleep_a_little(void *arg, int i_worker)
{
    struct timespec t = {0, 20000000};

    (void)arg, (void)i_worker;
    nanosleep(&t, NULL);
}

Test(pool, how_long_until_there_is_room_is_told_from_what_work_took)
{
    struct pool *p = pool_new("test", 1, 2);

    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    pool_submit_for(p, QUEUE_URGENT, 5, sleep_a_little, NULL);
    while (pool_submit_for(p, QUEUE_URGENT, 5, wait_at_gate, NULL) != ERR_OK)
        ;
    sem_wait(&started); /* the first one has been measured */
    for (int i = 0; i < 2; i++)
        cr_expect_eq(pool_submit_for(p, QUEUE_URGENT, 5, count, NULL), ERR_OK);
    cr_expect_geq(pool_room_ms(p, QUEUE_URGENT, 5), 20, "one of them must leave");
    cr_expect_eq(pool_room_ms(p, QUEUE_URGENT, 6), 0, "others have room");
    cr_expect_eq(pool_room_ms(p, QUEUE_BULK, 5), 0);
    sem_post(&gate);
    pool_free(p);
}
