/* bench_words - the word index by itself: from texts to an index, from questions to the ten best.
 *
 *   bench_words TEXTS QUESTIONS [--gold FILE] [--threads N] [--runs N] [--k N] [--copies N]
 *
 * A text and a question a line; a line of the gold file is a question's number and the lines of
 * TEXTS, from 0, that answer it. Building is what an ingest does (segment_builder: words counted by
 * N threads, default 2), searching is snapshot_search by keywords, on one thread, question after
 * question. Prints one line of JSON: the best of the runs for building and for all questions; a
 * question's time is the shortest of its runs, and of those come the median and the 99th
 * percentile.
 * --copies makes a larger index of shuffled words: each text again with some of another's.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "index/snapshot.h"

#define FILE_MAX   ((size_t)1 << 31)
#define BUILDS_MAX 5

struct lines {
    struct buf bytes;
    struct str *v;
    size_t n, cap;
};

struct options {
    const char *texts, *questions, *gold;
    int n_threads, n_runs, k, n_copies;
};

struct bench {
    const struct options *o;
    struct lines texts, questions, gold;
    struct index_context context;
    struct snapshot *snap;
    struct arena *mem;
    double *best_us; /* [n_questions] */
    double build_s, total_s;
    size_t n_found;
};

static void or_stop(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_words: %s\n", err_text());
    exit(1);
}

static void read_lines(struct lines *l, const char *path)
{
    char *at, *end;

    buf_init(&l->bytes);
    or_stop(file_read(path, FILE_MAX, &l->bytes));
    for (at = l->bytes.p; at && *at; at = end + 1) {
        end = strchr(at, '\n');
        if (!end)
            break;
        l->v = mem_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
        l->v[l->n++] = (struct str){at, (size_t)(end - at)};
    }
}

/* ---- building ---- */

/* Text i of copy c > 0: its first half and another's second half. */
static struct str text_of(struct bench *b, int c, size_t i, struct buf *out)
{
    struct str s = b->texts.v[i], other = b->texts.v[(i * 7919 + (size_t)c * 104729) % b->texts.n];

    if (c == 0)
        return s;
    buf_clear(out);
    buf_add(out, s.p, s.n / 2);
    buf_add_char(out, ' ');
    buf_add(out, other.p + other.n / 2, other.n - other.n / 2);
    return buf_view(out);
}

static struct segment *build(struct bench *b, struct pool *pool)
{
    struct segment_builder *s = segment_builder_new(1, b->texts.n, b->context.analyzers, pool);
    struct buf text;

    buf_init(&text);
    segment_add_document(s, &(struct document_row){.id = 1, .key = STR_LIT("texts")});
    for (int c = 0; c < b->o->n_copies; c++)
        for (size_t i = 0; i < b->texts.n; i++)
            segment_add_chunk(s,
                              &(struct chunk_row){.id = (uint64_t)c * b->texts.n + i,
                                                  .text = text_of(b, c, i, &text)},
                              NULL);
    buf_done(&text);
    return segment_finish(s);
}

static void measure_build(struct bench *b, int n_runs)
{
    struct pool *pool = pool_new("bench", b->o->n_threads, 64);

    for (int r = 0; r < n_runs; r++) {
        struct snapshot *empty = snapshot_empty(&b->context, 1);
        uint64_t start = clock_ns();
        struct segment *s = build(b, pool);
        double took = (double)(clock_ns() - start) / 1e9;

        b->build_s = r == 0 || took < b->build_s ? took : b->build_s;
        snapshot_unref(b->snap);
        b->snap = snapshot_next(empty, &(struct change){.epoch = 2, .added = s}, NULL);
        snapshot_unref(empty);
    }
    pool_free(pool);
}

/* ---- searching ---- */

static bool is_gold(const struct bench *b, size_t i, uint64_t id)
{
    const char *at = b->gold.v[i].p;
    char *end;

    strtoull(at, &end, 10); /* the question's number */
    while (*end == '\t')
        if (strtoull(end, &end, 10) == id)
            return true;
    return false;
}

static void check_gold(struct bench *b, size_t i, const struct hits *hits)
{
    for (size_t h = 0; i < b->gold.n && h < hits->n; h++)
        if (is_gold(b, i, hits->v[h].chunk_id)) {
            b->n_found++;
            return;
        }
}

static void measure_search(struct bench *b)
{
    b->n_found = 0;
    for (size_t i = 0; i < b->questions.n; i++) {
        struct search_spec spec = {.text = b->questions.v[i], .mode = SEARCH_KEYWORD, .k = b->o->k};
        struct hits hits;
        uint64_t start = clock_ns();
        double took;

        or_stop(snapshot_search(b->snap, &spec, b->mem, &hits));
        took = (double)(clock_ns() - start) / 1e3;
        if (b->best_us[i] == 0 || took < b->best_us[i])
            b->best_us[i] = took;
        check_gold(b, i, &hits);
        arena_reset(b->mem);
    }
}

