/* bench_run.h - asks the same questions many times and keeps where the time went.
 *
 * The times are those that each reply tells of itself ("timings"), so what is measured here and
 * over HTTP is the same thing; over HTTP the round trip is measured beside it.
 *
 * Threads  bench_run starts `concurrency` threads of its own and waits for them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "cli/question.h"
#include "cli/questions.h"
#include "cli/stats.h"

struct engine;
struct common;

#define BENCH_COLUMNS_MAX 16

struct bench_plan {
    struct engine *e; /* NULL: over HTTP */
    const struct common *common;
    const char *url; /* "http://127.0.0.1:8080" */
    const struct question_options *how;
    const struct questions *questions;
    size_t iterations; /* questions asked in all, one after another of the list */
    int concurrency;
    const volatile bool *cancelled;
};

struct bench_side {
    char names[BENCH_COLUMNS_MAX][32]; /* "embed_ms", ..., as the replies have them */
    struct sample samples[BENCH_COLUMNS_MAX];
    int n_columns;
    double seconds; /* for all of them */
    size_t n;
};

/* cached: each question is asked once before, without being counted; else the cache is passed by.
 * Fails with the first question that does. */
int bench_run(const struct bench_plan *p, bool cached, struct bench_side *out);
void bench_side_done(struct bench_side *s);

/* The column of that name, or NULL. */
struct sample *bench_column(struct bench_side *s, const char *name);
