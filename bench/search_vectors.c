/* The graph of a segment by itself. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sections.h"
#include "index/bitmap.h"
#include "index/hnsw.h"
#include "rows.h"
#include "search_serve.h"

#define DIM 384

struct set {
    char name[32];
    struct table vectors, exact;
};

struct serve_vectors {
    struct table base;
    size_t n;
    struct hnsw *graph;
    struct set sets[SERVE_SETS_MAX];
    size_t n_sets;
    uint64_t *allowed;
    size_t n_allowed;
};

struct serve_vectors *serve_vectors_new(void)
{
    return mem_calloc(1, sizeof(struct serve_vectors));
}

void serve_vectors_free(struct serve_vectors *v)
{
    for (size_t i = 0; i < v->n_sets; i++) {
        table_close(&v->sets[i].vectors);
        table_close(&v->sets[i].exact);
    }
    hnsw_free(v->graph);
    table_close(&v->base);
    mem_free(v->allowed);
    mem_free(v);
}

static int on_base(struct serve_vectors *v, const char *path, size_t n, int n_threads, FILE *out)
{
    int rc = ERR_OK;
    struct hnsw_params p = hnsw_defaults();
    struct hnsw_input in = {.dim = DIM};
    struct stretch took;

    if (v->graph)
        return FAIL(ERR_EXISTS, "there is a base already");
    TRY(table_open(&v->base, path, DIM * sizeof(float)));
    v->n = n < v->base.n ? n : v->base.n;
    in.vectors = table_floats(&v->base, 0, DIM);
    in.n = v->n;
    p.n_threads = n_threads;
    took = stretch_begin();
    TRY(hnsw_build(&v->graph, &in, NULL, &p));
    took = stretch_since(took);
    fprintf(out, " %llu:%llu %zu", took.wall, took.cpu, hnsw_bytes(v->graph) / v->n);
out:
    return rc;
}

static int save(const struct hnsw *graph, const char *path)
{
    struct sections_writer *w = sections_create(path);

    hnsw_save(graph, w, "graph.");
    return sections_commit(w);
}

static int open_from(const char *path, uint64_t *ns)
{
    int rc = ERR_OK;
    struct sections *s = NULL;
    struct hnsw *graph = NULL;
    uint64_t begin = clock_ns();

    TRY(sections_open(&s, path));
    TRY(hnsw_map(&graph, s, "graph."));
    *ns = clock_ns() - begin;
out:
    hnsw_free(graph);
    sections_close(s);
    return rc;
}

/* The least of three: what opening takes when the file is in memory. */
static int on_open(struct serve_vectors *v, FILE *out)
{
    int rc = ERR_OK;
    uint64_t least = UINT64_MAX, ns = 0;
    char path[] = "/tmp/ragd-bench-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0)
        return FAIL(ERR_IO, "no file in /tmp");
    close(fd);
    TRY(save(v->graph, path));
    for (int i = 0; i < 3; i++) {
        TRY(open_from(path, &ns));
        least = ns < least ? ns : least;
    }
    fprintf(out, " %llu", (unsigned long long)least);
out:
    unlink(path);
    return rc;
}

static int find_set(struct serve_vectors *v, const char *name, struct set **out)
{
    for (size_t i = 0; i < v->n_sets; i++) {
        if (strcmp(v->sets[i].name, name) == 0) {
            *out = &v->sets[i];
            return ERR_OK;
        }
    }
    return FAIL(ERR_NOT_FOUND, "no queries '%s'", name);
}

/* A name that is there gets other queries. */
static struct set *make_set(struct serve_vectors *v, const char *name)
{
    struct set *s = NULL;

    if (find_set(v, name, &s) >= 0) {
        table_close(&s->vectors);
        table_close(&s->exact);
        return s;
    }
    if (v->n_sets == SERVE_SETS_MAX)
        return NULL;
    s = &v->sets[v->n_sets++];
    snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

static int on_queries(struct serve_vectors *v, const char *name, const char *path,
                      const char *exact, FILE *out)
{
    int rc = ERR_OK;
    struct set *s = make_set(v, name);

    if (!s)
        return FAIL(ERR_LIMIT, "there are already %d sets", SERVE_SETS_MAX);
    TRY(table_open(&s->vectors, path, DIM * sizeof(float)));
    TRY(table_open(&s->exact, exact, SERVE_K * sizeof(int32_t)));
    if (s->exact.n > s->vectors.n)
        return FAIL(ERR_FORMAT, "%s is of %zu queries, %zu are there", exact, s->exact.n,
                    s->vectors.n);
    fprintf(out, " %zu", s->exact.n);
out:
    return rc;
}

static int on_allow(struct serve_vectors *v, const char *path)
{
    int rc = ERR_OK;
    struct table flags = {0};

    TRY(table_open(&flags, path, 1));
    if (flags.n != v->n) {
        rc = FAIL(ERR_FORMAT, "%s is of %zu rows, the base has %zu", path, flags.n, v->n);
        goto out;
    }
    mem_free(v->allowed);
    v->allowed = mem_calloc(bitmap_words(v->n), sizeof *v->allowed);
    for (size_t i = 0; i < v->n; i++)
        if (flags.file.p[i])
            bitmap_set(v->allowed, i);
    v->n_allowed = bitmap_count(v->allowed, v->n);
out:
    table_close(&flags);
    return rc;
}

/* How the base is searched. */
struct how {
    size_t ef;
    bool filtered, by_scan;
};

static size_t search(const struct serve_vectors *v, const struct how *how, const float *query,
                     struct vector_hit *hits)
{
    struct hnsw_query q = {.vector = query,
                           .vectors = table_floats(&v->base, 0, DIM),
                           .k = SERVE_K,
                           .ef = how->ef,
                           .allowed = how->filtered ? v->allowed : NULL,
                           .n_allowed = how->filtered ? v->n_allowed : 0};