static void search_all(struct bench *b)
{
    for (size_t i = 0; i < b->questions.n; i++) {
        struct search_spec spec = {.text = b->questions.v[i], .mode = SEARCH_KEYWORD, .k = b->o->k};
        struct hits hits;

        or_stop(snapshot_search(b->snap, &spec, b->mem, &hits));
        arena_reset(b->mem);
    }
}

static void measure(struct bench *b)
{
    for (int r = -1; r < b->o->n_runs; r++) { /* run -1 warms up */
        uint64_t start = clock_ns();
        double took;

        search_all(b);
        took = (double)(clock_ns() - start) / 1e9;
        if (r >= 0 && (b->total_s == 0 || took < b->total_s))
            b->total_s = took;
        measure_search(b);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(struct bench *b)
{
    size_t n = b->questions.n;
    const struct bm25 *words = b->snap->views[0].segment->words;

    qsort(b->best_us, n, sizeof *b->best_us, by_size);
    printf("{\"texts\":%u,\"terms\":%u,\"postings\":%llu,\"index_mb\":%.1f,\"build_s\":%.3f,"
           "\"threads\":%d,\"questions\":%zu,\"k\":%d,\"questions_per_s\":%.0f,\"p50_us\":%.2f,"
           "\"p99_us\":%.2f,\"gold\":%.4f}\n",
           words->n_chunks, words->n_terms, (unsigned long long)words->list_start[words->n_terms],
           (double)bm25_bytes(words) / 1e6, b->build_s, b->o->n_threads, n, b->o->k,
           (double)n / b->total_s, b->best_us[n / 2], b->best_us[n * 99 / 100],
           b->gold.n ? (double)b->n_found / (double)n : 0);
}

static void parse(struct options *o, int argc, char **argv)
{
    static const struct option names[] = {
        {"gold", required_argument, NULL, 'g'},   {"threads", required_argument, NULL, 't'},
        {"runs", required_argument, NULL, 'r'},   {"k", required_argument, NULL, 'k'},
        {"copies", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
        switch (c) {
        case 'g': o->gold = optarg; break;
        case 't': o->n_threads = atoi(optarg); break;
        case 'r': o->n_runs = atoi(optarg); break;
        case 'k': o->k = atoi(optarg); break;
        case 'c': o->n_copies = atoi(optarg); break;
        default: exit(2);
        }
    if (argc - optind != 2 || o->n_threads < 1 || o->n_runs < 1 || o->k < 1 || o->n_copies < 1) {
        fprintf(stderr, "usage: bench_words TEXTS QUESTIONS [--gold FILE] [--threads N] "
                        "[--runs N] [--k N] [--copies N]\n");
        exit(2);
    }
    o->texts = argv[optind];
    o->questions = argv[optind + 1];
}

static void bench_done(struct bench *b)
{
    struct lines *const lines[] = {&b->texts, &b->questions, &b->gold};

    snapshot_unref(b->snap);
    analyzers_free(b->context.analyzers);
    arena_free(b->mem);
    mem_free(b->best_us);
    for (size_t i = 0; i < 3; i++) {
        buf_done(&lines[i]->bytes);
        mem_free(lines[i]->v);
    }
}

int main(int argc, char **argv)
{
    struct options o = {.n_threads = 2, .n_runs = 5, .k = 10, .n_copies = 1};
    struct bench b = {.o = &o, .context = {.dim = 1, .k1 = 1.2, .b = 0.75}};

    parse(&o, argc, argv);
    read_lines(&b.texts, o.texts);
    read_lines(&b.questions, o.questions);
    if (o.gold)
        read_lines(&b.gold, o.gold);
    if (!b.texts.n || !b.questions.n || (o.gold && b.gold.n != b.questions.n)) {
        fprintf(stderr, "bench_words: texts, questions and gold do not fit together\n");
        return 1;
    }
    or_stop(analyzers_new(&b.context.analyzers,
                          &(struct word_settings){.language = "english", .drop_stop_words = true}));
    b.mem = arena_new(256u << 10);
    b.best_us = mem_calloc(b.questions.n, sizeof *b.best_us);
    measure_build(&b, o.n_copies > 1 || o.n_runs < BUILDS_MAX ? 1 : BUILDS_MAX);
    measure(&b);
    report(&b);
    bench_done(&b);
    return 0;
}
