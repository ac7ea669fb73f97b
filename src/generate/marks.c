#include "generate/marks.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/hash.h"

#define SENTENCES_MAX 1024
#define BYTES_A_MARK  2 /* a mark has a byte at least, and one before the next */

/* ---- negations ---- */

static bool word_byte(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool whole_word(struct str s, size_t at, struct str word)
{
    return at + word.n <= s.n && str_eq_nocase(str_sub(s, at, at + word.n), word) &&
           (at == 0 || !word_byte(s.p[at - 1])) &&
           (at + word.n == s.n || !word_byte(s.p[at + word.n]));
}

/* "Regulation (EU) No 575/2013", "No. 5" */
static bool counts(struct str s, size_t end)
{
    while (end < s.n && (s.p[end] == '.' || s.p[end] == ' '))
        end++;
    return end < s.n && isdigit((unsigned char)s.p[end]);
}

/* "n't" with a straight or a curly apostrophe. */
static bool contraction_at(struct str s, size_t at)
{
    struct str rest = str_sub(s, at, s.n);

    return at > 0 && tolower((unsigned char)s.p[at - 1]) == 'n' &&
           (str_starts(rest, STR_LIT("'t")) || str_starts(rest, STR_LIT("\xe2\x80\x99t")));
}

/* Bytes of the negation at `at`, or 0. */
static size_t negation_at(struct str s, size_t at)
{
    static const char *const words[] = {
        "not",        "no",         "never",     "without",        "cannot",  "nor",
        "neither",    "none",       "nobody",    "nothing",        "unable",  "lacks",
        "lack",       "lacked",     "fails to",  "failed to",      "fail to", "hardly",
        "refused to", "refuses to", "no longer", "prohibited from"};

    if (contraction_at(s, at))
        return 2;
    if (!isalpha((unsigned char)s.p[at]) || (at > 0 && word_byte(s.p[at - 1])))
        return 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct str word;

        if (tolower((unsigned char)s.p[at]) != words[i][0])
            continue;
        word = str_of(words[i]);
        if (!whole_word(s, at, word))
            continue;
        if (word.n == 2 && counts(s, at + 2))
            return 0;
        if (whole_word(s, at, STR_LIT("not only")))
            return 0;
        return word.n;
    }
    return 0;
}

/* "no more than", "may not be less than", "never falls below": the third word at the latest. */
static bool sets_limit(struct str s, size_t at)
{
    static const char *const limits[] = {"more",    "less",    "fewer", "later", "longer",
                                         "greater", "higher",  "lower", "below", "above",
                                         "exceed",  "exceeds", "under", "over",  "earlier"};

    for (int word = 0; word < 3; word++) {
        while (at < s.n && !word_byte(s.p[at])) {
            if (s.p[at] == '.' || s.p[at] == ',')
                return false;
            at++;
        }
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
            if (whole_word(s, at, str_of(limits[i])))
                return true;
        while (at < s.n && word_byte(s.p[at]))
            at++;
    }
    return false;
}

/* ---- collecting ---- */

struct collect {
    struct str text;
    struct mark *v;
    size_t n, cap;
};

static void add(struct collect *c, struct mark m)
{
    if (c->n < c->cap)
        c->v[c->n++] = m;
}

static void add_negations(struct collect *c)
{
    for (size_t at = 0; at < c->text.n; at++) {
        size_t n = negation_at(c->text, at);

        if (n == 0)
            continue;
        add(c, (struct mark){.kind = MARK_NO,
                             .at = (uint32_t)at,
                             .bound = sets_limit(c->text, at + n),
                             .word = str_sub(c->text, at, at + n)});
        at += n - 1;
    }
}

static void add_numbers(struct collect *c, struct arena *mem)
{
    size_t cap = c->text.n / BYTES_A_MARK + 2;
    struct number *numbers = arena_alloc(mem, cap * sizeof *numbers);
    size_t n = numbers_find(c->text, numbers, cap);

    for (size_t i = 0; i < n; i++)
        add(c, (struct mark){.kind = MARK_NUMBER,
                             .at = numbers[i].span.start,
                             .word = str_sub(c->text, numbers[i].span.start, numbers[i].span.end),
                             .number = numbers[i]});
}

/* Of Latin: ASCII, and U+00C0..00DE. */
static bool is_capital(struct str word)
{
    unsigned char c = (unsigned char)word.p[0];

    return isupper(c) || (c == 0xC3 && word.n > 1 && (unsigned char)word.p[1] >= 0x80 &&
                          (unsigned char)word.p[1] <= 0x9E);
}

static bool has_two_capitals(struct str word)
{
    size_t n = 0;

    for (size_t i = 0; i < word.n; i++)
        n += isupper((unsigned char)word.p[i]) != 0;
    return n > 1;
}