    return how->by_scan ? hnsw_scan(v->graph, &q, hits, NULL)
                        : hnsw_search(v->graph, &q, hits, NULL);
}

static struct stretch turn(const struct serve_vectors *v, const struct how *how,
                           const struct set *s, struct vector_hit *hits, size_t *n_hits)
{
    struct stretch begin = stretch_begin();

    for (size_t i = 0; i < s->exact.n; i++)
        n_hits[i] = search(v, how, table_floats(&s->vectors, i, DIM), hits + i * SERVE_K);
    return stretch_since(begin);
}

static bool is_among(const struct vector_hit *hits, size_t n, int32_t row)
{
    for (size_t i = 0; i < n; i++)
        if (hits[i].slot == (uint32_t)row)
            return true;
    return false;
}

/* Of the exact ten; -1: there are fewer. */
static double recall(const struct set *s, const struct vector_hit *hits, const size_t *n_hits)
{
    size_t found = 0, all = 0;

    for (size_t i = 0; i < s->exact.n; i++) {
        const int32_t *exact = (const int32_t *)s->exact.file.p + i * SERVE_K;

        for (size_t j = 0; j < SERVE_K && exact[j] >= 0; j++) {
            found += is_among(hits + i * SERVE_K, n_hits[i], exact[j]);
            all++;
        }
    }
    return all ? (double)found / (double)all : 0;
}

static int on_run(struct serve_vectors *v, const char *name, struct how how, long n_times,
                  FILE *out)
{
    int rc = ERR_OK;
    struct set *s = NULL;
    struct vector_hit *hits = NULL;
    size_t *n_hits = NULL;
    struct stretch took[SERVE_TIMES_MAX];

    if (!v->graph || n_times < 1 || n_times > SERVE_TIMES_MAX || (how.filtered && !v->allowed))
        return FAIL(ERR_ARGUMENT, "a base, what is allowed, and 1 to %d times are wanted",
                    SERVE_TIMES_MAX);
    TRY(find_set(v, name, &s));
    hits = mem_calloc(s->exact.n * SERVE_K, sizeof *hits);
    n_hits = mem_calloc(s->exact.n, sizeof *n_hits);
    for (long i = 0; i < n_times; i++)
        took[i] = turn(v, &how, s, hits, n_hits);
    fprintf(out, " %.5f", recall(s, hits, n_hits));
    for (long i = 0; i < n_times; i++)
        fprintf(out, " %llu:%llu", took[i].wall, took[i].cpu);
out:
    mem_free(hits);
    mem_free(n_hits);
    return rc;
}

int serve_vectors_answer(void *state, const char *line, FILE *out)
{
    struct serve_vectors *v = state;
    char a[SERVE_PATH_MAX + 1], b[SERVE_PATH_MAX + 1], name[32];
    long n, m;

    if (sscanf(line, "base %4095s %ld %ld", a, &n, &m) == 3 && n > 0)
        return on_base(v, a, (size_t)n, (int)m, out);
    if (strcmp(line, "open") == 0 && v->graph)
        return on_open(v, out);
    if (sscanf(line, "queries %31s %4095s %4095s", name, a, b) == 3)
        return on_queries(v, name, a, b, out);
    if (sscanf(line, "allow %4095s", a) == 1)
        return on_allow(v, a);
    if (sscanf(line, "run %31s %ld %ld", name, &n, &m) == 3 && n > 0)
        return on_run(v, name, (struct how){(size_t)n, false, false}, m, out);
    if (sscanf(line, "run-allowed %31s %ld %ld", name, &n, &m) == 3 && n > 0)
        return on_run(v, name, (struct how){(size_t)n, true, false}, m, out);
    if (sscanf(line, "scan-allowed %31s %ld", name, &m) == 2)
        return on_run(v, name, (struct how){1, true, true}, m, out);
    return FAIL(ERR_ARGUMENT,
                "'%s' is none of base, open, queries, allow, run, run-allowed, scan-allowed", line);
}
