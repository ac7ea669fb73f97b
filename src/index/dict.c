#include "index/dict.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "index/section_name.h"

/* Open addressing with linear probing, at most two thirds full. A place of the table has half of
 * its string's hash beside the id, so that growing never reads a string and a probe rarely does. */
struct dict {
    uint64_t seed;
    struct buf bytes;
    uint64_t *end; /* [n] */
    size_t cap_end;
    uint32_t n;
    uint64_t *table; /* [cap] */
    size_t cap;      /* a power of two */
    bool mapped;     /* the arrays belong to a file */
};

struct dict *dict_new(void)
{
    struct dict *d = mem_calloc(1, sizeof *d);

    buf_init(&d->bytes);
    d->seed = hash_seed();
    d->cap = 16;
    d->table = mem_calloc(d->cap, sizeof *d->table);
    return d;
}

void dict_free(struct dict *d)
{
    if (!d)
        return;
    if (!d->mapped) {
        buf_done(&d->bytes);
        mem_free(d->end);
        mem_free(d->table);
    }
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

    for (; d->table[i]; i = (i + 1) & (d->cap - 1))
        if (d->table[i] >> 32 == h && str_eq(dict_at(d, (uint32_t)d->table[i] - 1), s))
            break;
    return i;
}

static void grow(struct dict *d)
{
    uint64_t *old = d->table;
    size_t n = d->cap;

    d->cap *= 2;
    d->table = mem_calloc(d->cap, sizeof *d->table);
    for (size_t o = 0; o < n; o++) {
        size_t i = (old[o] >> 32) & (d->cap - 1);

        if (!old[o])
            continue;
        while (d->table[i])
            i = (i + 1) & (d->cap - 1);
        d->table[i] = old[o];
    }
    mem_free(old);
}

uint32_t dict_add(struct dict *d, struct str s, bool *added)
{
    uint32_t h = (uint32_t)hash64_with(d->seed, s.p, s.n);
    size_t at = probe(d, s, h);
    bool fresh = !d->table[at];

    if (added)
        *added = fresh;
    if (!fresh)
        return (uint32_t)d->table[at] - 1;
    CHECK(!d->mapped);
    CHECK(d->n < UINT32_MAX - 2);
    if (((size_t)d->n + 1) * 3 > d->cap * 2) {
        grow(d);
        at = probe(d, s, h);
    }
    d->end = mem_grow(d->end, &d->cap_end, d->n + (size_t)1, sizeof *d->end);
    buf_add(&d->bytes, s.p, s.n);
    d->end[d->n] = d->bytes.n;
    d->table[at] = (uint64_t)h << 32 | ++d->n;
    return d->n - 1;
}

bool dict_find(const struct dict *d, struct str s, uint32_t *id)
{
    size_t at = probe(d, s, (uint32_t)hash64_with(d->seed, s.p, s.n));

    if (!d->table[at])
        return false;
    *id = (uint32_t)d->table[at] - 1;
    return true;
}

uint32_t dict_count(const struct dict *d)
{
    return d->n;
}

size_t dict_bytes(const struct dict *d)
{
    if (d->mapped)
        return sizeof *d;
    return sizeof *d + d->bytes.cap + d->cap_end * sizeof *d->end + d->cap * sizeof *d->table;
}

/* ---- in a file ---- */

void dict_save(const struct dict *d, struct sections_writer *w, const char *prefix)
{
    const uint64_t head[] = {d->seed, d->n, d->bytes.n};

    sections_add(w, section_name(prefix, "head").s, head, 3, sizeof *head);
    sections_add(w, section_name(prefix, "bytes").s, d->bytes.p, d->bytes.n, 1);
    sections_add(w, section_name(prefix, "end").s, d->end, d->n, sizeof *d->end);
    sections_add(w, section_name(prefix, "table").s, d->table, d->cap, sizeof *d->table);
}

int dict_map(struct dict **out, const struct sections *s, const char *prefix)
{
    size_t n_head = 0, n_bytes = 0, n_end = 0, cap = 0;
    const uint64_t *head = sections_get(s, section_name(prefix, "head").s, sizeof *head, &n_head);
    const void *bytes = sections_get(s, section_name(prefix, "bytes").s, 1, &n_bytes);
    const uint64_t *end = sections_get(s, section_name(prefix, "end").s, sizeof *end, &n_end);
    const uint64_t *table = sections_get(s, section_name(prefix, "table").s, sizeof *table, &cap);
    struct dict *d;

    if (!head || !bytes || !end || !table || n_head != 3 || head[1] != n_end ||
        head[2] != n_bytes || n_end >= UINT32_MAX || cap <= n_end || (cap & (cap - 1)) != 0 ||
        (n_end && end[n_end - 1] != n_bytes))
        return FAIL(ERR_FORMAT, "the dictionary '%s' is not whole", prefix);
    d = mem_calloc(1, sizeof *d);
    *d = (struct dict){.seed = head[0], .n = (uint32_t)n_end, .cap = cap, .mapped = true};
    d->bytes = (struct buf){(char *)(uintptr_t)bytes, n_bytes, 0};
    d->end = (uint64_t *)(uintptr_t)end;
    d->table = (uint64_t *)(uintptr_t)table;
    *out = d;
    return ERR_OK;
}
