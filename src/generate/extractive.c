#include "generate/extractive.h"

#include <ctype.h>
#include <math.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/utf8.h"
#include "generate/cues.h"
#include "simd/simd.h"
#include "text/sentences.h"

/* Shares of meaning and words in a sentence's score. */
#define MEANING_WEIGHT 0.5
#define WORDS_WEIGHT   0.5
/* Without vectors the words stand in for the cosines; 0.7 is that of a sentence that answers. */
#define WORDS_AS_COSINE 0.7
/* "X is ..." answers "What is X?" better than other sentences about X. */
#define DEFINITION_BONUS 0.15
/* A further sentence must be nearly as good as the best, and say something else. */
#define FURTHER_MIN 0.80
/* Two sentences are alike when this share of the shorter one's byte trigrams is in the other. */
#define ALIKE_MIN 0.85
/* A heading or a stray label is no answer: shorter sentences count in proportion. */
#define FULL_SENTENCE_WORDS 6
/* What does not end as a sentence does is a heading, a row or a label. */
#define LABEL_SHARE     0.8
#define LIST_CHARS_MAX  700
#define QUOTE_CHARS_MAX 900

static const char REFUSAL[] = "The documents do not answer this question.";

/* ---- the question ---- */

struct term_list {
    struct extract_question *q;
    struct arena *mem;
};

static void add_term(void *arg, struct str word, uint32_t start, uint32_t end)
{
    struct term_list *l = arg;
    struct extract_question *q = l->q;

    (void)start;
    (void)end;
    for (size_t i = 0; i < q->n_terms; i++)
        if (str_eq(q->terms[i].stem, word))
            return;
    if (q->n_terms < EXTRACTIVE_TERMS_MAX)
        q->terms[q->n_terms++].stem = (struct str){arena_strndup(l->mem, word.p, word.n), word.n};
}

void extractive_prepare(struct snapshot *snap, struct str text, const float *vector, size_t dim,
                        struct arena *mem, struct extract_question *out)
{
    struct analyzers *analyzers = snapshot_analyzers(snap);
    struct extract_question q = {
        .text = text, .vector = vector, .dim = dim, .analyzers = analyzers};
    struct word_analyzer *analyzer = analyzers_get(analyzers);
    struct term_list list = {&q, mem};
    double unseen = log(1 + (double)snapshot_chunks(snap));

    q.terms = ARENA_ARRAY(mem, struct extract_term, EXTRACTIVE_TERMS_MAX);
    words_each(analyzer, text, add_term, &list);
    analyzers_put(analyzers, analyzer);
    for (size_t i = 0; i < q.n_terms; i++) {
        double idf = snapshot_idf(snap, q.terms[i].stem);

        q.terms[i].weight = round((idf > 0 ? idf : unseen) * 4) / 4;
        q.weight_sum += q.terms[i].weight;
    }
    *out = q;
}

const char *extractive_settings(const struct extract_question *q, struct arena *mem)
{
    struct buf b;
    const char *text;

    buf_init(&b);
    buf_addf(&b, "extractive/1 %s", q->vector ? "vectors" : "words");
    for (size_t i = 0; i < q->n_terms; i++)
        buf_addf(&b, " %.2f", q->terms[i].weight);
    text = arena_strndup(mem, b.p, b.n);
    buf_done(&b);
    return text;
}

/* ---- words of a piece of text ---- */

struct seen {
    const struct extract_question *q;
    uint64_t terms; /* bit i: the question's term i is here */
    size_t n_words;
};

static void note_word(void *arg, struct str word, uint32_t start, uint32_t end)
{
    struct seen *s = arg;

    (void)start;
    (void)end;
    s->n_words++;
    for (size_t i = 0; i < s->q->n_terms; i++)
        if (str_eq(s->q->terms[i].stem, word))
            s->terms |= (uint64_t)1 << i;
}

static struct seen words_in(struct word_analyzer *a, const struct extract_question *q,
                            struct str text)
{
    struct seen s = {.q = q};

    words_each(a, text, note_word, &s);
    return s;
}

/* Weighted share of the question's words. */
static double share_of(const struct extract_question *q, uint64_t terms)
{
    double sum = 0;

    for (size_t i = 0; i < q->n_terms; i++)
        if (terms >> i & 1)
            sum += q->terms[i].weight;
    return q->weight_sum > 0 ? sum / q->weight_sum : 0;
}

/* ---- sentences ---- */

struct candidate {
    uint32_t i_passage, i_sentence;
    struct span span; /* bytes in the passage's text */
    uint64_t terms;
    double cosine, words, score;
};

struct candidates {
    struct candidate *v;
    size_t n;
    uint64_t *passage_terms; /* [ctx->n] words of text, title and heading */
};

static void sentence_cosines(const struct extract_question *q, const struct passage *p, size_t n,
                             float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = 0;
    if (q->vector && p->sentence_vectors && p->n_sentences == n)
        simd_get()->dot_rows_i8(q->vector, p->sentence_vectors, n, q->dim, 1.0f / 127, out);
}

