#include "generate/claims.h"

#include <ctype.h>

#include "generate/marks.h"
#include "generate/name_forms.h"
#include "generate/polarity.h"

/* Set by hand, looking at one half of the altered and unaltered sentences of docs/answers.md, which
 * has what they do to the other. */
#define WORDS_MIN      0.5  /* share of a claim's content words that its window has */
#define SAYS_THE_SAME  0.6  /* of a window that a number or a name is looked for in */
#define VERBATIM       0.8  /* of a window that is quoted nearly as it stands ... */
#define CLEARLY_BEST   0.05 /* ... only others as good as it count beside it, ... */
#define NEARLY_AS_GOOD 0.15 /* ... else those that hold this much less */
#define NEGATION_MIN   0.6
#define WINDOW_MAX     3
#define WINDOW_COST    0.03 /* a longer window must hold more */
#define CITATIONS_MAX  16
#define SHOWN_MAX      60

const char *claim_verdict_name(enum claim_verdict v)
{
    static const char *const names[] = {"supported", "unchecked", "number",
                                        "name",      "negation",  "words"};

    return names[v];
}

/* ---- the passages ---- */

struct source {
    uint32_t n;
    struct marks text, head;
    struct number_setting setting;
};

/* What one claim is compared with. */
struct window {
    const struct source *source;
    size_t from, to; /* marks of source->text */
    double share;
};

struct check {
    const struct source *sources;
    size_t n_sources;
    const uint32_t *cited; /* [n_cited]; 0: all count */
    size_t n_cited;
    struct marks claim;
    struct window *windows; /* [n_windows] all that the claim is compared with, in order */
    size_t n_windows;
    struct window window; /* the best of them */
    struct arena *mem;
};

static bool takes_part(const struct check *c, const struct source *s)
{
    for (size_t i = 0; i < c->n_cited; i++)
        if (c->cited[i] == s->n)
            return true;
    return c->n_cited == 0;
}

static bool is_in(const struct mark *m, const struct marks *in, size_t from, size_t to,
                  const struct number_setting *setting)
{
    for (size_t i = from; i < to; i++)
        if (mark_same(m, &in->v[i], setting))
            return true;
    return false;
}

static bool in_source(const struct mark *m, const struct source *s)
{
    return is_in(m, &s->text, 0, s->text.n, &s->setting) ||
           is_in(m, &s->head, 0, s->head.n, &s->setting);
}

static bool in_sources(const struct check *c, const struct mark *m)
{
    for (size_t i = 0; i < c->n_sources; i++)
        if (takes_part(c, &c->sources[i]) && in_source(m, &c->sources[i]))
            return true;
    return false;
}

static bool in_window(const struct window *w, const struct mark *m)
{
    return is_in(m, &w->source->text, w->from, w->to, &w->source->setting) ||
           is_in(m, &w->source->head, 0, w->source->head.n, &w->source->setting);
}

/* ---- the window ---- */

/* A name of the claim that these marks say in another form. */
static bool is_said_otherwise(const struct marks *claim, size_t i, const struct source *s,
                              size_t from, size_t to)
{
    struct marks window = {.v = s->text.v + from, .n = to - from};

    return claim->v[i].name && name_said_otherwise(claim, i, &window);
}

/* Share of the claim's words that are among these marks, or in the source's head. Its numbers do
 * not choose a window, or a wrong one would choose what seems to support it. */
static double share_of(const struct marks *claim, const struct source *s, size_t from, size_t to,
                       bool with_numbers)
{
    size_t n = 0, n_found = 0;

    for (size_t i = 0; i < claim->n; i++) {
        if (claim->v[i].kind == MARK_NO || (claim->v[i].kind == MARK_NUMBER && !with_numbers))
            continue;
        n++;
        n_found += is_in(&claim->v[i], &s->text, from, to, &s->setting) ||
                   is_in(&claim->v[i], &s->head, 0, s->head.n, &s->setting) ||
                   is_said_otherwise(claim, i, s, from, to);
    }
    return n ? (double)n_found / (double)n : 0;
}

