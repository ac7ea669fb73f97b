#include "index/question_words.h"

#include <string.h>

/* Words are few, so looking through them beats a table. */
struct reading {
    struct arena *mem;
    struct str *words; /* [n] different ones */
    uint32_t *order;   /* [n_order] the question, as places in words */
    size_t n, n_order, cap;
};

static void reserve(struct reading *r)
{
    struct reading old = *r;

    if (r->n_order < r->cap)
        return;
    r->cap = r->cap ? 2 * r->cap : 16;
    r->words = arena_alloc(r->mem, r->cap * sizeof *r->words);
    r->order = arena_alloc(r->mem, r->cap * sizeof *r->order);
    if (old.n_order == 0)
        return;
    memcpy(r->words, old.words, old.n * sizeof *old.words);
    memcpy(r->order, old.order, old.n_order * sizeof *old.order);
}

static void add_word(void *arg, struct str word, uint32_t start, uint32_t end)
{
    struct reading *r = arg;
    uint32_t w = 0;

    (void)start, (void)end;
    reserve(r);
    while (w < r->n && !str_eq(r->words[w], word))
        w++;
    if (w == r->n)
        r->words[r->n++] = (struct str){arena_dup(r->mem, word.p, word.n), word.n};
    r->order[r->n_order++] = w;
}

static void weigh(const struct snapshot *snap, const struct str *words, struct arena *mem,
                  struct question_words *q)
{
    double *idf = ARENA_ARRAY(mem, double, q->n), *weights = ARENA_ARRAY(mem, double, q->n);
    uint32_t *terms = ARENA_ARRAY(mem, uint32_t, snap->n_views * q->n);

    for (uint32_t w = 0; w < q->n; w++) {
        uint64_t df = snapshot_terms(snap, words[w], terms + w, q->n);

        idf[w] = df ? bm25_idf(snap->n_chunks, df) : 0;
        q->n_known += df > 0;
    }
    for (size_t i = 0; i < q->n_order; i++)
        weights[q->order[i]] += idf[q->order[i]];
    q->idf = idf;
    q->weights = weights;
    q->terms = terms;
}

void question_words(const struct snapshot *snap, struct str text, struct arena *mem,
                    struct question_words *out)
{
    struct reading r = {.mem = mem};
    struct word_analyzer *a = analyzers_get(snap->context->analyzers);

    words_each(a, text, add_word, &r);
    analyzers_put(snap->context->analyzers, a);
    *out = (struct question_words){.n = r.n, .order = r.order, .n_order = r.n_order};
    weigh(snap, r.words, mem, out);
}
