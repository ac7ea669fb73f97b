#include "generate/polarity.h"

#include "base/str.h"

#define NEGATION_NEAR 3 /* marks between a negation and what it negates */

/* Whether a negation stands within a few marks of mark i. */
static bool negated_near(const struct marks *m, size_t i, size_t from, size_t to)
{
    size_t begin = i > from + NEGATION_NEAR ? i - NEGATION_NEAR : from;
    size_t end = i + NEGATION_NEAR + 1 < to ? i + NEGATION_NEAR + 1 : to;

    for (size_t k = begin; k < end; k++)
        if (m->v[k].kind == MARK_NO)
            return true;
    return false;
}

static bool stands_for_a_noun(struct str negation)
{
    return str_eq_nocase(negation, STR_LIT("none")) ||
           str_eq_nocase(negation, STR_LIT("nothing")) ||
           str_eq_nocase(negation, STR_LIT("nobody"));
}

/* The word that a negation at i is about: the next one; of "requires none", or at the end, the one
 * before. */
static const struct mark *negated_by(const struct marks *m, size_t i, size_t from, size_t to)
{
    const struct mark *before = i > from && m->v[i - 1].kind == MARK_WORD ? &m->v[i - 1] : NULL;

    if (before && stands_for_a_noun(m->v[i].word))
        return before;
    for (size_t k = i + 1; k < to && k <= i + NEGATION_NEAR; k++)
        if (m->v[k].kind == MARK_WORD)
            return &m->v[k];
    return before;
}

/* "un-", "in-", "non-" and the like before the rest of a word say "not" too. */
static bool negated_form(struct str word, struct str of)
{
    static const char *const prefixes[] = {"un", "in", "im", "ir", "il", "non", "dis"};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct str p = str_of(prefixes[i]);
        size_t n = of.n < 6 ? of.n : 6; /* of the stem; endings differ */

        if (n >= 4 && word.n >= p.n + n && str_eq_nocase(str_sub(word, 0, p.n), p) &&
            str_eq_nocase(str_sub(word, p.n, p.n + n), str_sub(of, 0, n)))
            return true;
    }
    return false;
}

enum polarity { POLARITY_NONE, POLARITY_YES, POLARITY_NO, POLARITY_BOTH };

/* How marks from..to say this word. */
static enum polarity polarity_of(const struct mark *word, const struct marks *in, size_t from,
                                 size_t to)
{
    unsigned seen = POLARITY_NONE;

    for (size_t i = from; i < to; i++) {
        if (in->v[i].kind != MARK_WORD)
            continue;
        if (negated_form(in->v[i].word, word->word))
            seen |= POLARITY_NO;
        else if (in->v[i].key == word->key)
            seen |= negated_near(in, i, from, to) ? POLARITY_NO : POLARITY_YES;
    }
    return (enum polarity)seen;
}

static bool has_no(const struct marks *m, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (m->v[i].kind == MARK_NO)
            return true;
    return false;
}

/* Negations among marks from..to; with `claim`, only those about a word that it has. */
static size_t count_no(const struct marks *m, size_t from, size_t to, const struct marks *claim)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++) {
        const struct mark *about;

        if (m->v[i].kind != MARK_NO || (!claim && m->v[i].bound))
            continue;
        about = negated_by(m, i, from, to);
        n += !claim || (about && polarity_of(about, claim, 0, claim->n) != POLARITY_NONE);
    }
    return n;
}

/* A "not" of the claim whose word the window says without one, and no "not" of the window is about
 * anything else that the claim says. Limits are said in too many ways: "not below", "at least". */
bool polarity_denies(const struct marks *claim, const struct marks *in, size_t from, size_t to)
{
    if (count_no(claim, 0, claim->n, NULL) <= count_no(in, from, to, claim))
        return false;
    for (size_t i = 0; i < claim->n; i++) {
        const struct mark *about;
        enum polarity p;

        if (claim->v[i].kind != MARK_NO || claim->v[i].bound)
            continue;
        about = negated_by(claim, i, 0, claim->n);
        if (!about)
            continue;
        p = polarity_of(about, in, from, to);
        if (p == POLARITY_YES || (p == POLARITY_NONE && !has_no(in, from, to)))
            return true;
    }
    return false;
}

/* A "not" of the window whose word the claim says without one. */
bool polarity_affirms(const struct marks *claim, const struct marks *in, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct mark *about;

        if (in->v[i].kind != MARK_NO)
            continue;
        about = negated_by(in, i, from, to);
        if (about && polarity_of(about, claim, 0, claim->n) == POLARITY_YES &&
            polarity_of(about, in, from, to) == POLARITY_NO)
            return true;
    }
    return false;
}