static void add_windows(struct check *c, const struct source *s)
{
    for (size_t from = 0; from < s->text.n;) {
        uint32_t first = s->text.v[from].i_sentence;
        size_t to = from, next = from;

        for (uint32_t len = 0; len < WINDOW_MAX && to < s->text.n; len++) {
            struct window w = {s, from, from, 0};

            while (to < s->text.n && s->text.v[to].i_sentence <= first + len)
                to++;
            if (len == 0)
                next = to;
            w.to = to;
            w.share = share_of(&c->claim, s, from, to, false) - WINDOW_COST * len;
            c->windows[c->n_windows++] = w;
        }
        from = next;
    }
}

/* Once a claim: whoever looks for a place of one of its marks looks through all of them. */
static void find_windows(struct check *c)
{
    c->n_windows = 0;
    for (size_t i = 0; i < c->n_sources; i++)
        if (takes_part(c, &c->sources[i]))
            add_windows(c, &c->sources[i]);
    c->window = (struct window){0};
    for (size_t i = 0; i < c->n_windows; i++)
        if (!c->window.source || c->windows[i].share > c->window.share)
            c->window = c->windows[i];
}

/* ---- numbers and names ---- */

static const char *tell(const struct check *c, const char *what, struct str word, const char *rest)
{
    size_t n = word.n < SHOWN_MAX ? word.n : SHOWN_MAX;

    return arena_printf(c->mem, "%s %.*s %s", what, (int)n, word.p, rest);
}

static bool same_sort(const struct mark *a, const struct mark *b)
{
    if (a->kind == MARK_NUMBER)
        return b->kind == MARK_NUMBER && a->number.kind == b->number.kind &&
               number_is_year(&a->number) == number_is_year(&b->number);
    return b->kind == MARK_WORD && b->capital;
}

/* Something of the same sort stands in the window that the claim does not have: where the window
 * says the same as the claim, it is what the claim should have said. */
static bool another_stands_there(const struct check *c, const struct mark *m)
{
    const struct window *w = &c->window;

    for (size_t i = w->from; i < w->to; i++) {
        const struct mark *in = &w->source->text.v[i];
        bool said = false;

        if (!same_sort(m, in))
            continue;
        for (size_t k = 0; k < c->claim.n && !said; k++)
            said = mark_same(&c->claim.v[k], in, &w->source->setting);
        if (!said)
            return true;
    }
    return false;
}

/* Whether a window that holds as much has mark i of the claim. */
static bool is_place(const struct check *c, size_t i, const struct window *w, double share_min)
{
    return w->share >= share_min && (in_window(w, &c->claim.v[i]) ||
                                     is_said_otherwise(&c->claim, i, w->source, w->from, w->to));
}

/* Whether a mark that the sources have stands where they say the same as the claim: in the best
 * window, or one that is nearly as good. */
static bool has_place(const struct check *c, size_t i)
{
    bool verbatim = c->window.share >= VERBATIM;
    double share_min = c->window.share - (verbatim ? CLEARLY_BEST : NEARLY_AS_GOOD);
    bool found = c->window.share < SAYS_THE_SAME || !another_stands_there(c, &c->claim.v[i]);

    for (size_t k = 0; k < c->n_windows && !found; k++)
        found = is_place(c, i, &c->windows[k], share_min);
    return found;
}

static const char *wrong_number(const struct check *c)
{
    for (size_t i = 0; i < c->claim.n; i++) {
        const struct mark *m = &c->claim.v[i];

        if (m->kind != MARK_NUMBER)
            continue;
        if (!in_sources(c, m))
            return tell(c, "number", m->word, "not in the sources");
        if (!has_place(c, i))
            return tell(c, "number", m->word, "where the source has another");
    }
    return NULL;
}

static bool said_otherwise(const struct check *c, size_t i, const struct source *s)
{
    return name_said_otherwise(&c->claim, i, &s->text) ||
           name_said_otherwise(&c->claim, i, &s->head);
}

static bool name_in_sources(const struct check *c, size_t i)
{
    if (in_sources(c, &c->claim.v[i]))
        return true;
    for (size_t k = 0; k < c->n_sources; k++)
        if (takes_part(c, &c->sources[k]) && said_otherwise(c, i, &c->sources[k]))
            return true;
    return false;
}

static const char *wrong_name(const struct check *c)
{
    for (size_t i = 0; i < c->claim.n; i++) {
        const struct mark *m = &c->claim.v[i];

        if (m->kind != MARK_WORD || !m->name)
            continue;
        if (!name_in_sources(c, i))
            return tell(c, "name", m->word, "not in the sources");
        if (in_sources(c, m) && !has_place(c, i))
            return tell(c, "name", m->word, "where the source has another");
    }
    return NULL;
}

