#include "base/turn.h"

#include <criterion/criterion.h>
#include <stdatomic.h>

#define N_THREADS 4
#define N_TURNS   200

static struct turn turn;
static atomic_int n_inside, n_most;
static int order[N_THREADS * N_TURNS], n_order;

static void *work(void *arg)
{
    int me = (int)(intptr_t)arg;

    for (int i = 0; i < N_TURNS; i++) {
        int n;

        turn_take(&turn);
        n = atomic_fetch_add(&n_inside, 1) + 1;
        if (n > n_most)
            n_most = n;
        order[n_order++] = me; /* nobody else is here */
        atomic_fetch_sub(&n_inside, 1);
        turn_give(&turn);
    }
    return NULL;
}

Test(turn, one_at_a_time_and_everybody_comes_to_an_end)
{
    pthread_t threads[N_THREADS];
    int n_of[N_THREADS] = {0};

    turn_init(&turn);
    for (intptr_t i = 0; i < N_THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(n_most, 1);
    cr_expect_eq(n_order, N_THREADS * N_TURNS);
    for (int i = 0; i < n_order; i++)
        n_of[order[i]]++;
    for (int i = 0; i < N_THREADS; i++)
        cr_expect_eq(n_of[i], N_TURNS);
    turn_done(&turn);
}

static void *take_once(void *arg)
{
    turn_take(&turn);
    *(int *)arg = ++n_order;
    turn_give(&turn);
    return NULL;
}

Test(turn, who_has_had_it_comes_after_who_waits)
{
    pthread_t other;
    int its = 0;
    uint64_t n;

    turn_init(&turn);
    turn_take(&turn);
    pthread_create(&other, NULL, take_once, &its);
    do { /* until the other one waits */
        pthread_mutex_lock(&turn.mu);
        n = turn.n_asked;
        pthread_mutex_unlock(&turn.mu);
    } while (n < 2);
    turn_give(&turn);
    turn_take(&turn);
    cr_expect_eq(++n_order, 2);
    turn_give(&turn);
    pthread_join(other, NULL);
    cr_expect_eq(its, 1);
    turn_done(&turn);
}
