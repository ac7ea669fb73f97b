/* Leaders with a crew each on one pool: steps whose units write plain memory that the next step
 * reads, opened and closed again and again while other work sends helpers away.
 *
 * A plain main, for ThreadSanitizer. Exit 0: every step saw all of the step before.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/crew.h"

#define N_LEADERS 3
#define N_ROUNDS  150
#define N_STEPS   20
#define N_UNITS   6

struct pass {
    long value[N_UNITS], sum[N_UNITS];
};

struct race {
    struct pool *pool;
    atomic_long n_wrong, n_opened, n_jobs;
};

static void count_up(void *arg, size_t i)
{
    struct pass *p = arg;

    p->value[i]++;
}

static void add_up(void *arg, size_t i)
{
    struct pass *p = arg;

    p->sum[i] = 0;
    for (size_t j = 0; j < N_UNITS; j++)
        p->sum[i] += p->value[j];
}

static void job(void *arg, int i_worker)
{
    struct race *race = arg;

    (void)i_worker;
    atomic_fetch_add(&race->n_jobs, 1);
}

/* The steps live on this stack, as bert.c's do: a helper that came too late would find them gone.
 */
static long wrong_steps(struct crew *c, size_t n_units)
{
    struct pass p = {0};
    long n_wrong = 0;

    for (long step = 1; step <= N_STEPS; step++) {
        crew_run(c, N_UNITS, count_up, &p);
        crew_run(c, n_units, add_up, &p);
        for (size_t i = 0; i < n_units; i++)
            n_wrong += p.sum[i] != step * N_UNITS;
    }
    return n_wrong;
}

static void *lead(void *arg)
{
    struct race *race = arg;
    struct crew *c = crew_new();

    for (int round = 0; round < N_ROUNDS; round++) {
        bool opened = crew_open(c, round % 5 ? race->pool : NULL);

        atomic_fetch_add(&race->n_wrong, wrong_steps(c, (size_t)round % N_UNITS + 1));
        if (opened)
            crew_close(c);
        atomic_fetch_add(&race->n_opened, opened);
        if (round % 9 == 0)
            pool_submit(race->pool, QUEUE_BULK, job, race);
    }
    crew_free(c);
    return NULL;
}

int main(void)
{
    pthread_t leaders[N_LEADERS];
    struct race race = {.pool = pool_new("race", 3, 64)};

    for (int i = 0; i < N_LEADERS; i++)
        pthread_create(&leaders[i], NULL, lead, &race);
    for (int i = 0; i < N_LEADERS; i++)
        pthread_join(leaders[i], NULL);
    pool_free(race.pool);
    printf("%ld rounds with helpers, %ld jobs between them, %ld wrong\n",
           atomic_load(&race.n_opened), atomic_load(&race.n_jobs), atomic_load(&race.n_wrong));
    return atomic_load(&race.n_wrong) || !atomic_load(&race.n_opened) ? 1 : 0;
}
