#include "cli/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/jsonw.h"
#include "base/mem.h"

void sample_add(struct sample *s, double v)
{
    s->v = mem_grow(s->v, &s->cap, s->n + 1, sizeof *s->v);
    s->v[s->n++] = v;
}

void sample_done(struct sample *s)
{
    mem_free(s->v);
    *s = (struct sample){0};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The smallest value that at least `share` of the sorted values do not exceed. */
static double percentile(const struct sample *s, double share)
{
    size_t rank = (size_t)ceil(share * (double)s->n);

    return s->v[rank > 0 ? rank - 1 : 0];
}

struct stats stats_of(struct sample *s)
{
    struct stats out = {0};
    double sum = 0, squares = 0;

    if (s->n == 0)
        return out;
    qsort(s->v, s->n, sizeof *s->v, by_value);
    for (size_t i = 0; i < s->n; i++)
        sum += s->v[i];
    out.mean = sum / (double)s->n;
    for (size_t i = 0; i < s->n; i++)
        squares += (s->v[i] - out.mean) * (s->v[i] - out.mean);
    out.std = s->n > 1 ? sqrt(squares / (double)(s->n - 1)) : 0;
    out.min = s->v[0];
    out.max = s->v[s->n - 1];
    out.p50 = percentile(s, 0.50);
    out.p95 = percentile(s, 0.95);
    out.p99 = percentile(s, 0.99);
    return out;
}

void stats_json(const struct stats *s, struct buf *out)
{
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '{');
    jsonw_key(&w, "mean"), jsonw_real(&w, s->mean);
    jsonw_key(&w, "std"), jsonw_real(&w, s->std);
    jsonw_key(&w, "min"), jsonw_real(&w, s->min);
    jsonw_key(&w, "max"), jsonw_real(&w, s->max);
    jsonw_key(&w, "p50"), jsonw_real(&w, s->p50);
    jsonw_key(&w, "p95"), jsonw_real(&w, s->p95);
    jsonw_key(&w, "p99"), jsonw_real(&w, s->p99);
    jsonw_close(&w, '}');
}
