/* bench_vectors - the vectors that bench-search measures on, and which are the nearest in truth.
 *
 *   bench_vectors embed MODEL_DIR TEXTS FROM N OUT   a text a line, N (0: all) from line FROM,
 * which counts from 0; f32 [n, dim] bench_vectors exact BASE QUERIES OUT             the 10 nearest
 * rows of BASE; i32 [n, 10]
 *
 * Files are little-endian and have no header; vectors have DIM numbers. The texts are embedded in
 * int8, as documents are by default, by all processors; the nearest are found by the exact scan,
 * equal scores by row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/pool.h"
#include "embed/embedder.h"
#include "index/flat.h"
#include "rows.h"

#define DIM   384
#define K     10
#define BATCH 2048

static void or_stop(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_vectors: %s\n", err_text());
    exit(1);
}

static FILE *open_file(const char *path, const char *how)
{
    FILE *f = fopen(path, how);

    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static void write_all(FILE *f, const void *p, size_t n_bytes)
{
    if (fwrite(p, 1, n_bytes, f) != n_bytes) {
        perror("bench_vectors");
        exit(1);
    }
}

/* Lines from..from + n - 1. */
static void embed_lines(struct embedder *e, const struct lines *texts, size_t from, size_t n,
                        FILE *out)
{
    struct pool *pool = pool_new("bench", (int)sysconf(_SC_NPROCESSORS_ONLN), 256);
    struct embed_item *items = mem_calloc(BATCH, sizeof *items);
    float *vectors = mem_calloc(BATCH * DIM, sizeof *vectors);

    for (size_t at = 0; at < n; at += BATCH) {
        size_t some = n - at < BATCH ? n - at : BATCH;

        for (size_t i = 0; i < some; i++)
            items[i] = (struct embed_item){.text = lines_at(texts, from + at + i),
                                           .vector = vectors + i * DIM};
        or_stop(embed_documents(e, pool, items, some));
        write_all(out, vectors, some * DIM * sizeof *vectors);
    }
    mem_free(items);
    mem_free(vectors);
    pool_free(pool);
}

static int run_embed(const char *model_dir, const char *texts, size_t from, size_t n,
                     const char *path)
{
    struct embedder *e = NULL;
    struct lines lines;
    FILE *out = open_file(path, "w");

    or_stop(lines_open(&lines, texts));
    or_stop(
        embedder_open(&e, &(struct embedder_options){.model_dir = model_dir, .precision = "int8"}));
    if (embedder_info(e)->dim != DIM || from > lines.n || n > lines.n - from) {
        fprintf(stderr, "bench_vectors: a model of %zu numbers, %zu lines\n", embedder_info(e)->dim,
                lines.n);
        exit(1);
    }
    embed_lines(e, &lines, from, n ? n : lines.n - from, out);
    embedder_close(e);
    lines_close(&lines);
    return fclose(out) == 0 ? 0 : 1;
}

static struct table open_table(const char *path, size_t row_bytes)
{
    struct table t;

    or_stop(table_open(&t, path, row_bytes));
    return t;
}

static int write_file(const char *path, const void *p, size_t n_bytes)
{
    FILE *f = open_file(path, "w");

    write_all(f, p, n_bytes);
    return fclose(f) == 0 ? 0 : 1;
}

struct exact {
    struct table vectors, queries;
    struct flat base;
    uint64_t *allowed; /* NULL: all */
    int32_t *nearest;  /* [n, K] */
};

static void nearest_of(void *arg, size_t i)
{
    struct exact *x = arg;
    struct arena *mem = arena_new(0);
    struct topk best;

    topk_init(&best, K, mem);
    flat_search(&x->base, table_floats(&x->queries, i, DIM), x->allowed, 0, &best);
    topk_sort(&best);
    for (size_t j = 0; j < K; j++)
        x->nearest[i * K + j] = j < best.n ? (int32_t)best.v[j].slot : -1;
    arena_free(mem);
}

