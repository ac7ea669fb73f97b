/* bench_scale - what a question and an ingest cost as the collection grows.
 *
 *   bench_scale [--data DIR] [--model DIR] [--clock wall|cpu] [SIZE...]
 *
 * The sizes are 1000 10000 100000 1000000 chunks by default.
 *
 * One collection grows from size to size through the retriever, in batches of SHELF_BATCH chunks;
 * at each it is closed, opened from its files, and asked questions one after the other: by vector,
 * by words, both, and both with a filter that lets a tenth through. The first 100,000 chunks are
 * sentences with their own vectors when DIR (scripts/bench-data) has them; all beyond is made from
 * a fixed seed (corpus.h). Vectors are not computed on the way in, so ingest is what storing and
 * indexing cost: until all is found ("put"), and until the index does nothing more on its own ("at
 * rest"). With a model, embedding each question is measured beside them and counted in the
 * last column.
 *
 * Times of questions in microseconds, of ASK_MAX of them or as many as fit in ASK_NS.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asking.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed/embedder.h"
#include "simd/simd.h"

#define SIZES_MAX 16
#define ASK_MAX   1000
#define ASK_NS    3000000000u
#define WARM_UP   20

struct options {
    const char *data_dir, *model_dir;
    clockid_t clock;
    size_t sizes[SIZES_MAX];
    size_t n_sizes;
};

/* The stages of a question, in the order of the columns. */
enum { EMBED, BY_VECTOR, BY_WORDS, BOTH, FILTERED, FETCH, N_STAGES_HERE };
static const char *const stage_names[] = {"embed",  "vector",   "words",
                                          "hybrid", "filtered", "fetch"};

static const struct {
    int stage;
    enum search_mode mode;
    const char *filter;
} searches[] = {{BY_VECTOR, SEARCH_VECTOR, NULL},
                {BY_WORDS, SEARCH_KEYWORD, NULL},
                {BOTH, SEARCH_HYBRID, NULL},
                {FILTERED, SEARCH_HYBRID, "part < 100"}};

static void or_stop(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_scale: %s\n", err_text());
    exit(1);
}

/* Fetching is measured with the hybrid search, whose hits an answer shows. */
static void measure_search(struct shelf *s, clockid_t clock, size_t i, struct times *all)
{
    struct times unused = {0};
    struct asking a = {s, clock, searches[i].mode, searches[i].filter, 0, WARM_UP, ASK_NS};
    bool fetches = searches[i].stage == BOTH;

    or_stop(asking_run(&a, &unused, fetches ? &unused : NULL));
    a.first = WARM_UP;
    a.n_max = ASK_MAX;
    or_stop(asking_run(&a, &all[searches[i].stage], fetches ? &all[FETCH] : NULL));
    times_done(&unused);
}

static void measure_embedding(struct embedder *e, clockid_t clock, const struct corpus *c,
                              struct times *out)
{
    struct arena *mem = arena_new(0);
    float vector[CORPUS_DIM], *embedded;
    uint64_t begin = clock_ns(), one;

    for (size_t i = 0; i < ASK_MAX && clock_ns() - begin < ASK_NS; i++) {
        struct buf text;

        buf_init(&text);
        corpus_question(c, i, &text, vector);
        one = clock_read(clock);
        or_stop(embed_query(e, NULL, buf_view(&text), mem, &embedded));
        times_add(out, clock_read(clock) - one);
        buf_done(&text);
        arena_reset(mem);
    }
    arena_free(mem);
}

static void print_head(void)
{
    printf("%9s %8s %9s %8s %8s %8s %8s", "chunks", "put s", "at rest s", "open ms", "disk MB",
           "RSS MB", "index MB");
    for (int i = 0; i < N_STAGES_HERE; i++)
        printf(" %15s", stage_names[i]);
    printf(" %9s %10s\n%79s\n", "question", "with embed", "p50/p99, us");
}

static void print_times(struct times *all)
{
    uint64_t whole = times_at(&all[BOTH], 0.5) + times_at(&all[FETCH], 0.5);

    for (int i = 0; i < N_STAGES_HERE; i++) {
        char cell[32];

        snprintf(cell, sizeof cell, "%.0f/%.0f", (double)times_at(&all[i], 0.5) / 1e3,
                 (double)times_at(&all[i], 0.99) / 1e3);
        printf(" %15s", cell);
    }
    printf(" %9.0f", (double)whole / 1e3);
    if (all[EMBED].n)
        printf(" %10.0f", (double)(whole + times_at(&all[EMBED], 0.5)) / 1e3);
    printf("\n");
}

