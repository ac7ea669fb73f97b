#include "index/dict.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

/* Open addressing with linear probing over ids, at most two thirds full. 32 bits of each hash are
 * kept beside the string, so that growing never reads the strings and a probe rarely does. */
struct dict {
    struct buf bytes;
    size_t *end;    /* [n] where string i ends; it begins where i-1 ends */
    uint32_t *hash; /* [n] */
    size_t cap_end, cap_hash;
    uint32_t n;
    uint32_t *table; /* [cap] id + 1, 0 where free */
    size_t cap;      /* a power of two */
};

struct dict *dict_new(void)
{
    struct dict *d = mem_calloc(1, sizeof *d);

    buf_init(&d->bytes);
    d->cap = 16;
    d->table = mem_calloc(d->cap, sizeof *d->table);
    return d;
}

void dict_free(struct dict *d)
{
    if (!d)
        return;
    buf_done(&d->bytes);
    mem_free(d->end);
    mem_free(d->hash);
    mem_free(d->table);
    mem_free(d);
}

struct str dict_at(const struct dict *d, uint32_t id)
{
    size_t start = id ? d->end[id - 1] : 0;

    DCHECK(id < d->n);
    if (d->end[id] == start)
        return (struct str){"", 0};
    return (struct str){d->bytes.p + start, d->end[id] - start};
}

/* The place in the table of s, or the free one where it belongs. */
static size_t probe(const struct dict *d, struct str s, uint32_t h)
{
    size_t i = h & (d->cap - 1);

    for (; d->table[i]; i = (i + 1) & (d->cap - 1)) {
        uint32_t id = d->table[i] - 1;

        if (d->hash[id] == h && str_eq(dict_at(d, id), s))
            break;
    }
    return i;
}

static void grow(struct dict *d)
{
    mem_free(d->table);
    d->cap *= 2;
    d->table = mem_calloc(d->cap, sizeof *d->table);
    for (uint32_t id = 0; id < d->n; id++) {
        size_t i = d->hash[id] & (d->cap - 1);

        while (d->table[i])
            i = (i + 1) & (d->cap - 1);
        d->table[i] = id + 1;
    }
}

uint32_t dict_add(struct dict *d, struct str s, bool *added)
{
    uint32_t h = (uint32_t)hash64(s.p, s.n);
    size_t at = probe(d, s, h);
    bool fresh = !d->table[at];

    if (added)
        *added = fresh;
    if (!fresh)
        return d->table[at] - 1;
    CHECK(d->n < UINT32_MAX - 1);
    if (((size_t)d->n + 1) * 3 > d->cap * 2) {
        grow(d);
        at = probe(d, s, h);
    }
    d->end = mem_grow(d->end, &d->cap_end, d->n + (size_t)1, sizeof *d->end);
    d->hash = mem_grow(d->hash, &d->cap_hash, d->n + (size_t)1, sizeof *d->hash);
    buf_add(&d->bytes, s.p, s.n);
    d->end[d->n] = d->bytes.n;
    d->hash[d->n] = h;
    d->table[at] = ++d->n;
    return d->n - 1;
}

bool dict_find(const struct dict *d, struct str s, uint32_t *id)
{
    size_t at = probe(d, s, (uint32_t)hash64(s.p, s.n));

    if (!d->table[at])
        return false;
    *id = d->table[at] - 1;
    return true;
}

uint32_t dict_count(const struct dict *d)
{
    return d->n;
}

size_t dict_bytes(const struct dict *d)
{
    return sizeof *d + d->bytes.cap + d->cap_end * sizeof *d->end + d->cap_hash * sizeof *d->hash +
           d->cap * sizeof *d->table;
}
