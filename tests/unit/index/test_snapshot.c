#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/segment_file.h"
#include "index/snapshot.h"
#include "support/figure.h"

/* R13: random writes against a plain model, which keeps documents in an array and scores all of
 * them by the formula, word by word. */

#define N_KEYS    40
#define N_CHUNKS  3
#define N_VOCAB   25
#define DIM       8
#define MAX_WORDS 20

struct plain_chunk {
    uint64_t id;
    int n_words, words[MAX_WORDS];
    float vector[DIM];
    bool has_vector;
};

struct plain_document {
    bool there;
    int n_chunks, group;
    struct plain_chunk chunks[N_CHUNKS];
};

static unsigned long state;

static unsigned pick(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

static void random_document(struct plain_document *d, uint64_t *next_id)
{
    *d = (struct plain_document){.there = true, .n_chunks = (int)pick(N_CHUNKS + 1)};
    d->group = (int)pick(3);
    for (int c = 0; c < d->n_chunks; c++) {
        struct plain_chunk *p = &d->chunks[c];
        float sum = 0;

        p->id = (*next_id)++ * 0x9e3779b97f4a7c15u;
        p->n_words = (int)pick(MAX_WORDS);
        for (int w = 0; w < p->n_words; w++)
            p->words[w] = (int)pick(1 + pick(N_VOCAB));
        for (int i = 0; i < DIM; i++) {
            p->vector[i] = (float)pick(1000) / 500 - 1;
            sum += p->vector[i] * p->vector[i];
        }
        for (int i = 0; i < DIM; i++)
            p->vector[i] /= sqrtf(sum) + 1e-9f;
        p->has_vector = pick(10) > 0;
    }
}

static void add_to(struct segment_builder *b, const char *key, int row,
                   const struct plain_document *d)
{
    struct buf text, metadata;

    buf_init(&text);
    buf_init(&metadata);
    buf_addf(&metadata, "{\"group\":%d}", d->group);
    segment_add_document(
        b, &(struct document_row){.id = row, .key = str_of(key), .metadata = buf_view(&metadata)});
    for (int c = 0; c < d->n_chunks; c++) {
        const struct plain_chunk *p = &d->chunks[c];

        buf_clear(&text);
        for (int w = 0; w < p->n_words; w++)
            buf_addf(&text, "w%d ", p->words[w]);
        segment_add_chunk(b, &(struct chunk_row){.id = p->id, .text = buf_view(&text)},
                          p->has_vector ? p->vector : NULL);
    }
    buf_done(&text);
    buf_done(&metadata);
}

/* ---- the model's scores ---- */

struct totals {
    int n_chunks, n_documents, df[N_VOCAB];
    double n_words;
};

static int tf(const struct plain_chunk *p, int word)
{
    int n = 0;

    for (int w = 0; w < p->n_words; w++)
        n += p->words[w] == word;
    return n;
}

/* The group stands among the names, which count twice. */
static int length_of(const struct plain_chunk *p)
{
    return p->n_words + 2;
}

static struct totals count(const struct plain_document *docs)
{
    struct totals t = {0};

    for (int i = 0; i < N_KEYS; i++)
        for (int c = 0; docs[i].there && c < docs[i].n_chunks; c++) {
            t.n_chunks++;
            t.n_words += length_of(&docs[i].chunks[c]);
            for (int w = 0; w < N_VOCAB; w++)
                t.df[w] += tf(&docs[i].chunks[c], w) > 0;
        }
    for (int i = 0; i < N_KEYS; i++)
        t.n_documents += docs[i].there;
    return t;
}

static double plain_bm25(const struct totals *t, const struct plain_chunk *p, const int *query,
                         int n_query)
{
    double score = 0, mean = t->n_chunks ? t->n_words / t->n_chunks : 0;

    for (int q = 0; q < n_query; q++) {
        double n = t->df[query[q]], f = tf(p, query[q]);

        if (f > 0)
            score += log(1 + (t->n_chunks - n + 0.5) / (n + 0.5)) * f /
                     (f + 1.2 * (1 - 0.75 + 0.75 * length_of(p) / mean));
    }
    return score;
}

static double plain_cosine(const struct plain_chunk *p, const float *query)
{
    double sum = 0;

    for (int i = 0; i < DIM; i++)
        sum += p->vector[i] * query[i];
    return sum;
}

/* ---- comparing ---- */

struct world {
    struct plain_document docs[N_KEYS];
    struct snapshot *snap;
    unsigned long seed;
};

/* Every chunk that the model lets in is a hit with the model's score, and no other is. */
static void compare_search(const struct world *w, enum search_mode mode, int group)
{
    struct arena *mem = arena_new(0);
    struct totals t = count(w->docs);
    struct search_spec spec = {.mode = mode, .k = SEARCH_K_MAX};
    int query[4], n_query = 1 + (int)pick(4);
    float vector[DIM];
    char text[64] = "";
    struct filter *f = NULL;
    struct hits hits;
    size_t n_want = 0;

    for (int q = 0; q < n_query; q++) {
        query[q] = (int)pick(N_VOCAB);
        sprintf(text + strlen(text), "w%d ", query[q]);
    }
    for (int i = 0; i < DIM; i++)
        vector[i] = (float)pick(1000) / 500 - 1;
    if (group >= 0)
        cr_assert_eq(filter_from_text(&f, str_of(arena_printf(mem, "group=%d", group)), mem),
                     ERR_OK);
    spec.text = str_of(text);
    spec.vector = vector;
    spec.filter = f;
    cr_assert_eq(snapshot_search(w->snap, &spec, mem, &hits), ERR_OK, "%s", err_text());
    for (int i = 0; i < N_KEYS; i++)
        for (int c = 0; w->docs[i].there && c < w->docs[i].n_chunks; c++) {
            const struct plain_chunk *p = &w->docs[i].chunks[c];
            double want = mode == SEARCH_KEYWORD ? plain_bm25(&t, p, query, n_query)
                                                 : plain_cosine(p, vector);
            size_t h = 0;

            if ((group >= 0 && w->docs[i].group != group) ||
                (mode == SEARCH_KEYWORD ? want <= 0 : !p->has_vector))
                continue;
            n_want++;
            while (h < hits.n && hits.v[h].chunk_id != p->id)
                h++;
            cr_assert_lt(h, hits.n, "seed %lu: a chunk is missing", w->seed);
            cr_assert_float_eq(hits.v[h].score, want, 1e-4, "seed %lu", w->seed);
            cr_assert_eq(hits.v[h].document_id, i + 1, "seed %lu", w->seed);
        }
    cr_assert_eq(hits.n, n_want, "seed %lu: %zu hits, not %zu", w->seed, hits.n, n_want);
    for (size_t h = 1; h < hits.n; h++)
        cr_assert(hits.v[h - 1].score > hits.v[h].score ||
                      (hits.v[h - 1].score == hits.v[h].score &&
                       hits.v[h - 1].chunk_id < hits.v[h].chunk_id),
                  "seed %lu: order", w->seed);
    arena_free(mem);
}

static void compare_counts(const struct world *w)
{
    struct totals t = count(w->docs);

    cr_assert_eq(snapshot_chunks(w->snap), t.n_chunks, "seed %lu", w->seed);
    cr_assert_eq(snapshot_documents(w->snap), t.n_documents, "seed %lu", w->seed);
    for (int i = 0; i < N_VOCAB; i++) {
        char word[16];

        snprintf(word, sizeof word, "w%d", i);
        cr_assert_eq(snapshot_df(w->snap, str_of(word)), t.df[i], "seed %lu: df of %s", w->seed,
                     word);
    }
}

/* One change: some documents come (perhaps replacing), some are refused, some go. */
static void change(struct world *w, struct analyzers *analyzers, uint64_t *next_id)
{
    struct segment_builder *b = segment_builder_new(DIM, 0, analyzers, NULL);
    char keys[N_KEYS][16];
    struct str gone[N_KEYS];
    uint64_t refused = 0;
    bool was_there[N_KEYS], was_model[N_KEYS];
    size_t n_gone = 0, n_added = 0;
    struct snapshot *next;

    for (int i = 0; i < N_KEYS; i++) {
        struct plain_document fresh;
        unsigned what = pick(20);

        snprintf(keys[i], sizeof keys[i], "k%d", i);
        if (what > 3)
            continue;
        if (what > 0) {
            random_document(&fresh, next_id);
            add_to(b, keys[i], i + 1, &fresh);
            if (what == 3)
                refused |= (uint64_t)1 << n_added;
            n_added++;
            if (what == 3)
                continue;
        }
        was_model[n_gone] = w->docs[i].there;
        gone[n_gone++] = str_of(keys[i]);
        w->docs[i] = what ? fresh : (struct plain_document){0};
    }
    next = snapshot_next(w->snap,
                         &(struct change){.epoch = snapshot_epoch(w->snap) + 1,
                                          .keys = gone,
                                          .n_keys = n_gone,
                                          .added = segment_finish(b),
                                          .refused = &refused},
                         was_there);
    for (size_t i = 0; i < n_gone; i++)
        cr_assert_eq(was_there[i], was_model[i], "seed %lu", w->seed);
    snapshot_unref(w->snap);
    w->snap = next;
}

/* ---- sealing beside the changes, as a thread of its own would ---- */

struct sealing {
    struct snapshot *base; /* NULL: none under way */
    size_t from;
    struct segment *sealed;
};

static void mark(const struct sealing *s, bool on)
{
    for (size_t i = s->from; i < s->base->n_views; i++)
        atomic_store(&s->base->views[i].segment->sealing, on);
}

static void begin_sealing(struct sealing *s, struct snapshot *now)
{
    struct segment_part parts[16];
    size_t n_living = 0;
    char path[64];

    if (now->n_views == 0)
        return;
    s->base = snapshot_ref(now);
    s->from = pick((unsigned)now->n_views);
    mark(s, true);
    for (size_t i = s->from; i < now->n_views; i++) {
        const struct view *v = &now->views[i];

        n_living += view_living(v);
        parts[i - s->from] = (struct segment_part){v->segment, v->dead ? v->dead->chunks : NULL,
                                                   v->dead ? v->dead->documents : NULL};
    }
    if (n_living == 0)
        return;
    s->sealed = segment_merge(parts, now->n_views - s->from);
    snprintf(path, sizeof path, "/tmp/ragd-snapshot-%d", getpid());
    cr_assert_eq(segment_save(s->sealed, path), ERR_OK, "%s", err_text());
    segment_unref(s->sealed);
    cr_assert_eq(segment_map(&s->sealed, path, DIM), ERR_OK, "%s", err_text());
    unlink(path);
}

static void end_sealing(struct sealing *s, struct world *w)
{
    struct snapshot *next =
        snapshot_sealed(w->snap, &(struct seal){s->base, s->from, s->sealed}, &(struct seal){0});

    cr_assert_not_null(next);
    cr_expect_eq(snapshot_epoch(next), snapshot_epoch(w->snap));
    mark(s, false);
    snapshot_unref(w->snap);
    w->snap = next;
    snapshot_unref(s->base);
    segment_unref(s->sealed);
    *s = (struct sealing){0};
}

Test(snapshot, is_what_a_plain_model_says_after_any_changes)
{
    const char *given = getenv("RAGD_SEED");
    struct world w = {.seed = given ? strtoul(given, NULL, 10) : 20260302};
    struct index_context context = {.dim = DIM, .k1 = 1.2, .b = 0.75, .writer_merge_max = SIZE_MAX};
    size_t n_operations = 0, n_views_max = 0;
    struct sealing sealing = {0};
    uint64_t next_id = 1;

    state = w.seed;
    cr_assert_eq(analyzers_new(&context.analyzers, &(struct word_settings){.language = ""}),
                 ERR_OK);
    w.snap = snapshot_empty(&context, 1);
    for (int round = 0; round < 2400; round++) {
        change(&w, context.analyzers, &next_id);
        if (!sealing.base && pick(8) == 0)
            begin_sealing(&sealing, w.snap);
        else if (sealing.base && pick(4) == 0)
            end_sealing(&sealing, &w);
        compare_counts(&w);
        compare_search(&w, SEARCH_KEYWORD, (int)pick(4) - 1);
        compare_search(&w, SEARCH_VECTOR, (int)pick(4) - 1);
        n_operations += N_KEYS + 2;
        if (w.snap->n_views > n_views_max)
            n_views_max = w.snap->n_views;
    }
    if (sealing.base)
        end_sealing(&sealing, &w);
    cr_expect_leq(n_views_max, 14, "views stay few");
    cr_expect_gt(n_views_max, 1);
    snapshot_unref(w.snap);
    analyzers_free(context.analyzers);
    figure("R13 | both indexes against a plain model, %zu operations, up to %zu views, seed %lu | "
           "0 differences",
           n_operations, n_views_max, w.seed);
}

Test(snapshot, knows_how_rare_a_word_is)
{
    struct index_context context = {.dim = 1, .k1 = 1.2, .b = 0.75, .writer_merge_max = SIZE_MAX};
    struct snapshot *empty, *s;
    struct segment_builder *b;

    cr_assert_eq(analyzers_new(&context.analyzers, &(struct word_settings){.language = ""}),
                 ERR_OK);
    b = segment_builder_new(1, 0, context.analyzers, NULL);
    segment_add_document(b, &(struct document_row){.key = STR_LIT("a"), .metadata = STR_LIT("{}")});
    segment_add_chunk(b, &(struct chunk_row){.text = STR_LIT("x y")}, NULL);
    segment_add_chunk(b, &(struct chunk_row){.id = 1, .text = STR_LIT("y")}, NULL);
    empty = snapshot_empty(&context, 1);
    s = snapshot_next(empty, &(struct change){.epoch = 2, .added = segment_finish(b)}, NULL);
    cr_expect_float_eq(snapshot_idf(s, STR_LIT("x")), log(1 + 1.5 / 1.5), 1e-9);
    cr_expect_float_eq(snapshot_idf(s, STR_LIT("y")), log(1 + 0.5 / 2.5), 1e-9);
    cr_expect_eq(snapshot_idf(s, STR_LIT("z")), 0);
    cr_expect_gt(snapshot_bytes(s), snapshot_bytes(empty));
    cr_expect_eq(snapshot_epoch(s), 2);
    snapshot_unref(empty);
    snapshot_unref(s);
    analyzers_free(context.analyzers);
}
