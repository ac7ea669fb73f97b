#include "generate/name_forms.h"

#include <ctype.h>

#define ROOT_MIN     5 /* "Germany" and "German" are one name */
#define ENDING_BYTES 3

/* "German" and "Germany": one begins the other but for a few letters. */
static bool same_root(struct str a, struct str b)
{
    size_t n = 0;

    while (n < a.n && n < b.n && tolower((unsigned char)a.p[n]) == tolower((unsigned char)b.p[n]))
        n++;
    return n >= ROOT_MIN && n + ENDING_BYTES >= a.n && n + ENDING_BYTES >= b.n;
}

static bool root_in(struct str word, const struct marks *in)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->v[i].kind == MARK_WORD && same_root(word, in->v[i].word))
            return true;
    return false;
}

/* "CET1" is "Common Equity Tier 1": a letter begins a word, a digit is a number. */
static bool stands_for(char c, bool needs_capital, const struct mark *m)
{
    if (m->kind == MARK_NUMBER)
        return m->word.n == 1 && m->word.p[0] == c;
    return m->kind == MARK_WORD && (m->capital || !needs_capital) &&
           toupper((unsigned char)m->word.p[0]) == c;
}

/* The capitals of `word` are the first letters of words one after another; of two letters, these
 * words have capitals too. */
static bool spelled_out_in(struct str word, const struct marks *in)
{
    for (size_t i = 0; i + word.n <= in->n; i++) {
        size_t k = 0;

        while (k < word.n && stands_for(word.p[k], word.n <= 2, &in->v[i + k]))
            k++;
        if (k == word.n && k > 1)
            return true;
    }
    return false;
}

/* The run of capitalised words around mark i, as the letters that they begin with. */
static struct str initials_around(const struct marks *m, size_t i, char *out, size_t cap)
{
    size_t from = i, n = 0;

    while (from > 0 && m->v[from - 1].kind == MARK_WORD && m->v[from - 1].capital)
        from--;
    for (; from < m->n && n < cap && m->v[from].kind == MARK_WORD && m->v[from].capital; from++)
        out[n++] = (char)toupper((unsigned char)m->v[from].word.p[0]);
    return (struct str){out, n};
}

static bool has_acronym(const struct marks *in, struct str letters)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->v[i].kind == MARK_WORD && str_eq(in->v[i].word, letters))
            return true;
    return false;
}

bool name_said_otherwise(const struct marks *claim, size_t i, const struct marks *in)
{
    char letters[WORD_MAX];
    struct str word = claim->v[i].word;
    struct str initials = initials_around(claim, i, letters, sizeof letters);

    return root_in(word, in) || spelled_out_in(word, in) ||
           (initials.n > 1 && has_acronym(in, initials));
}
