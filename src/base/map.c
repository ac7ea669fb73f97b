#include "base/map.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

/* A removed entry keeps its hash so that probing goes on behind it, with key == &tombstone. */
struct entry {
    uint64_t hash;
    void *key; /* NULL: never used */
    size_t n;
    uint64_t value;
};

struct map {
    struct entry *entries;
    size_t cap; /* a power of two */
    size_t live;
    size_t used; /* live and tombstones */
};

static char tombstone;

struct map *map_new(void)
{
    struct map *m = mem_calloc(1, sizeof *m);

    m->cap = 16;
    m->entries = mem_calloc(m->cap, sizeof *m->entries);
    return m;
}

void map_free(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->cap; i++)
        if (m->entries[i].key != &tombstone)
            mem_free(m->entries[i].key);
    mem_free(m->entries);
    mem_free(m);
}

/* The entry of this key, or the free one where it belongs. */
static struct entry *find(const struct map *m, uint64_t h, const void *key, size_t n)
{
    struct entry *free_entry = NULL;

    for (size_t i = h & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct entry *e = &m->entries[i];

        if (!e->key)
            return free_entry ? free_entry : e;
        if (e->key == &tombstone) {
            if (!free_entry)
                free_entry = e;
        } else if (e->hash == h && e->n == n && memcmp(e->key, key, n) == 0) {
            return e;
        }
    }
}

static bool is_live(const struct entry *e)
{
    return e->key && e->key != &tombstone;
}

static void rehash(struct map *m, size_t cap)
{
    struct entry *old = m->entries;
    size_t old_cap = m->cap;

    m->entries = mem_calloc(cap, sizeof *m->entries);
    m->cap = cap;
    m->used = m->live;
    for (size_t i = 0; i < old_cap; i++)
        if (is_live(&old[i]))
            *find(m, old[i].hash, old[i].key, old[i].n) = old[i];
    mem_free(old);
}

uint64_t *map_slot(struct map *m, const void *key, size_t n, uint64_t fresh, bool *added)
{
    uint64_t h = hash64(key, n);
    struct entry *e;

    if ((m->used + 1) * 4 > m->cap * 3)
        rehash(m, m->live * 2 >= m->cap ? m->cap * 2 : m->cap);
    e = find(m, h, key, n);
    if (added)
        *added = !is_live(e);
    if (!is_live(e)) {
        if (!e->key)
            m->used++;
        m->live++;
        *e = (struct entry){h, mem_dup(key, n), n, fresh};
    }
    return &e->value;
}

void map_put(struct map *m, const void *key, size_t n, uint64_t value)
{
    *map_slot(m, key, n, value, NULL) = value;
}

bool map_get(const struct map *m, const void *key, size_t n, uint64_t *value)
{
    const struct entry *e = find(m, hash64(key, n), key, n);

    if (!is_live(e))
        return false;
    *value = e->value;
    return true;
}

bool map_remove(struct map *m, const void *key, size_t n)
{
    struct entry *e = find(m, hash64(key, n), key, n);

    if (!is_live(e))
        return false;
    mem_free(e->key);
    e->key = &tombstone;
    m->live--;
    return true;
}

size_t map_count(const struct map *m)
{
    return m->live;
}

bool map_next(const struct map *m, size_t *at, const void **key, size_t *n, uint64_t *value)
{
    while (*at < m->cap) {
        const struct entry *e = &m->entries[(*at)++];

        if (is_live(e)) {
            *key = e->key;
            *n = e->n;
            *value = e->value;
            return true;
        }
    }
    return false;
}
