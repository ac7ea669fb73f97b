#include "cache/flights.h"

#include <pthread.h>

#include "base/map.h"
#include "base/mem.h"

struct waiter {
    flight_fn landed;
    void *arg;
    struct waiter *next;
};

struct flights {
    pthread_mutex_t mu;  /* guards the field below */
    struct map *running; /* key -> struct waiter * (newest first), 0 while nobody waits */
};

struct flights *flights_new(void)
{
    struct flights *f = mem_calloc(1, sizeof *f);

    pthread_mutex_init(&f->mu, NULL);
    f->running = map_new();
    return f;
}

void flights_free(struct flights *f)
{
    if (!f)
        return;
    pthread_mutex_destroy(&f->mu);
    map_free(f->running);
    mem_free(f);
}

bool flights_join(struct flights *f, const struct digest *key, flight_fn landed, void *arg)
{
    bool leads;
    uint64_t *slot;

    pthread_mutex_lock(&f->mu);
    slot = map_slot(f->running, key->b, DIGEST_BYTES, 0, &leads);
    if (!leads) {
        struct waiter *w = mem_alloc(sizeof *w);

        *w = (struct waiter){landed, arg, (struct waiter *)(uintptr_t)*slot};
        *slot = (uint64_t)(uintptr_t)w;
    }
    pthread_mutex_unlock(&f->mu);
    return leads;
}

size_t flights_land(struct flights *f, const struct digest *key, struct lru_value *reply, int rc,
                    const char *error)
{
    uint64_t head = 0;
    size_t n = 0;

    pthread_mutex_lock(&f->mu);
    map_get(f->running, key->b, DIGEST_BYTES, &head);
    map_remove(f->running, key->b, DIGEST_BYTES);
    pthread_mutex_unlock(&f->mu);
    for (struct waiter *w = (struct waiter *)(uintptr_t)head, *next; w; w = next, n++) {
        next = w->next;
        w->landed(w->arg, reply ? lru_value_ref(reply) : NULL, rc, error);
        mem_free(w);
    }
    return n;
}

bool flights_abandon(struct flights *f, const struct digest *key)
{
    uint64_t head = 0;

    pthread_mutex_lock(&f->mu);
    map_get(f->running, key->b, DIGEST_BYTES, &head);
    if (!head)
        map_remove(f->running, key->b, DIGEST_BYTES);
    pthread_mutex_unlock(&f->mu);
    return !head;
}

bool flights_leave(struct flights *f, const struct digest *key, void *arg)
{
    struct waiter *found = NULL;
    uint64_t head;

    pthread_mutex_lock(&f->mu);
    if (map_get(f->running, key->b, DIGEST_BYTES, &head)) {
        struct waiter *first = (struct waiter *)(uintptr_t)head, **at = &first;

        while (*at && (*at)->arg != arg)
            at = &(*at)->next;
        found = *at;
        if (found) {
            *at = found->next;
            map_put(f->running, key->b, DIGEST_BYTES, (uint64_t)(uintptr_t)first);
        }
    }
    pthread_mutex_unlock(&f->mu);
    mem_free(found);
    return found != NULL;
}