static void exact_open(struct exact *x, const char *base)
{
    uint64_t *ids;

    *x = (struct exact){.vectors = open_table(base, DIM * sizeof(float))};
    ids = mem_calloc(x->vectors.n, sizeof *ids);
    for (size_t i = 0; i < x->vectors.n; i++)
        ids[i] = i;
    x->base = (struct flat){table_floats(&x->vectors, 0, DIM), ids, x->vectors.n, DIM};
}

static void exact_close(struct exact *x)
{
    table_close(&x->vectors);
    table_close(&x->queries);
    mem_free((uint64_t *)x->base.chunk_id);
    mem_free(x->allowed);
    mem_free(x->nearest);
}

static uint64_t *read_allowed(const char *path, size_t n_wanted)
{
    struct table flags = open_table(path, 1);
    uint64_t *bits = mem_calloc((flags.n + 63) / 64, sizeof *bits);

    if (flags.n != n_wanted) {
        fprintf(stderr, "bench_vectors: %s is of %zu rows, not %zu\n", path, flags.n, n_wanted);
        exit(1);
    }
    for (size_t i = 0; i < flags.n; i++)
        bits[i / 64] |= (uint64_t)(flags.file.p[i] != 0) << i % 64;
    table_close(&flags);
    return bits;
}

static int run_exact(const char *base, const char *queries, const char *path, const char *allowed,
                     size_t n_max)
{
    size_t n;
    struct exact x;
    struct pool *pool = pool_new("bench", (int)sysconf(_SC_NPROCESSORS_ONLN), 256);
    int status;

    exact_open(&x, base);
    x.queries = open_table(queries, DIM * sizeof(float));
    n = x.queries.n < n_max ? x.queries.n : n_max;
    x.allowed = allowed ? read_allowed(allowed, x.base.n) : NULL;
    x.nearest = mem_calloc(n * K, sizeof *x.nearest);
    pool_each(pool, n, nearest_of, &x);
    status = write_file(path, x.nearest, n * K * sizeof *x.nearest);
    pool_free(pool);
    exact_close(&x);
    return status;
}

struct scored {
    double score;
    size_t row;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    return (x->score < y->score) - (x->score > y->score);
}

/* By chance, or its cosine to the first row: what has most of it passes. */
static double score_of(const struct exact *x, size_t row, bool near, unsigned short seed[3])
{
    return near ? (double)flat_score(&x->base, x->base.vectors, (uint32_t)row) : erand48(seed);
}

static int run_allow(const char *base, const char *percent, const char *kind, const char *path)
{
    struct exact x;
    unsigned short seed[3] = {5, 5, 5};
    struct scored *rows;
    uint8_t *flags;
    size_t n_allowed;
    int status;

    exact_open(&x, base);
    n_allowed = (size_t)((double)x.base.n * strtod(percent, NULL) / 100);
    rows = mem_calloc(x.base.n, sizeof *rows);
    flags = mem_calloc(x.base.n, 1);
    for (size_t i = 0; i < x.base.n; i++)
        rows[i] = (struct scored){score_of(&x, i, strcmp(kind, "near") == 0, seed), i};
    qsort(rows, x.base.n, sizeof *rows, by_score);
    for (size_t i = 0; i < n_allowed; i++)
        flags[rows[i].row] = 1;
    status = write_file(path, flags, x.base.n);
    mem_free(rows);
    mem_free(flags);
    exact_close(&x);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "embed") == 0)
        return run_embed(argv[2], argv[3], strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10),
                         argv[6]);
    if (argc == 5 && strcmp(argv[1], "exact") == 0)
        return run_exact(argv[2], argv[3], argv[4], NULL, SIZE_MAX);
    if (argc == 7 && strcmp(argv[1], "exact") == 0)
        return run_exact(argv[2], argv[3], argv[4], argv[5], strtoul(argv[6], NULL, 10));
    if (argc == 6 && strcmp(argv[1], "allow") == 0)
        return run_allow(argv[2], argv[3], argv[4], argv[5]);
    fprintf(stderr, "usage: bench_vectors embed MODEL_DIR TEXTS FROM N OUT\n"
                    "       bench_vectors exact BASE QUERIES OUT [ALLOWED N]\n"
                    "       bench_vectors allow BASE PERCENT any|near OUT\n");
    return 2;
}
