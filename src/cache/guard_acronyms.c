#include <string.h>

#include "base/mem.h"
#include "cache/guard_parts.h"

#define LETTERS_MIN 3 /* two come together by chance */
#define FULL_MAX    12

/* ---- what the documents or the tables define ---- */

/* Known forms may come from the word index, where "equity" is "equiti": the last letter and what
 * is behind it do not count in a word of five letters or more. */
static bool alike(const struct guard_word *a, const struct guard_word *b)
{
    size_t n = strlen(a->text), m = strlen(b->text), least = n < m ? n : m;

    if (strcmp(a->text, b->text) == 0)
        return true;
    if (a->class == G_NUMBER || b->class == G_NUMBER)
        return false;
    if (least >= 5)
        return memcmp(a->text, b->text, least - 1) == 0 && (n > m ? n - m : m - n) <= 3;
    return (n == m + 1 && a->text[m] == 's' && memcmp(a->text, b->text, m) == 0) ||
           (m == n + 1 && b->text[n] == 's' && memcmp(a->text, b->text, n) == 0);
}

static bool is_small(const struct guard_word *w)
{
    static const char *const small[] = {"of", "in", "on", "and", "to", "the", "for", "a", "your"};

    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        if (guard_word_is(w, small[i]))
            return true;
    return false;
}

struct guard_long_form {
    struct guard_word brief, w[FULL_MAX];
    size_t n;
};

/* False: not an acronym and its words. */
static bool read_form(struct guard_long_form *out, struct guard_acronym a)
{
    struct guard_line line;

    guard_read(a.brief, &line);
    if (line.n != 1)
        return false;
    out->brief = line.w[0];
    guard_read(a.full, &line);
    guard_numbers(&line);
    if (line.n < 2 || line.n > FULL_MAX)
        return false;
    out->n = line.n;
    memcpy(out->w, line.w, line.n * sizeof *line.w);
    return true;
}

/* How many words at i are the full form, small words aside; 0: they are not. */
static size_t full_at(const struct guard_line *l, size_t i, const struct guard_long_form *full)
{
    size_t at = i, k = 0;

    while (k < full->n && at < l->n) {
        if (alike(&l->w[at], &full->w[k]))
            at++, k++;
        else if (k > 0 && is_small(&full->w[k]))
            k++;
        else if (at > i && is_small(&l->w[at]))
            at++;
        else
            return 0;
    }
    return k == full->n ? at - i : 0;
}

static void put_acronym(struct guard_line *l, size_t i, size_t n, const char *brief,
                        uint8_t defined)
{
    struct guard_word w = {.class = G_ACRONYM, .defined = defined};

    guard_word_set(&w, str_of(brief));
    guard_splice(l, i, n, &w, 1);
}

static void put_form(struct guard_line *l, const struct guard_long_form *f, uint8_t defined)
{
    for (size_t i = 0; i < l->n; i++) {
        size_t n = full_at(l, i, f);

        if (n > 1)
            put_acronym(l, i, n, f->brief.text, 1); /* spelled out: it is no other */
        if (defined && guard_word_is(&l->w[i], f->brief.text))
            l->w[i].defined = 1;
    }
}

void guard_acronyms_ready(struct guard *g)
{
    g->acronyms = mem_calloc(n_guard_acronyms_common, sizeof *g->acronyms);
    for (size_t k = 0; k < n_guard_acronyms_common; k++) {
        const char *brief = guard_acronyms_common[k], *full = strchr(brief, ' ') + 1;

        read_form(&g->acronyms[k], (struct guard_acronym){
                                       .brief = {brief, (size_t)(full - 1 - brief)},
                                       .full = str_of(full),
                                   });
    }
}

/* ---- what the other question spells out ---- */

static char initial(const struct guard_word *w)
{
    return w->class == G_NUMBER ? w->text[1] : w->text[0];
}

/* How many words at i have the letters as their initials, small words counted or passed over. */
static size_t spelled_at(const struct guard_line *l, size_t i, const char *letters)
{
    size_t taken;

    if (!*letters)
        return 0;
    if (i >= l->n || l->w[i].class == G_BREAK || l->w[i].class == G_END ||
        l->w[i].class == G_ACRONYM)
        return 0;
    if (initial(&l->w[i]) == *letters) {
        taken = spelled_at(l, i + 1, letters + 1);
        if (!letters[1] || taken)
            return taken + 1;
    }
    if (!is_small(&l->w[i]))
        return 0;
    taken = spelled_at(l, i + 1, letters);
    return taken ? taken + 1 : 0;
}

static bool has_word(const struct guard_line *l, const char *text)
{
    for (size_t i = 0; i < l->n; i++)
        if (guard_word_is(&l->w[i], text))
            return true;
    return false;
}

bool guard_acronyms_of(struct guard_line *l, const struct guard_word *has, size_t n)
{
    bool any = false;

    for (size_t k = 0; k < n; k++) {
        if (has[k].class != G_ACRONYM || has[k].defined || strlen(has[k].text) < LETTERS_MIN ||
            has_word(l, has[k].text))
            continue;
        for (size_t i = 0; i < l->n; i++) {
            size_t len = is_small(&l->w[i]) ? 0 : spelled_at(l, i, has[k].text);

            if (len < LETTERS_MIN)
                continue;
            put_acronym(l, i, len, has[k].text, 0);
            any = true;
        }
    }
    return any;
}

/* "The liquidity coverage ratio (LCR)": the words say more than the acronym, and stay. */
static void drop_explained(struct guard_line *l)
{
    for (size_t i = LETTERS_MIN; i < l->n; i++) {
        size_t least = i > FULL_MAX ? i - FULL_MAX : 0;

        if (l->w[i].class != G_ACRONYM || strlen(l->w[i].text) < LETTERS_MIN)
            continue;
        for (size_t start = i - LETTERS_MIN + 1; start-- > least;)
            if (!is_small(&l->w[start]) && spelled_at(l, start, l->w[i].text) == i - start) {
                guard_remove(l, i, 1);
                break;
            }
    }
}

/* ---- both ---- */

void guard_acronyms(const struct guard *g, struct guard_line *l, const struct guard_acronym *known,
                    size_t n)
{
    for (size_t k = 0; k < n; k++) {
        struct guard_long_form f;

        if (read_form(&f, known[k]))
            put_form(l, &f, 1);
    }
    for (size_t k = 0; k < n_guard_acronyms_common; k++)
        put_form(l, &g->acronyms[k], 0);
    drop_explained(l);
}
