#include "index/filter_bits.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "index/bitmap.h"

struct kept {
    char *name; /* NULL: free */
    size_t n_name;
    uint64_t used; /* when, by count of calls */
    struct passing *passing;
};

struct filter_bits {
    size_t n_chunks;
    pthread_mutex_t mu; /* guards the fields below */
    uint64_t now;
    struct kept kept[FILTER_BITS_KEPT];
};

struct filter_bits *filter_bits_new(size_t n_chunks)
{
    struct filter_bits *f = mem_calloc(1, sizeof *f);

    f->n_chunks = n_chunks;
    pthread_mutex_init(&f->mu, NULL);
    return f;
}

static struct passing *passing_ref(struct passing *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void passing_unref(struct passing *p)
{
    if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
        mem_free(p);
}

static void drop(struct kept *k)
{
    passing_unref(k->passing);
    mem_free(k->name);
}

void filter_bits_free(struct filter_bits *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < FILTER_BITS_KEPT; i++)
        drop(&f->kept[i]);
    pthread_mutex_destroy(&f->mu);
    mem_free(f);
}

static struct passing *find(struct filter_bits *f, struct str name)
{
    struct passing *found = NULL;

    pthread_mutex_lock(&f->mu);
    for (size_t i = 0; i < FILTER_BITS_KEPT && !found; i++) {
        struct kept *k = &f->kept[i];

        if (!k->name || k->n_name != name.n || memcmp(k->name, name.p, name.n) != 0)
            continue;
        k->used = ++f->now;
        found = passing_ref(k->passing);
    }
    pthread_mutex_unlock(&f->mu);
    return found;
}

/* Two who make the same at once keep it twice; the older one is soon forgotten. */
static void keep(struct filter_bits *f, struct str name, struct passing *p)
{
    struct kept *oldest = &f->kept[0], fresh = {.n_name = name.n, .passing = passing_ref(p)}, old;

    fresh.name = mem_dup(name.p, name.n);
    pthread_mutex_lock(&f->mu);
    for (size_t i = 1; i < FILTER_BITS_KEPT; i++)
        if (f->kept[i].used < oldest->used)
            oldest = &f->kept[i];
    fresh.used = ++f->now;
    old = *oldest;
    *oldest = fresh;
    pthread_mutex_unlock(&f->mu);
    drop(&old);
}

static struct passing *compare(const struct filter_bits *f, const struct columns *columns,
                               const struct filter *filter, struct arena *mem)
{
    const uint64_t *bits = columns_filter(columns, filter, mem);
    size_t bytes = bitmap_words(f->n_chunks) * sizeof *bits;
    struct passing *p = mem_alloc(sizeof *p + bytes);

    atomic_init(&p->refs, 1);
    if (bytes)
        memcpy(p->bits, bits, bytes);
    p->n_set = bitmap_count(bits, f->n_chunks);
    return p;
}

struct passing *filter_bits_get(struct filter_bits *f, const struct columns *columns,
                                const struct filter *filter, struct str canonical,
                                struct arena *mem)
{
    struct passing *p = find(f, canonical);

    if (!p) {
        p = compare(f, columns, filter, mem);
        keep(f, canonical, p);
    }
    return p;
}

size_t filter_bits_bytes(struct filter_bits *f)
{
    size_t n = sizeof *f;

    pthread_mutex_lock(&f->mu);
    for (size_t i = 0; i < FILTER_BITS_KEPT; i++)
        if (f->kept[i].name)
            n += f->kept[i].n_name + sizeof(struct passing) + bitmap_words(f->n_chunks) * 8;
    pthread_mutex_unlock(&f->mu);
    return n;
}
