#include <string.h>

#include "base/map.h"
#include "cache/guard_parts.h"

/* ---- inflection ----
 *
 * Only plural, -ing and -ed. A stemmer for searching takes far more away, and with it what must
 * be told apart: "international" and "internal", "secured" and "securities", "important" and
 * "import". What is left need not be a word; a final "e" goes in words of two syllables, because
 * nobody can tell from "approving" that there was one. */

static bool is_vowel(char c)
{
    return strchr("aeiouy", c) && c;
}

static bool has_vowel(const char *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_vowel(t[i]))
            return true;
    return false;
}

static size_t syllables(const char *t, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += is_vowel(t[i]) && (i == 0 || !is_vowel(t[i - 1]));
    return count;
}

/* Words that mean something else, or nothing, without their ending. */
static bool stays(const char *t)
{
    static const char *const words[] = {
        "securities", "futures", "customs",   "damages",  "goods",      "premises", "news",
        "proceeds",   "terms",   "arms",      "series",   "species",    "always",   "during",
        "building",   "nothing", "something", "anything", "everything", "hundred",  "diabetes",
        "measles",    "bonds",   "stocks",    "lens",     "across",     "savings",  "minutes",
        "returns",    "rights",  "options",   "holdings",
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(t, words[i]) == 0)
            return true;
    return false;
}

static bool ends(const char *t, size_t n, const char *end)
{
    size_t m = strlen(end);

    return n > m && memcmp(t + n - m, end, m) == 0;
}

static size_t without_plural(char *t, size_t n)
{
    if (n > 4 && ends(t, n, "ies")) {
        t[n - 3] = 'y';
        return n - 2;
    }
    if (ends(t, n, "sses") || ends(t, n, "shes") || ends(t, n, "ches") || ends(t, n, "xes") ||
        ends(t, n, "zes"))
        return n - 2;
    if (n > 3 && t[n - 1] == 's' && !strchr("siu", t[n - 2]))
        return n - 1;
    return n;
}

/* The verb of "rat-", "approv-", "plann-": with its "e", or without the doubled letter. */
static size_t restored(char *t, size_t n)
{
    char last = t[n - 1], before = n > 1 ? t[n - 2] : 0;

    if (n > 2 && last == before && !is_vowel(last))
        return n == 3 || strchr("lsz", last) ? n : n - 1; /* "add", "bill", "plan" */
    if (strchr("svcguz", last) ||
        (syllables(t, n) == 1 && !is_vowel(last) && !strchr("wxy", last) && is_vowel(before) &&
         (n < 3 || !is_vowel(t[n - 3]))))
        t[n++] = 'e';
    return n;
}

static size_t without_ending(char *t, size_t n, uint8_t *flag)
{
    if (n > 4 && ends(t, n, "ied")) {
        t[n - 3] = 'y';
        *flag = F_ED;
        return n - 2;
    }
    if (n > 3 && ends(t, n, "ed") && !ends(t, n, "eed") && has_vowel(t, n - 2)) {
        *flag = F_ED;
        return restored(t, n - 2);
    }
    if (n > 4 && ends(t, n, "ing") && has_vowel(t, n - 3)) {
        *flag = F_ING;
        return restored(t, n - 3);
    }
    return n;
}

uint8_t guard_uninflect(struct guard_word *w)
{
    size_t n = strlen(w->text), n_before = n;
    uint8_t flag = 0;
    char *t = w->text;

    if (n < 4 || n + 2 >= sizeof w->text || stays(t))
        return 0;
    n = without_plural(t, n);
    if (n == n_before)
        n = without_ending(t, n, &flag);
    if (n > 4 && t[n - 1] == 'e' && !is_vowel(t[n - 2]) && syllables(t, n - 1) > 1)
        n--;
    memset(t + n, 0, sizeof w->text - n);
    return flag;
}

/* ---- function words ---- */

static void become(struct guard_word *w, const struct guard_entry *e)
{
    guard_word_set(w, str_of(e->text));
    w->class = e->class;
    w->flags = (uint8_t)((w->flags & F_CAPITAL) | e->flags);
}

static void to_base(const struct guard *g, struct guard_word *w)
{
    uint64_t at;

    if (map_get(g->irregular, w->text, strlen(w->text), &at)) {
        const char *base = guard_irregular[at];

        guard_word_set(w, (struct str){base, strcspn(base, " ")});
        guard_uninflect(w);
        w->flags |= F_ED;
        return;
    }
    w->flags |= guard_uninflect(w);
}

void guard_classify(const struct guard *g, struct guard_line *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++) {
        struct guard_word *w = &l->w[i];
        uint64_t at;

        if (w->class == G_WORD) {
            if (map_get(g->function_words, w->text, strlen(w->text), &at))
                become(w, &guard_function_words[at]);
            else
                to_base(g, w);
        }
        if (w->class != G_DROP)
            l->w[n++] = *w;
    }
    l->n = n;
}