static bool has_digit(struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (isdigit((unsigned char)word.p[i]))
            return true;
    return false;
}

static bool is_stop(struct str word)
{
    char lower[WORD_MAX];

    if (word.n > sizeof lower)
        return false;
    for (size_t i = 0; i < word.n; i++)
        lower[i] = (char)tolower((unsigned char)word.p[i]);
    return word_is_stop((struct str){lower, word.n});
}

/* What numbers and negations hold already, in order of their place. */
struct taken {
    const struct mark *v;
    size_t n, i;
};

struct word_collect {
    struct collect *c;
    struct taken taken;
};

static bool is_taken(struct taken *t, uint32_t start)
{
    while (t->i < t->n && t->v[t->i].at + t->v[t->i].word.n <= start)
        t->i++;
    return t->i < t->n && t->v[t->i].at <= start;
}

static void add_word(void *arg, struct str stem, uint32_t start, uint32_t end)
{
    struct word_collect *w = arg;
    struct str word = str_sub(w->c->text, start, end);

    /* "is", but not "IS"; "us", but not "US" */
    if (is_taken(&w->taken, start) || (is_stop(word) && !(word.n > 1 && has_two_capitals(word))))
        return;
    add(w->c, (struct mark){.kind = MARK_WORD,
                            .key = hash64_stable(stem.p, stem.n),
                            .name = has_two_capitals(word) || has_digit(word),
                            .capital = is_capital(word),
                            .word = word,
                            .at = start});
}

static int by_place(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

/* ---- sentences ---- */

static bool begins_sentence(const struct collect *c, size_t i, struct span sentence)
{
    for (uint32_t at = sentence.start; at < c->v[i].at; at++)
        if (word_byte(c->text.p[at]))
            return false;
    return true;
}

static bool begins_capital(const struct mark *m)
{
    return m->kind == MARK_WORD && m->capital;
}

/* What begins a sentence and is not a part of the name behind it: "Some Category III banks". */
static bool leads_only(struct str word)
{
    static const char *const words[] = {
        "some",    "many",  "most",    "all",     "each",  "every",    "both",     "several",
        "any",     "under", "after",   "since",   "while", "before",   "because",  "although",
        "however", "only",  "unlike",  "despite", "also",  "during",   "like",     "other",
        "another", "total", "neither", "no",      "when",  "yes",      "through",  "within",
        "once",    "until", "unless",  "today",   "first", "together", "according"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq_nocase(word, str_of(words[i])))
            return true;
    return false;
}

/* A capital inside a sentence makes a name, and then that of the word before it, which begins the
 * sentence, does too: "Northern Bank lends". */
static void find_names(struct collect *c, const struct span *spans)
{
    for (size_t i = 0; i < c->n; i++)
        if (begins_capital(&c->v[i]) && !begins_sentence(c, i, spans[c->v[i].i_sentence]))
            c->v[i].name = true;
    for (size_t i = 0; i + 1 < c->n; i++) {
        const struct mark *next = &c->v[i + 1];

        if (begins_capital(&c->v[i]) && begins_capital(next) && next->name &&
            !leads_only(c->v[i].word) && next->at == c->v[i].at + c->v[i].word.n + 1)
            c->v[i].name = true;
    }
}

static size_t assign_sentences(struct collect *c, struct arena *mem)
{
    struct span *spans = arena_alloc(mem, SENTENCES_MAX * sizeof *spans);
    size_t n = sentence_split(c->text, spans, SENTENCES_MAX), s = 0;

    for (size_t i = 0; i < c->n; i++) {
        while (s + 1 < n && c->v[i].at >= spans[s].end)
            s++;
        c->v[i].i_sentence = (uint32_t)s;
    }
    if (n > 0)
        find_names(c, spans);
    return n;
}

struct marks marks_of(struct word_analyzer *words, struct str text, struct arena *mem)
{
    struct collect c = {.text = text, .cap = text.n / BYTES_A_MARK + 2};
    struct word_collect w = {.c = &c};
    struct marks m;

    c.v = arena_alloc(mem, c.cap * sizeof *c.v);
    add_negations(&c);
    add_numbers(&c, mem);
    qsort(c.v, c.n, sizeof *c.v, by_place);
    w.taken = (struct taken){arena_dup(mem, c.v, c.n * sizeof *c.v), c.n, 0};
    words_each(words, text, add_word, &w);
    qsort(c.v, c.n, sizeof *c.v, by_place);
    m.n_sentences = assign_sentences(&c, mem);
    m.v = c.v;
    m.n = c.n;
    return m;
}

bool mark_same(const struct mark *said, const struct mark *in, const struct number_setting *setting)
{
    if (said->kind != in->kind)
        return false;
    if (said->kind == MARK_NUMBER)
        return number_said(&said->number, &in->number, setting);
    return said->kind == MARK_NO || said->key == in->key;
}
