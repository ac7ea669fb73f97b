#include "guard_fixture.h"

/* The words of an entry, one at a time: the next word, or one of no length. */
static struct str next_word(const char **p)
{
    size_t n = strcspn(*p, " ");
    struct str word = {*p, n};

    *p += n + ((*p)[n] == ' ');
    return word;
}

static bool has(const char *words, struct str word)
{
    for (struct str w = next_word(&words); w.n; w = next_word(&words))
        if (str_eq(w, word))
            return true;
    return false;
}

Test(guard_tables, no_synonyms_are_opposites)
{
    for (size_t i = 0; i < n_guard_opposites; i++) {
        const char *p = guard_opposites[i];
        struct str a = next_word(&p), b = next_word(&p);

        cr_assert(a.n && b.n, "%s", guard_opposites[i]);
        for (size_t k = 0; k < n_guard_synonyms; k++)
            cr_expect_not(has(guard_synonyms[k], a) && has(guard_synonyms[k], b), "%s: %s",
                          guard_opposites[i], guard_synonyms[k]);
    }
}

Test(guard_tables, a_word_is_in_one_set_and_means_one_function)
{
    for (size_t i = 0; i < n_guard_synonyms; i++)
        for (size_t k = i + 1; k < n_guard_synonyms; k++) {
            const char *p = guard_synonyms[i];

            for (struct str w = next_word(&p); w.n; w = next_word(&p))
                cr_expect_not(has(guard_synonyms[k], w), "'%.*s'", STR_ARGS(w));
        }
    for (size_t i = 0; i < n_guard_function_words; i++)
        for (size_t k = i + 1; k < n_guard_function_words; k++) {
            const char *p = guard_function_words[i].words;

            for (struct str w = next_word(&p); w.n; w = next_word(&p))
                cr_expect_not(has(guard_function_words[k].words, w), "'%.*s'", STR_ARGS(w));
        }
}

Test(guard_tables, entries_have_the_form_their_readers_expect)
{
    for (size_t i = 0; i < n_guard_irregular; i++)
        cr_expect_not_null(strchr(guard_irregular[i], ' '), "%s", guard_irregular[i]);
    for (size_t i = 0; i < n_guard_acronyms_common; i++)
        cr_expect_not_null(strchr(guard_acronyms_common[i], ' '), "%s", guard_acronyms_common[i]);
    for (size_t i = 0; i < n_guard_phrases; i++)
        cr_expect_gt(strlen(guard_phrases[i].from), 1, "%zu", i);
}