static bool ends_as_sentence(struct str s)
{
    while (s.n && strchr("\"')]", s.p[s.n - 1]))
        s.n--;
    return s.n && (strchr(".?!:;", s.p[s.n - 1]) || (unsigned char)s.p[s.n - 1] >= 0x80);
}

static void score_passage(const struct extract_question *q, const struct context *ctx,
                          uint32_t i_passage, struct word_analyzer *analyzer, struct candidates *c)
{
    const struct passage *p = &ctx->passages[i_passage];
    struct span spans[SENTENCES_PER_CHUNK_MAX];
    float cosines[SENTENCES_PER_CHUNK_MAX];
    size_t n = sentence_split(p->text, spans, SENTENCES_PER_CHUNK_MAX);
    uint64_t around =
        words_in(analyzer, q, p->title).terms | words_in(analyzer, q, p->heading).terms;

    sentence_cosines(q, p, n, cosines);
    c->passage_terms[i_passage] = around;
    for (size_t i = 0; i < n && spans[i].end <= ctx->kept[i_passage].n; i++) {
        struct str text = str_sub(p->text, spans[i].start, spans[i].end);
        struct seen seen = words_in(analyzer, q, text);
        struct candidate *k = &c->v[c->n++];
        double full = (double)seen.n_words / FULL_SENTENCE_WORDS;

        c->passage_terms[i_passage] |= seen.terms;
        *k = (struct candidate){i_passage, (uint32_t)i, spans[i], seen.terms, cosines[i], 0, 0};
        /* What title and heading say is said of every sentence below them, but half as loud. */
        k->words = share_of(q, seen.terms) + 0.5 * share_of(q, around & ~seen.terms);
        k->score = MEANING_WEIGHT * k->cosine + WORDS_WEIGHT * k->words;
        if (cue_defines(q->text, text))
            k->score += DEFINITION_BONUS;
        k->score *= full < 1 ? full : 1;
        if (!ends_as_sentence(text))
            k->score *= LABEL_SHARE;
    }
}

/* Equal scores go by place, never by rank: ranks may swap while the prompt stays the same. */
static bool is_better(const struct context *ctx, const struct candidate *a,
                      const struct candidate *b)
{
    const struct passage *x = &ctx->passages[a->i_passage], *y = &ctx->passages[b->i_passage];

    if (a->score != b->score)
        return a->score > b->score;
    if (x != y)
        return context_before(x, y);
    return a->i_sentence < b->i_sentence;
}

static const struct candidate *best_of(const struct context *ctx, const struct candidates *c)
{
    const struct candidate *best = NULL;

    for (size_t i = 0; i < c->n; i++)
        if (!best || is_better(ctx, &c->v[i], best))
            best = &c->v[i];
    return best;
}

/* ---- how sure ---- */

static void signals_of(const struct extract_question *q, const struct context *ctx,
                       const struct candidates *c, const struct candidate *best,
                       struct extract_signals *out)
{
    const struct passage *p = &ctx->passages[best->i_passage];
    uint64_t terms = c->passage_terms[best->i_passage];
    struct str sentence = str_sub(p->text, best->span.start, best->span.end);
    const struct str said[] = {p->text, p->title, p->heading};

    if (q->vector) {
        out->passage_cosine = isnan(p->hit.vector_score) ? 0 : p->hit.vector_score;
        for (size_t i = 0; i < c->n; i++)
            out->sentence_cosine = fmax(out->sentence_cosine, c->v[i].cosine);
    } else {
        out->passage_cosine = out->sentence_cosine = WORDS_AS_COSINE * best->words;
    }
    out->sentence_words = best->words;
    out->passage_words = share_of(q, terms);
    out->names_missing = cue_names_missing(q->text, said, sizeof said / sizeof *said);
    out->kind_matches = cue_kind_matches(q->text, sentence);
    out->negation_differs = cue_negates(q->text) && !cue_negates(sentence);
}

/* ---- the answer ---- */

/* Cheap, and enough to see a repetition. */
static bool alike(struct str a, struct str b)
{
    uint64_t set[16] = {0};
    size_t shared = 0, n_shorter;

    if (a.n > b.n) {
        struct str t = a;

        a = b;
        b = t;
    }
    if (a.n < 8)
        return false;
    for (size_t i = 0; i + 3 <= b.n; i++) {
        uint32_t h = hash64_stable(b.p + i, 3) & 1023;

        set[h >> 6] |= (uint64_t)1 << (h & 63);
    }
    n_shorter = a.n - 2;
    for (size_t i = 0; i + 3 <= a.n; i++) {
        uint32_t h = hash64_stable(a.p + i, 3) & 1023;

        shared += set[h >> 6] >> (h & 63) & 1;
    }
    return b.n < 600 && (double)shared > ALIKE_MIN * (double)n_shorter;
}