/* ---- negation ---- */

static const char *wrong_negation(const struct check *c)
{
    const struct window *w = &c->window;
    const struct marks *in = &w->source->text;

    if (c->window.share < NEGATION_MIN)
        return NULL;
    if (polarity_denies(&c->claim, in, w->from, w->to))
        return "says \"not\", the source does not";
    if (polarity_affirms(&c->claim, in, w->from, w->to))
        return "does not say \"not\", the source does";
    return NULL;
}

/* ---- one claim ---- */

static bool has_word(const struct marks *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].kind == MARK_WORD)
            return true;
    return false;
}

/* A number that is there counts as much as a word. */
static bool has_words(const struct check *c)
{
    const struct window *w = &c->window;

    return w->share >= WORDS_MIN ||
           share_of(&c->claim, w->source, w->from, w->to, true) >= WORDS_MIN;
}

static enum claim_verdict verdict_of(struct check *c, const char **reason)
{
    *reason = NULL;
    if (c->claim.n > CLAIM_MARKS_MAX) {
        *reason = "too long to be checked";
        return CLAIM_WORDS;
    }
    find_windows(c);
    if (!c->window.source) {
        *reason = "no passage has its words";
        return CLAIM_WORDS;
    }
    if ((*reason = wrong_number(c)) != NULL)
        return CLAIM_NUMBER;
    if ((*reason = wrong_name(c)) != NULL)
        return CLAIM_NAME;
    if (!has_words(c)) {
        *reason = "no passage has its words";
        return CLAIM_WORDS;
    }
    if ((*reason = wrong_negation(c)) != NULL)
        return CLAIM_NEGATION;
    return CLAIM_SUPPORTED;
}

/* "The passages do not say", "Nothing in the sources": a claim about them, not from them. */
static bool is_of_the_sources(struct str s)
{
    static const char *const about[] = {"passage", "source", "document", "context", "text"};
    static const char *const say[] = {
        "not say",   "not answer",  "not contain", "not mention",    "not provide", "not specify",
        "not state", "not include", "not give",    "no information", "nothing",     "not address"};
    char lower[256];
    size_t n = s.n < sizeof lower - 1 ? s.n : sizeof lower - 1;
    bool found = false, says = false;

    for (size_t i = 0; i < n; i++)
        lower[i] = (char)tolower((unsigned char)s.p[i]);
    lower[n] = 0;
    for (size_t i = 0; i < sizeof about / sizeof *about && !found; i++)
        found = strstr(lower, about[i]) != NULL;
    for (size_t i = 0; i < sizeof say / sizeof *say && !says; i++)
        says = strstr(lower, say[i]) != NULL;
    return found && says;
}

static void check_claim(struct check *c, struct word_analyzer *words, struct str text,
                        struct claim *out)
{
    c->claim = marks_of(words, text, c->mem);
    if (!has_word(&c->claim) || text.p[text.n - 1] == '?' || is_of_the_sources(text)) {
        out->verdict = CLAIM_UNCHECKED;
        return;
    }
    out->verdict = verdict_of(c, &out->reason);
    if (!claim_is_supported(out->verdict) && c->n_cited > 0) {
        const char *reason;

        c->n_cited = 0;
        out->cites_another = claim_is_supported(verdict_of(c, &reason));
        if (out->cites_another) {
            out->verdict = CLAIM_SUPPORTED;
            out->reason = NULL;
        }
    }
}

/* ---- the answer ---- */

/* Bytes of a citation "[12]" at `at`, 0: none. */
static size_t citation_at(struct str s, size_t at, uint32_t *n)
{
    size_t i = at + 1;

    if (s.p[at] != '[')
        return 0;
    for (*n = 0; i < s.n && isdigit((unsigned char)s.p[i]) && i < at + 6; i++)
        *n = *n * 10 + (uint32_t)(s.p[i] - '0');
    return i > at + 1 && i < s.n && s.p[i] == ']' ? i + 1 - at : 0;
}

struct cited {
    uint32_t v[CITATIONS_MAX];
    size_t n;
};

static void add_cited(struct cited *c, uint32_t n)
{
    if (c->n < CITATIONS_MAX)
        c->v[c->n++] = n;
}

