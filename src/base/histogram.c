#include "base/histogram.h"

#include "base/check.h"

const struct histogram_scale histogram_of_requests = {15,
                                                      {50, 100, 250, 500, 1000, 2500, 5000, 10000,
                                                       25000, 50000, 100000, 250000, 1000000,
                                                       5000000, 30000000}};

const struct histogram_scale histogram_of_models = {14,
                                                    {10000, 25000, 50000, 100000, 250000, 500000,
                                                     1000000, 2500000, 5000000, 10000000, 20000000,
                                                     30000000, 60000000, 120000000}};

static uint64_t get(const atomic_uint_least64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static size_t bucket_of(const struct histogram_scale *s, uint64_t ns)
{
    size_t i = 0;

    DCHECK(s->n <= HISTOGRAM_BOUNDS_MAX);
    while (i < s->n && ns > s->bounds_us[i] * 1000)
        i++;
    return i;
}

void histogram_add_alone(struct histogram *h, const struct histogram_scale *s, uint64_t ns)
{
    atomic_uint_least64_t *n = &h->buckets[bucket_of(s, ns)];

    atomic_store_explicit(n, get(n) + 1, memory_order_relaxed);
    atomic_store_explicit(&h->sum_ns, get(&h->sum_ns) + ns, memory_order_relaxed);
}

void histogram_add(struct histogram *h, const struct histogram_scale *s, uint64_t ns)
{
    atomic_fetch_add_explicit(&h->buckets[bucket_of(s, ns)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_ns, ns, memory_order_relaxed);
}

void histogram_read(const struct histogram *h, const struct histogram_scale *s,
                    struct histogram_counts *out)
{
    *out = (struct histogram_counts){.sum_ns = get(&h->sum_ns)};
    for (size_t i = 0; i < s->n; i++) {
        out->n += get(&h->buckets[i]);
        out->up_to[i] = out->n;
    }
    out->n += get(&h->buckets[s->n]);
}

double histogram_mean_ms(const struct histogram_counts *c)
{
    return c->n ? (double)c->sum_ns / 1e6 / (double)c->n : 0;
}