/* Times are from nothing on. */
struct grown {
    size_t n;
    double put_s, ingest_s;
};

static void measure(struct shelf *s, struct embedder *e, clockid_t clock, const struct grown *g)
{
    struct times all[N_STAGES_HERE] = {0};
    uint64_t open_ns;

    or_stop(shelf_reopen(s, &open_ns));
    if (e)
        measure_embedding(e, clock, s->corpus, &all[EMBED]);
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++)
        measure_search(s, clock, i, all);
    printf("%9zu %8.2f %9.2f %8.1f %8.1f %8.1f %8.1f", g->n, g->put_s, g->ingest_s,
           (double)open_ns / 1e6, (double)shelf_disk_bytes(s) / 1e6,
           (double)mem_resident_bytes() / 1e6, (double)retriever_bytes(s->retriever) / 1e6);
    print_times(all);
    for (int i = 0; i < N_STAGES_HERE; i++)
        times_done(&all[i]);
}

static void grow(const struct options *o, struct shelf *s, struct embedder *e)
{
    size_t at = 0;
    double put_s = 0, ingest_s = 0;

    for (size_t i = 0; i < o->n_sizes; i++) {
        uint64_t begin = clock_ns(), settled;

        or_stop(shelf_put(s, at, o->sizes[i] - at));
        put_s += clock_ms_since(begin) / 1e3;
        or_stop(shelf_settle(s, &settled));
        ingest_s += (double)(settled - begin) / 1e9;
        at = o->sizes[i];
        measure(s, e, o->clock, &(struct grown){at, put_s, ingest_s});
    }
}

static int by_number(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return (x > y) - (x < y);
}

/* Sizes go up, and each but the last ends where a document does. */
static bool parse_sizes(struct options *o, char **words, int n)
{
    static const size_t usual[] = {1000, 10000, 100000, 1000000};

    if (n > SIZES_MAX)
        return false;
    for (int i = 0; i < n; i++) {
        o->sizes[i] = strtoul(words[i], NULL, 10);
        if (o->sizes[i] == 0 || o->sizes[i] % SHELF_CHUNKS != 0)
            return false;
    }
    o->n_sizes = (size_t)n;
    if (n == 0) {
        memcpy(o->sizes, usual, sizeof usual);
        o->n_sizes = sizeof usual / sizeof *usual;
    }
    qsort(o->sizes, o->n_sizes, sizeof *o->sizes, by_number);
    return true;
}

static bool parse(struct options *o, int argc, char **argv)
{
    static const struct option words[] = {{"data", required_argument, NULL, 'd'},
                                          {"model", required_argument, NULL, 'm'},
                                          {"clock", required_argument, NULL, 'c'},
                                          {0}};
    int c;

    *o = (struct options){.clock = CLOCK_MONOTONIC};
    while ((c = getopt_long(argc, argv, "", words, NULL)) != -1) {
        if (c == 'd')
            o->data_dir = optarg;
        else if (c == 'm')
            o->model_dir = optarg;
        else if (c == 'c' && clock_of(optarg, &o->clock))
            continue;
        else
            return false;
    }
    return parse_sizes(o, argv + optind, argc - optind);
}

int main(int argc, char **argv)
{
    struct options o;
    struct corpus *corpus = NULL;
    struct shelf shelf;
    struct embedder *e = NULL;

    if (!parse(&o, argc, argv)) {
        fprintf(stderr,
                "usage: bench_scale [--data DIR] [--model DIR] [--clock wall|cpu] [SIZE...]\n"
                "each size a multiple of %d\n",
                SHELF_CHUNKS);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    or_stop(corpus_open(&corpus, o.data_dir));
    if (o.model_dir)
        or_stop(embedder_open(&e, &(struct embedder_options){.model_dir = o.model_dir}));
    or_stop(shelf_open(&shelf, corpus, NULL));
    printf("processor %s, level %s, one thread asks, %d write and build; real sentences %zu, seed "
           "%d\n",
           cpu_model_name(), simd_level_name(simd_get()->level), pool_threads(shelf.pool),
           corpus_real(corpus), CORPUS_SEED);
    print_head();
    grow(&o, &shelf, e);
    shelf_close(&shelf);
    embedder_close(e);
    corpus_close(corpus);
    return 0;
}
