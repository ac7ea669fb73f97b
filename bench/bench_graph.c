/* bench_graph - the vector index on one thread: recall against queries a second.
 *
 *   bench_graph BASE.f32 QUERIES.f32 DIM [name=value ...]
 *
 * Prints one JSON object a line. Ground truth is the exact f32 scan. Each ef is run `runs` times
 * over all queries; the fastest run counts. Times are of the processor, so that others on the
 * machine count little (a build's: of all its threads).
 *   n, nq        use the first so many
 *   threads, degree, efc, alpha   of the build
 *   runs         3
 *   grow         percent of the vectors that come in a second build upon the first
 *   filters      0: leave them out
 *   copy         1: into memory on large pages first
 *   file         a path: the graph is mapped from there, or built and put there
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sections.h"
#include "index/bitmap.h"
#include "index/code_scan.h"
#include "index/flat.h"
#include "index/hnsw.h"
#include "simd/simd.h"

#define K 10

struct bench {
    float *base, *queries;
    size_t n, n_queries, dim, runs;
    struct hnsw *graph;
    uint64_t *allowed;
    size_t n_allowed;
    struct vector_hit *truth; /* [n_queries, K] */
};

static float *read_floats(const char *path, size_t dim, size_t *n)
{
    FILE *f = fopen(path, "rb");
    float *v;
    size_t most;

    if (!f || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    most = (size_t)ftell(f) / (dim * sizeof *v);
    *n = *n && *n < most ? *n : most;
    rewind(f);
    v = mem_alloc_aligned(*n * dim * sizeof *v);
    if (fread(v, dim * sizeof *v, *n, f) != *n)
        exit(1);
    fclose(f);
    return v;
}

static const char *text(int argc, char **argv, const char *name)
{
    size_t n = strlen(name);

    for (int i = 4; i < argc; i++)
        if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
            return argv[i] + n + 1;
    return NULL;
}

static double number(int argc, char **argv, const char *name, double usual)
{
    const char *value = text(argc, argv, name);

    return value ? atof(value) : usual;
}

static double cpu_ms(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void find_truth(struct bench *b)
{
    uint64_t *ids = mem_calloc(b->n, sizeof *ids);
    struct flat f = {b->base, ids, b->n, b->dim};

    for (size_t i = 0; i < b->n; i++)
        ids[i] = i;
    for (size_t i = 0; i < b->n_queries; i++) {
        struct arena *mem = arena_new(0);
        struct topk best;

        topk_init(&best, K, mem);
        flat_search(&f, b->queries + i * b->dim, b->allowed, 0, &best);
        topk_sort(&best);
        for (size_t j = 0; j < K; j++)
            b->truth[i * K + j] = j < best.n ? (struct vector_hit){best.v[j].slot, best.v[j].score}
                                             : (struct vector_hit){UINT32_MAX, 2};
        arena_free(mem);
    }
    mem_free(ids);
}

static size_t hits(const struct bench *b, size_t i, const struct vector_hit *got, size_t n)
{
    size_t found = 0;

    for (size_t j = 0; j < n; j++)
        found += got[j].score >= b->truth[i * K + K - 1].score;
    return found;
}

enum how { WALK, SCAN, FLAT_F32, FLAT_CODES };

static struct flat_codes by_slot(const struct bench *b)
{
    size_t n_bytes = codes_stride(b->dim);
    uint8_t *codes = mem_alloc_aligned(b->n * n_bytes);
    float cut = 0;

    for (size_t i = 0; i < b->n; i++)
        cut = fmaxf(cut, codes_encode(b->base + i * b->dim, b->dim, codes + i * n_bytes));
    return (struct flat_codes){codes, b->base, b->n, b->dim, cut, NULL};
}

static void run(const struct bench *b, enum how how, size_t ef, const char *name,
                const struct flat_codes *flat)
{
    double best_ms = 1e30;
    size_t found = 0, n_queries = how >= FLAT_F32 && b->n_queries > 200 ? 200 : b->n_queries;
    struct hnsw_stats total = {0};
    uint64_t *ids = mem_calloc(b->n, sizeof *ids);
    struct arena *mem = arena_new(0);

    for (size_t r = 0; r < b->runs; r++) {
        double start = cpu_ms(CLOCK_THREAD_CPUTIME_ID);

        found = 0;
        total = (struct hnsw_stats){0};
        for (size_t i = 0; i < n_queries; i++) {
            struct hnsw_query q = {.vector = b->queries + i * b->dim,
                                   .vectors = b->base,
                                   .k = K,
                                   .ef = ef,
                                   .allowed = b->allowed,
                                   .n_allowed = b->n_allowed};
            struct vector_hit got[K];
            struct hnsw_stats s = {0};
            size_t n = 0;

            if (how == WALK)
                n = hnsw_search(b->graph, &q, got, &s);
            else if (how == SCAN)
                n = hnsw_scan(b->graph, &q, got, &s);
            else if (how == FLAT_CODES)
                n = flat_codes_search(flat, q.vector, b->allowed, K, got);
            else {
                struct flat f = {b->base, ids, b->n, b->dim};
                struct topk best;

                topk_init(&best, K, mem);
                flat_search(&f, q.vector, b->allowed, 0, &best);
                topk_sort(&best);
                for (; n < best.n; n++)
                    got[n] = (struct vector_hit){best.v[n].slot, best.v[n].score};
            }
            found += hits(b, i, got, n);
            total.visited += s.visited;
            total.hops += s.hops;
            total.rescored += s.rescored;
        }
        best_ms = fmin(best_ms, cpu_ms(CLOCK_THREAD_CPUTIME_ID) - start);
    }
    printf(
        "{\"what\":\"%s\",\"ef\":%zu,\"recall\":%.4f,\"qps\":%.0f,\"visited\":%.0f,\"hops\":%.1f,"
        "\"rescored\":%.1f}\n",
        name, ef, (double)found / (double)(n_queries * K), (double)n_queries / best_ms * 1e3,
        (double)total.visited / (double)n_queries, (double)total.hops / (double)n_queries,
        (double)total.rescored / (double)n_queries);
    fflush(stdout);
    arena_free(mem);
    mem_free(ids);
}

static void allow(struct bench *b, double part)
{
    uint64_t x = 88172645463325252u;

    b->n_allowed = 0;
    memset(b->allowed, 0, bitmap_words(b->n) * sizeof *b->allowed);
    for (size_t i = 0; i < b->n; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        if ((double)(x >> 11) * 0x1p-53 < part) {
            bitmap_set(b->allowed, i);
            b->n_allowed++;
        }
    }
}

static void filters(struct bench *b)
{
    static const double parts[] = {0.5, 0.1, 0.01, 0.001};

    b->allowed = mem_calloc(bitmap_words(b->n), sizeof *b->allowed);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[64];

        allow(b, parts[i]);
        find_truth(b);
        for (size_t ef = 20; ef <= 80; ef *= 2) {
            snprintf(name, sizeof name, "walk, %g %% allowed", parts[i] * 100);
            run(b, WALK, ef, name, NULL);
        }
        snprintf(name, sizeof name, "scan, %g %% allowed", parts[i] * 100);
        run(b, SCAN, 0, name, NULL);
    }
    mem_free(b->allowed);
    b->allowed = NULL;
}

static int build(struct bench *b, const struct hnsw_params *p, double grow)
{
    struct hnsw_input in = {b->base, NULL, b->n, b->dim}, first = in;
    struct hnsw_growth growth = {0};
    struct hnsw *old = NULL;
    uint32_t *moved = mem_alloc(b->n * sizeof *moved);
    int rc = ERR_OK;
    uint64_t start;
    double cpu;

    for (uint32_t i = 0; i < b->n; i++)
        moved[i] = i;
    if (grow > 0) {
        first.n = (size_t)((double)b->n * (1 - grow / 100));
        TRY(hnsw_build(&old, &first, NULL, p));
        growth = (struct hnsw_growth){old, moved};
    }
    start = clock_ns();
    cpu = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
    TRY(hnsw_build(&b->graph, &in, old ? &growth : NULL, p));
    printf("{\"what\":\"build\",\"n\":%zu,\"threads\":%d,\"ms\":%.0f,\"cpu_ms\":%.0f,\"bytes_a_"
           "vector\":%.1f}\n",
           b->n, p->n_threads, clock_ms_since(start), cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu,
           (double)hnsw_bytes(b->graph) / (double)b->n);
    fflush(stdout);
    TRY(hnsw_check(b->graph));
out:
    hnsw_free(old);
    mem_free(moved);
    return rc;
}

static int map_graph(struct bench *b, struct sections **file, const char *path)
{
    uint64_t start = clock_ns();
    int rc = ERR_OK;

    TRY(sections_open(file, path));
    TRY(hnsw_map(&b->graph, *file, ""));
    printf("{\"what\":\"open\",\"n\":%zu,\"ms\":%.3f}\n", hnsw_vectors(b->graph),
           clock_ms_since(start));
out:
    return rc;
}

static int build_or_map(struct bench *b, struct sections **file, const char *path,
                        const struct hnsw_params *p, double grow)
{
    struct sections_writer *w;
    int rc = ERR_OK;

    if (path && access(path, R_OK) == 0)
        return map_graph(b, file, path);
    TRY(build(b, p, grow));
    if (!path)
        return ERR_OK;
    w = sections_create(path);
    hnsw_save(b->graph, w, "");
    TRY(sections_commit(w));
    hnsw_free(b->graph);
    TRY(map_graph(b, file, path));
out:
    return rc;
}

static void curve(struct bench *b)
{
    static const float targets[] = {0.9f, 0.95f, 0.99f};

    for (size_t i = 0; i < 3; i++) {
        size_t ef = hnsw_ef_for(b->graph, targets[i]);
        char name[64];

        snprintf(name, sizeof name, "recall_target %.2f", (double)targets[i]);
        run(b, WALK, ef, name, NULL);
    }
}

int main(int argc, char **argv)
{
    static const size_t efs[] = {10, 12, 14, 16, 20, 24, 32, 40, 56, 80, 112, 160, 224};
    struct hnsw_params p = hnsw_defaults();
    struct bench b = {0};
    struct sections *file = NULL;

    if (argc < 4) {
        fprintf(stderr, "usage: bench_graph BASE.f32 QUERIES.f32 DIM [name=value ...]\n");
        return 2;
    }
    b.dim = (size_t)atoi(argv[3]);
    b.n = (size_t)number(argc, argv, "n", 0);
    b.n_queries = (size_t)number(argc, argv, "nq", 0);
    b.runs = (size_t)number(argc, argv, "runs", 3);
    b.base = read_floats(argv[1], b.dim, &b.n);
    b.queries = read_floats(argv[2], b.dim, &b.n_queries);
    b.truth = mem_alloc(b.n_queries * K * sizeof *b.truth);
    p.n_threads = (int)number(argc, argv, "threads", p.n_threads);
    p.degree = (unsigned)number(argc, argv, "degree", p.degree);
    p.ef_construction = (unsigned)number(argc, argv, "efc", p.ef_construction);
    p.alpha = (float)number(argc, argv, "alpha", (double)p.alpha);
    printf("{\"what\":\"set\",\"simd\":\"%s\",\"n\":%zu,\"queries\":%zu,\"dim\":%zu,\"efc\":%u,"
           "\"alpha\":%.2f,\"runs\":%zu}\n",
           simd_level_name(simd_get()->level), b.n, b.n_queries, b.dim, p.ef_construction,
           (double)p.alpha, b.runs);
    if (build_or_map(&b, &file, text(argc, argv, "file"), &p, number(argc, argv, "grow", 0)) < 0) {
        fprintf(stderr, "bench_graph: %s\n", err_text());
        return 1;
    }
    if (number(argc, argv, "copy", 0) > 0) {
        struct hnsw *mapped = b.graph;

        b.graph = hnsw_copy(mapped);
        hnsw_free(mapped);
    }
    find_truth(&b);
    for (size_t i = 0; i < sizeof efs / sizeof *efs; i++)
        run(&b, WALK, efs[i], "walk", NULL);
    curve(&b);
    if (number(argc, argv, "filters", 1) > 0) {
        struct flat_codes flat = by_slot(&b);

        run(&b, FLAT_F32, 0, "flat f32", NULL);
        run(&b, FLAT_CODES, 0, "flat codes", &flat);
        mem_free((void *)flat.codes);
        filters(&b);
    }
    hnsw_free(b.graph);
    sections_close(file);
    mem_free(b.base);
    mem_free(b.queries);
    mem_free(b.truth);
    return 0;
}
