/* tiers_replicas.h - tiers on one store, and others that share nothing but a Redis with them. */
#pragma once
#include "cache/tiers.h"
#include "support/redis_server.h"
#include "unit/cache/tiers_world.h"

static struct tiers_world w;
static struct redis_server server;

static inline struct tiers *open_at(const char *url, int timeout_ms, int64_t store_bytes)
{
    struct tiers_options o = {.store = w.f.store, .store_bytes = store_bytes};
    struct tiers *t;

    if (url)
        cr_assert_eq(redis_open(&o.redis, url, timeout_ms), ERR_OK, "%s", err_text());
    t = tiers_new(&o);
    while (url && timeout_ms > 1000 && tiers_ticket(t) == 0)
        redis_pause(1);
    return t;
}

/* A replica of its own: nothing but Redis is shared. */
static inline struct tiers *replica(void)
{
    return open_at(server.url, 30000, 0);
}

static inline enum tier where(struct tiers *t, const char *prompt)
{
    struct answer_origin o = tiers_asker(&w, prompt);
    enum tier from;

    lru_value_unref(tiers_find(t, &o, &from));
    return from;
}

static inline void keep(struct tiers *t, struct lru_value *v, struct tiers_flight *flight)
{
    tiers_keep(t, v, tiers_ticket(t), flight);
    lru_value_unref(v);
}

/* The keeper works beside; what it does comes to be seen. */
#define SOON(what)                                                                                 \
    do {                                                                                           \
        for (int soon_i = 0; soon_i < 20000 && !(what); soon_i++)                                  \
            redis_pause(1);                                                                        \
        cr_expect((what), #what);                                                                  \
    } while (0)

static inline enum tiers_turn join(struct tiers *t, const char *prompt,
                                   struct tiers_flight **flight, struct lru_value **answer)
{
    struct answer_origin o = tiers_asker(&w, prompt);

    return tiers_join(t, &o, flight, answer);
}
