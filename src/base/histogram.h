/* histogram.h - how often something took how long, in few buckets, as Prometheus has it.
 *
 * Threads  atomic; what is read is each number as of some moment, not all of the same one.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 16

/* Upper bounds, ascending; one more bucket holds what is above. */
struct histogram_scale {
    size_t n; /* 1..HISTOGRAM_BOUNDS_MAX */
    uint64_t bounds_us[HISTOGRAM_BOUNDS_MAX];
};

/* From a cached reply to a large ingest. */
extern const struct histogram_scale histogram_of_requests;
/* From the first token of a small model close by to the last of a large one far away. */
extern const struct histogram_scale histogram_of_models;

/* All zero: nothing was seen yet. Always used with the same scale. */
struct histogram {
    atomic_uint_least64_t buckets[HISTOGRAM_BOUNDS_MAX + 1]; /* not cumulative */
    atomic_uint_least64_t sum_ns;
};

void histogram_add(struct histogram *h, const struct histogram_scale *s, uint64_t ns);

/* The same by the only thread that ever adds to it: without a locked instruction, which takes as
 * long as twenty others. */
void histogram_add_alone(struct histogram *h, const struct histogram_scale *s, uint64_t ns);

struct histogram_counts {
    uint64_t up_to[HISTOGRAM_BOUNDS_MAX]; /* [s->n] how many took at most bounds_us[i] */
    uint64_t n, sum_ns;                   /* of all */
};

void histogram_read(const struct histogram *h, const struct histogram_scale *s,
                    struct histogram_counts *out);

/* 0 when there was none. */
double histogram_mean_ms(const struct histogram_counts *c);
