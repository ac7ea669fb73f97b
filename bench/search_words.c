/* The words of a segment, asked through a snapshot: what a search by keywords does, and nothing
 * of vectors. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asking.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/snapshot.h"
#include "rows.h"
#include "search_serve.h"

struct serve_words {
    struct index_context context;
    struct snapshot *snap;
    struct lines questions, gold;
    struct arena *mem;
    struct times times;
    size_t n_found;
};

struct serve_words *serve_words_new(void)
{
    struct serve_words *w = mem_calloc(1, sizeof *w);
    struct word_settings english = {"english", true};

    w->context = (struct index_context){.dim = 1, .k1 = 1.2, .b = 0.75};
    w->mem = arena_new(0);
    if (analyzers_new(&w->context.analyzers, &english) < 0)
        abort(); /* it is always there */
    return w;
}

void serve_words_free(struct serve_words *w)
{
    snapshot_unref(w->snap);
    analyzers_free(w->context.analyzers);
    lines_close(&w->questions);
    lines_close(&w->gold);
    times_done(&w->times);
    arena_free(w->mem);
    mem_free(w);
}

static struct segment *build(struct serve_words *w, const struct lines *texts, size_t n,
                             struct pool *pool)
{
    struct segment_builder *b = segment_builder_new(1, n, w->context.analyzers, pool);

    segment_add_document(b, &(struct document_row){.id = 1, .key = STR_LIT("texts")});
    for (size_t i = 0; i < n; i++)
        segment_add_chunk(b, &(struct chunk_row){.id = i, .text = lines_at(texts, i)}, NULL);
    return segment_finish(b);
}

static int on_texts(struct serve_words *w, const char *path, size_t n, FILE *out)
{
    int rc = ERR_OK;
    struct lines texts = {0};
    struct pool *pool = pool_new("bench", (int)sysconf(_SC_NPROCESSORS_ONLN), 64);
    struct snapshot *empty = snapshot_empty(&w->context, 1);
    struct stretch took;

    TRY(lines_open(&texts, path));
    took = stretch_begin();
    snapshot_unref(w->snap);
    w->snap = snapshot_next(
        empty,
        &(struct change){.epoch = 2, .added = build(w, &texts, n < texts.n ? n : texts.n, pool)},
        NULL);
    took = stretch_since(took);
    fprintf(out, " %llu:%llu", took.wall, took.cpu);
out:
    snapshot_unref(empty);
    lines_close(&texts);
    pool_free(pool);
    return rc;
}

static int on_questions(struct serve_words *w, const char *path, const char *gold, FILE *out)
{
    int rc = ERR_OK;

    lines_close(&w->questions);
    lines_close(&w->gold);
    TRY(lines_open(&w->questions, path));
    TRY(lines_open(&w->gold, gold));
    if (w->questions.n != w->gold.n || w->questions.n == 0)
        return FAIL(ERR_FORMAT, "%zu questions, %zu lines of gold", w->questions.n, w->gold.n);
    fprintf(out, " %zu", w->questions.n);
out:
    return rc;
}

/* A line of gold: the question's number, then rows. */
static bool is_gold(const struct serve_words *w, size_t i, uint64_t row)
{
    struct str line = lines_at(&w->gold, i);
    const char *at = memchr(line.p, '\t', line.n);

    while (at && at < line.p + line.n && *at == '\t') {
        char *end;

        if (strtoull(at + 1, &end, 10) == row)
            return true;
        at = end;
    }
    return false;
}

static int ask(struct serve_words *w, size_t i, bool *found)
{
    int rc = ERR_OK;
    struct hits hits = {0};
    struct search_spec spec = {
        .text = lines_at(&w->questions, i), .mode = SEARCH_KEYWORD, .k = SERVE_K};

    TRY(snapshot_search(w->snap, &spec, w->mem, &hits));
    *found = false;
    for (size_t h = 0; h < hits.n; h++)
        *found |= is_gold(w, i, hits.v[h].chunk_id);
out:
    arena_reset(w->mem);
    return rc;
}

/* All, then one by one for the percentiles: a clock read for each would count in the rate. */
static int turn(struct serve_words *w, FILE *out)
{
    int rc = ERR_OK;
    bool found;
    struct stretch all = stretch_begin();

    for (size_t i = 0; i < w->questions.n; i++)
        TRY(ask(w, i, &found));
    all = stretch_since(all);
    w->times.n = 0;
    w->n_found = 0;
    for (size_t i = 0; i < w->questions.n; i++) {
        uint64_t begin = clock_ns();

        TRY(ask(w, i, &found));
        times_add(&w->times, clock_ns() - begin);
        w->n_found += found;
    }
    fprintf(out, " %llu:%llu:%llu:%llu", all.wall, all.cpu,
            (unsigned long long)times_at(&w->times, 0.5),
            (unsigned long long)times_at(&w->times, 0.99));
out:
    return rc;
}

static int on_run(struct serve_words *w, long n_times, FILE *out)
{
    int rc = ERR_OK;
    char *turns = NULL;
    size_t n_bytes;
    FILE *kept;

    if (!w->snap || !w->questions.n || n_times < 1 || n_times > SERVE_TIMES_MAX)
        return FAIL(ERR_ARGUMENT, "texts, questions and 1 to %d times are wanted", SERVE_TIMES_MAX);
    kept = open_memstream(&turns, &n_bytes);
    for (long i = 0; i < n_times && rc >= 0; i++)
        rc = turn(w, kept);
    fclose(kept);
    if (rc >= 0)
        fprintf(out, " %.5f%s", (double)w->n_found / (double)w->questions.n, turns);
    free(turns);
    return rc;
}

int serve_words_answer(void *state, const char *line, FILE *out)
{
    struct serve_words *w = state;
    char a[SERVE_PATH_MAX + 1], b[SERVE_PATH_MAX + 1];
    long n;

    if (sscanf(line, "texts %4095s %ld", a, &n) == 2 && n > 0)
        return on_texts(w, a, (size_t)n, out);
    if (sscanf(line, "questions %4095s %4095s", a, b) == 2)
        return on_questions(w, a, b, out);
    if (sscanf(line, "run %ld", &n) == 1)
        return on_run(w, n, out);
    return FAIL(ERR_ARGUMENT, "'%s' is none of texts, questions, run", line);
}