/* Citations that stand before a sentence belong to the one before it: "... cash. [1] They ..." */
static uint32_t leading_citations(struct str answer, struct span s, struct cited *before)
{
    uint32_t at = s.start, n;
    size_t len;

    while (at < s.end && (len = citation_at(answer, at, &n)) > 0) {
        add_cited(before, n);
        at += (uint32_t)len;
        while (at < s.end && answer.p[at] == ' ')
            at++;
    }
    return at;
}

/* The sentence with blanks for its citations, which would be numbers. */
static struct str without_citations(struct str sentence, struct cited *cited, struct arena *mem)
{
    char *copy = arena_strndup(mem, sentence.p, sentence.n);
    uint32_t n;

    for (size_t i = 0; i < sentence.n; i++) {
        size_t len = citation_at(sentence, i, &n);

        if (len == 0)
            continue;
        add_cited(cited, n);
        memset(copy + i, ' ', len);
        i += len - 1;
    }
    return str_trim((struct str){copy, sentence.n});
}

/* Those that are a source's; a number that is none says nothing. */
static size_t keep_known(struct cited *c, const struct source *sources, size_t n_sources)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < n_sources; k++)
            if (sources[k].n == c->v[i]) {
                c->v[n++] = c->v[i];
                break;
            }
    return c->n = n;
}

static struct source *prepare(struct word_analyzer *words, const struct claim_source *in, size_t n,
                              struct arena *mem)
{
    struct source *s = ARENA_ARRAY(mem, struct source, n);

    for (size_t i = 0; i < n; i++)
        s[i] = (struct source){.n = in[i].n,
                               .text = marks_of(words, in[i].text, mem),
                               .head = marks_of(words, in[i].head, mem),
                               .setting = numbers_setting(in[i].text)};
    return s;
}

/* Room for the windows of any claim: each sentence of a source begins WINDOW_MAX at most. */
static struct window *windows_room(const struct source *sources, size_t n, struct arena *mem)
{
    size_t n_sentences = 0;

    for (size_t i = 0; i < n; i++)
        n_sentences += sources[i].text.n_sentences;
    return ARENA_ARRAY(mem, struct window, n_sentences * WINDOW_MAX);
}

/* Sentences, with the citations that lead the next one; those of nothing else are left out. */
static size_t cut_claims(struct str answer, struct claim *claims, struct cited *cited,
                         struct arena *mem)
{
    struct span *spans = arena_alloc(mem, CLAIMS_MAX * sizeof *spans);
    size_t n_spans = sentence_split(answer, spans, CLAIMS_MAX), n = 0;

    for (size_t i = 0; i < n_spans; i++) {
        struct span s = spans[i];

        if (n > 0)
            s.start = leading_citations(answer, s, &cited[n - 1]);
        if (n > 0 && s.start > spans[i].start)
            claims[n - 1].span.end =
                (uint32_t)span_trim(answer, claims[n - 1].span.start, s.start).end;
        if (s.start < s.end)
            claims[n++].span = s;
    }
    return n;
}

void claims_check(struct word_analyzer *words, struct str answer,
                  const struct claim_source *sources, size_t n_sources, struct arena *mem,
                  struct claim **out, size_t *n_out)
{
    struct claim *claims = ARENA_ARRAY(mem, struct claim, CLAIMS_MAX);
    struct cited *cited = ARENA_ARRAY(mem, struct cited, CLAIMS_MAX);
    struct source *prepared = prepare(words, sources, n_sources, mem);
    struct window *windows = windows_room(prepared, n_sources, mem);
    size_t n = cut_claims(answer, claims, cited, mem);

    for (size_t i = 0; i < n; i++) {
        struct cited none = {0}; /* leading ones of the next are in cited[i] already */
        struct span s = claims[i].span;
        struct str text = without_citations(str_sub(answer, s.start, s.end), &none, mem);
        struct check c = {
            .sources = prepared, .n_sources = n_sources, .windows = windows, .mem = mem};

        for (size_t k = 0; k < none.n; k++)
            add_cited(&cited[i], none.v[k]);
        c.n_cited = keep_known(&cited[i], prepared, n_sources);
        c.cited = cited[i].v;
        if (text.n == 0)
            claims[i].verdict = CLAIM_UNCHECKED;
        else
            check_claim(&c, words, text, &claims[i]);
    }
    *out = claims;
    *n_out = n;
}
