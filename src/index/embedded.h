/* embedded.h - what the two files of the embedded retriever share; nobody outside includes it.
 *
 *   embedded.c        the table of collections, opening, reading
 *   embedded_write.c  upsert, remove, create, drop
 */
#pragma once
#include <pthread.h>

#include "base/map.h"
#include "index/retriever.h"
#include "index/snapshot.h"

struct retriever {
    struct index_context context;
    struct pool *pool;

    pthread_mutex_t mu;       /* guards the fields below */
    pthread_cond_t published; /* told of every new state */
    struct map *collections;  /* "tenant\0name" -> struct snapshot *, the current one */
    struct map *coming;       /* likewise, built but not yet committed; borrowed, 0: will be gone */
    document_gone_fn gone;
    void *gone_arg;
};

#define NAME_BYTES_MAX 64 /* as store.h says */

/* A collection's key in the tables. */
struct name {
    char bytes[2 * NAME_BYTES_MAX + 1];
    size_t n;
};

/* False: too long, so there is no such collection. */
bool name_of(struct name *out, const char *tenant, const char *collection);

/* The current state with a reference, or NULL. */
struct snapshot *collection_current(struct retriever *r, const struct name *name);

/* Makes `next` the current state (NULL: no such collection any more); its reference is taken. */
void collection_publish(struct retriever *r, const struct name *name, struct snapshot *next);
