/* stats.h - what a set of measurements says.
 *
 * Threads  confined.
 */
#pragma once
#include <stddef.h>

struct buf;

struct sample { /* grows; sorted by stats_of */
    double *v;
    size_t n, cap;
};

void sample_add(struct sample *s, double v);
void sample_done(struct sample *s);

struct stats {
    double mean, std, min, max, p50, p95, p99;
};

/* Standard deviation of the sample (n - 1); percentiles by nearest rank. All 0 for an empty one. */
struct stats stats_of(struct sample *s);

/* {"mean":...,"std":...,"min":...,"max":...,"p50":...,"p95":...,"p99":...} */
void stats_json(const struct stats *s, struct buf *out);
