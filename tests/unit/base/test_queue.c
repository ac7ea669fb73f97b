#include "base/queue.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

static struct queue *q;
static int items[8];

static void up(void)
{
    q = queue_new(2);
}

static void down(void)
{
    queue_free(q);
}

TestSuite(queue, .init = up, .fini = down);

static void *pop(void)
{
    void *item = NULL;

    cr_assert(queue_try_pop(q, &item));
    return item;
}

Test(queue, first_in_first_out)
{
    for (int round = 0; round < 5; round++) {
        queue_try_push(q, QUEUE_BULK, 0, &items[0]);
        queue_try_push(q, QUEUE_BULK, 0, &items[1]);
        cr_expect_eq(pop(), &items[0]);
        cr_expect_eq(pop(), &items[1]);
    }
}

Test(queue, the_urgent_go_first)
{
    queue_try_push(q, QUEUE_BULK, 0, &items[0]);
    queue_try_push(q, QUEUE_URGENT, 0, &items[1]);
    cr_expect_eq(pop(), &items[1]);
    cr_expect_eq(pop(), &items[0]);
}

Test(queue, a_full_lane_is_an_answer_and_leaves_the_other_free)
{
    queue_try_push(q, QUEUE_BULK, 0, &items[0]);
    queue_try_push(q, QUEUE_BULK, 0, &items[1]);
    cr_expect_eq(queue_try_push(q, QUEUE_BULK, 0, &items[2]), ERR_BUSY);
    cr_expect_eq(queue_try_push(q, QUEUE_URGENT, 0, &items[3]), ERR_OK);
    cr_expect_eq(queue_depth(q), 3);
}

Test(queue, what_is_put_back_goes_last_and_is_never_refused)
{
    queue_try_push(q, QUEUE_BULK, 0, &items[0]);
    queue_try_push(q, QUEUE_BULK, 0, &items[1]);
    cr_expect_eq(pop(), &items[0]);
    queue_try_push(q, QUEUE_BULK, 0, &items[2]); /* the ring has gone round */
    for (int i = 3; i < 8; i++)
        cr_expect_eq(queue_put_back(q, QUEUE_BULK, 0, &items[i]), ERR_OK);
    cr_expect_eq(queue_try_push(q, QUEUE_BULK, 0, &items[0]), ERR_BUSY);
    for (int i = 1; i < 8; i++)
        cr_expect_eq(pop(), &items[i]);
    cr_expect_eq(queue_try_push(q, QUEUE_BULK, 0, &items[0]), ERR_OK);
    cr_expect_eq(pop(), &items[0]);
    queue_close(q);
    cr_expect_eq(queue_put_back(q, QUEUE_BULK, 0, &items[0]), ERR_CANCELLED);
}

Test(queue, closed_lets_nothing_in_and_everything_out)
{
    void *item;

    queue_try_push(q, QUEUE_BULK, 0, &items[0]);
    queue_close(q);
    cr_expect_eq(queue_try_push(q, QUEUE_BULK, 0, &items[1]), ERR_CANCELLED);
    cr_expect_eq(queue_push(q, QUEUE_BULK, &items[1]), ERR_CANCELLED);
    cr_expect(queue_pop(q, &item));
    cr_expect_eq(item, &items[0]);
    cr_expect(!queue_pop(q, &item));
}

Test(queue, flows_have_a_share_each_in_each_lane)
{
    for (int i = 0; i < 2; i++)
        cr_expect_eq(queue_try_push(q, QUEUE_BULK, 1, &items[0]), ERR_OK);
    cr_expect_eq(queue_try_push(q, QUEUE_BULK, 1, &items[0]), ERR_BUSY);
    cr_expect_eq(queue_try_push(q, QUEUE_BULK, 2, &items[1]), ERR_OK);
    cr_expect_eq(queue_turns(q, QUEUE_BULK, 2), 2, "its own one, and the other's turn before it");
    cr_expect_eq(queue_turns(q, QUEUE_BULK, 3), 0);
    cr_expect_eq(queue_try_push(q, QUEUE_URGENT, 2, &items[2]), ERR_OK);
    cr_expect_eq(queue_turns(q, QUEUE_BULK, 2), 3, "and what goes before them all");
    cr_expect_eq(pop(), &items[2]);
    cr_expect_eq(pop(), &items[0]);
    cr_expect_eq(pop(), &items[1]);
    cr_expect_eq(pop(), &items[0]);
}

#define N_EACH 2000

static atomic_long sum, n_popped;

static void *produce(void *arg)
{
    for (intptr_t i = 1; i <= N_EACH; i++)
        queue_push(q, i % 2 ? QUEUE_URGENT : QUEUE_BULK, (void *)i);
    return arg;
}

static void *consume(void *arg)
{
    void *item;

    while (queue_pop(q, &item)) {
        sum += (intptr_t)item;
        n_popped++;
    }
    return arg;
}

Test(queue, nothing_is_lost_between_threads)
{
    pthread_t in[3], out[3];

    for (int i = 0; i < 3; i++) {
        pthread_create(&in[i], NULL, produce, NULL);
        pthread_create(&out[i], NULL, consume, NULL);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(in[i], NULL);
    queue_close(q);
    for (int i = 0; i < 3; i++)
        pthread_join(out[i], NULL);
    cr_expect_eq(n_popped, 3 * N_EACH);
    cr_expect_eq(sum, 3L * N_EACH * (N_EACH + 1) / 2);
}
