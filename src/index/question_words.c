#include "index/question_words.h"

#include "base/mem.h"
#include "index/acronyms.h"

#define ACRONYMS_MAX 4 /* of a question; further ones stay what they are */

/* A word of a long form beside one that was asked for. With 1 the demo questions gain twice as much
 * (MRR 0.571 -> 0.596 instead of 0.581), but squad-dev, tatqa-dev and cfr-dev lose 0.001. */
#define LONG_FORM_WEIGHT 0.5

struct reading {
    const struct snapshot *snap;
    struct str text;
    struct dict *words;
    uint32_t *order;
    size_t n_order, cap_order;
    uint32_t acronyms[ACRONYMS_MAX];
    size_t n_acronyms;
};

static void add_word(void *arg, struct str word, uint32_t start, uint32_t end)
{
    struct reading *r = arg;
    bool added;
    uint32_t w = dict_add(r->words, word, &added);

    r->order = mem_grow(r->order, &r->cap_order, r->n_order + 1, sizeof *r->order);
    r->order[r->n_order++] = w;
    if (added && r->n_acronyms < ACRONYMS_MAX && acronym_is(str_sub(r->text, start, end)))
        r->acronyms[r->n_acronyms++] = w;
}

/* Words that an acronym stands for are in `order` behind those of the question. */
static void add_long_form(struct reading *r, uint32_t acronym, struct arena *mem)
{
    struct str words[ACRONYM_LETTERS_MAX], short_form = dict_at(r->words, acronym);
    uint32_t *terms = arena_alloc(mem, (r->snap->n_views + 1) * sizeof *terms);
    uint64_t df = snapshot_terms(r->snap, short_form, terms, 1);
    size_t n = acronym_words(r->snap, short_form, terms, 1, df, mem, words);

    for (size_t i = 0; i < n; i++) {
        r->order = mem_grow(r->order, &r->cap_order, r->n_order + 1, sizeof *r->order);
        r->order[r->n_order++] = dict_add(r->words, words[i], NULL);
    }
}

static void weigh(const struct reading *r, struct arena *mem, struct question_words *q)
{
    double *idf = ARENA_ARRAY(mem, double, q->n), *weights = ARENA_ARRAY(mem, double, q->n);
    uint32_t *terms = ARENA_ARRAY(mem, uint32_t, r->snap->n_views * q->n);

    for (uint32_t w = 0; w < q->n; w++) {
        uint64_t df = snapshot_terms(r->snap, dict_at(r->words, w), terms + w, q->n);

        idf[w] = df ? bm25_idf(r->snap->n_chunks, df) : 0;
        q->n_known += df > 0;
    }
    for (size_t i = 0; i < r->n_order; i++)
        weights[r->order[i]] += idf[r->order[i]] * (i < q->n_order ? 1 : LONG_FORM_WEIGHT);
    q->idf = idf;
    q->weights = weights;
    q->terms = terms;
}

void question_words(const struct snapshot *snap, struct str text, struct arena *mem,
                    struct question_words *out)
{
    struct reading r = {.snap = snap, .text = text, .words = dict_new()};
    struct word_analyzer *a = analyzers_get(snap->context->analyzers);

    words_each(a, text, add_word, &r);
    analyzers_put(snap->context->analyzers, a);
    *out = (struct question_words){.n_asked = dict_count(r.words), .n_order = r.n_order};
    for (size_t i = 0; i < r.n_acronyms; i++)
        add_long_form(&r, r.acronyms[i], mem);
    out->n = dict_count(r.words);
    out->order = arena_dup(mem, r.order, r.n_order * sizeof *r.order);
    weigh(&r, mem, out);
    dict_free(r.words);
    mem_free(r.order);
}