/* "must maintain the following ratios:" is no answer without its list. */
static uint32_t quote_end(const struct candidates *c, const struct candidate *k, struct str text)
{
    uint32_t end = k->span.end;

    if (text.p[end - 1] != ':')
        return end;
    for (const struct candidate *next = k + 1; next < c->v + c->n; next++) {
        if (next->i_passage != k->i_passage || next->span.end - k->span.start > LIST_CHARS_MAX)
            break;
        end = next->span.end;
    }
    return end;
}

static void cite(const struct context *ctx, const struct candidates *c, const struct candidate *k,
                 struct extract_result *r)
{
    const struct passage *p = &ctx->passages[k->i_passage];
    uint32_t end = quote_end(c, k, p->text);
    struct citation *to = &r->citations[r->n_citations++];

    if (end - k->span.start > QUOTE_CHARS_MAX)
        end = (uint32_t)utf8_floor(p->text.p, p->text.n, k->span.start + QUOTE_CHARS_MAX);
    to->i_passage = k->i_passage;
    to->text = str_sub(p->text, k->span.start, end);
    if (p->kind == CHUNK_TEXT) { /* a summary has no place in the document */
        to->start = p->start + k->span.start;
        to->end = p->start + end;
        CHECK(to->start >= p->start);
        CHECK(to->end <= p->end);
    }
    CHECK(to->text.p + to->text.n <= p->text.p + p->text.n);
}

static bool says_something_new(const struct extract_result *r, const struct context *ctx,
                               const struct candidate *k)
{
    const struct passage *p = &ctx->passages[k->i_passage];
    struct str text = str_sub(p->text, k->span.start, k->span.end);

    for (size_t i = 0; i < r->n_citations; i++) {
        const struct citation *c = &r->citations[i];
        const struct passage *cited = &ctx->passages[c->i_passage];
        uint32_t start = p->start + k->span.start, end = p->start + k->span.end;

        if (p->kind == CHUNK_TEXT && cited->kind == CHUNK_TEXT &&
            str_eq(cited->document, p->document) && start < c->end && c->start < end)
            return false;
        if (alike(text, c->text))
            return false;
    }
    return true;
}

static void choose(const struct context *ctx, struct candidates *c, const struct candidate *best,
                   struct extract_result *r)
{
    double floor = best->score * FURTHER_MIN;

    cite(ctx, c, best, r);
    while (r->n_citations < EXTRACTIVE_SENTENCES_MAX) {
        const struct candidate *next = NULL;

        for (size_t i = 0; i < c->n; i++)
            if (c->v[i].score >= floor && (!next || is_better(ctx, &c->v[i], next)) &&
                says_something_new(r, ctx, &c->v[i]))
                next = &c->v[i];
        if (!next)
            break;
        cite(ctx, c, next, r);
    }
}

/* The quote on one line, its white space folded. */
static void add_folded(struct buf *b, struct str s)
{
    bool gap = false;

    for (size_t i = 0; i < s.n; i++) {
        bool space = isspace((unsigned char)s.p[i]);

        if (!space && gap)
            buf_add_char(b, ' ');
        if (!space)
            buf_add_char(b, s.p[i]);
        gap = space && b->n > 0;
    }
}

static struct str answer_text(const struct extract_result *r, const struct context *ctx,
                              struct arena *mem)
{
    struct buf b;
    struct str text;

    buf_init(&b);
    for (size_t i = 0; i < r->n_citations; i++) {
        struct buf quote;

        buf_init(&quote);
        add_folded(&quote, r->citations[i].text);
        buf_addf(&b, "%s%.*s [%u]", i ? " " : "", STR_ARGS(buf_view(&quote)),
                 ctx->passages[r->citations[i].i_passage].source + 1);
        buf_done(&quote);
    }
    text = (struct str){arena_strndup(mem, buf_view(&b).p, b.n), b.n};
    buf_done(&b);
    return text;
}

void extractive_answer(const struct extract_question *q, const struct context *ctx,
                       struct arena *mem, struct extract_result *out)
{
    struct extract_result r = {.text = str_of(REFUSAL)};
    struct candidates c = {0};
    struct word_analyzer *analyzer = analyzers_get(q->analyzers);
    const struct candidate *best;

    c.v = arena_alloc(mem, ctx->n * SENTENCES_PER_CHUNK_MAX * sizeof *c.v);
    c.passage_terms = ARENA_ARRAY(mem, uint64_t, ctx->n);
    r.citations = ARENA_ARRAY(mem, struct citation, EXTRACTIVE_SENTENCES_MAX);
    for (uint32_t i = 0; i < ctx->n; i++)
        score_passage(q, ctx, i, analyzer, &c);
    analyzers_put(q->analyzers, analyzer);
    best = best_of(ctx, &c);
    if (best) {
        signals_of(q, ctx, &c, best, &r.signals);
        r.support = support_of(&r.signals);
    }
    if (best && r.support >= SUPPORT_REFUSE_BELOW) {
        r.answered = true;
        choose(ctx, &c, best, &r);
        r.text = answer_text(&r, ctx, mem);
    }
    *out = r;
}
