#include "index/question_words.h"

#include "base/mem.h"

struct reading {
    struct dict *words;
    uint32_t *order;
    size_t n_order, cap_order;
};

static void add_word(void *arg, struct str word, uint32_t start, uint32_t end)
{
    struct reading *r = arg;

    (void)start, (void)end;
    r->order = mem_grow(r->order, &r->cap_order, r->n_order + 1, sizeof *r->order);
    r->order[r->n_order++] = dict_add(r->words, word, NULL);
}

static void weigh(const struct snapshot *snap, const struct dict *words, struct arena *mem,
                  struct question_words *q)
{
    double *idf = ARENA_ARRAY(mem, double, q->n), *weights = ARENA_ARRAY(mem, double, q->n);
    uint32_t *terms = ARENA_ARRAY(mem, uint32_t, snap->n_views * q->n);

    for (uint32_t w = 0; w < q->n; w++) {
        uint64_t df = snapshot_terms(snap, dict_at(words, w), terms + w, q->n);

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
    struct reading r = {.words = dict_new()};
    struct word_analyzer *a = analyzers_get(snap->context->analyzers);

    words_each(a, text, add_word, &r);
    analyzers_put(snap->context->analyzers, a);
    *out = (struct question_words){.n = dict_count(r.words),
                                   .order = arena_dup(mem, r.order, r.n_order * sizeof *r.order),
                                   .n_order = r.n_order};
    weigh(snap, r.words, mem, out);
    dict_free(r.words);
    mem_free(r.order);
}
