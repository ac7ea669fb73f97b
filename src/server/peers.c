#include "server/peers.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

struct peers {
    int64_t max;
    pthread_mutex_t mu; /* guards the field below */
    struct map *counts;
};

struct peers *peers_new(int64_t max)
{
    struct peers *p = mem_calloc(1, sizeof *p);

    CHECK(max > 0);
    p->max = max;
    p->counts = map_new();
    pthread_mutex_init(&p->mu, NULL);
    return p;
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    map_free(p->counts);
    pthread_mutex_destroy(&p->mu);
    mem_free(p);
}

/* IPv4 in the last four bytes, as no /64 that is routed begins with four zeros. */
static struct peer peer_of(const struct sockaddr *from)
{
    struct peer peer = {.counted = true};
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)from)->sin6_addr;

    if (from->sa_family == AF_INET)
        memcpy(peer.b + 4, &((const struct sockaddr_in *)from)->sin_addr, 4);
    else if (from->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6))
        memcpy(peer.b + 4, v6->s6_addr + 12, 4);
    else if (from->sa_family == AF_INET6)
        memcpy(peer.b, v6->s6_addr, 8);
    else
        peer.counted = false;
    return peer;
}

bool peers_enter(struct peers *p, const struct sockaddr *from, struct peer *out)
{
    uint64_t n;
    bool added;

    *out = peer_of(from);
    if (!out->counted)
        return true;
    pthread_mutex_lock(&p->mu);
    n = ++*map_slot(p->counts, out->b, sizeof out->b, 0, &added);
    pthread_mutex_unlock(&p->mu);
    return n <= (uint64_t)p->max;
}

void peers_leave(struct peers *p, const struct peer *peer)
{
    bool added;

    if (!peer->counted)
        return;
    pthread_mutex_lock(&p->mu);
    if (--*map_slot(p->counts, peer->b, sizeof peer->b, 1, &added) == 0)
        map_remove(p->counts, peer->b, sizeof peer->b);
    pthread_mutex_unlock(&p->mu);
}
