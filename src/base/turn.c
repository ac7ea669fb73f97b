#include "base/turn.h"

#include "base/check.h"

void turn_init(struct turn *t)
{
    *t = (struct turn){.n_asked = 0};
    pthread_mutex_init(&t->mu, NULL);
    pthread_cond_init(&t->next, NULL);
}

void turn_done(struct turn *t)
{
    pthread_mutex_destroy(&t->mu);
    pthread_cond_destroy(&t->next);
}

void turn_take(struct turn *t)
{
    uint64_t mine;

    pthread_mutex_lock(&t->mu);
    mine = t->n_asked++;
    while (t->n_served != mine)
        pthread_cond_wait(&t->next, &t->mu);
    pthread_mutex_unlock(&t->mu);
}

void turn_give(struct turn *t)
{
    pthread_mutex_lock(&t->mu);
    CHECK(t->n_served < t->n_asked);
    t->n_served++;
    pthread_cond_broadcast(&t->next);
    pthread_mutex_unlock(&t->mu);
}
