#include "guard_fixture.h"

static const char *base(const char *word)
{
    static struct guard_word w;

    guard_word_set(&w, str_of(word));
    guard_uninflect(&w);
    return w.text;
}

/* The buffers are one: compared through a copy. */
static bool same_base(const char *a, const char *b)
{
    char first[GUARD_TEXT];

    strcpy(first, base(a));
    return strcmp(first, base(b)) == 0;
}

Test(guard_words, inflection_falls_away)
{
    static const char *const same[][2] = {
        {"rate", "rates"},      {"rate", "rated"},        {"rate", "rating"},
        {"plan", "planned"},    {"approve", "approving"}, {"open", "opening"},
        {"policy", "policies"}, {"process", "processes"}, {"tax", "taxes"},
        {"add", "adding"},      {"file", "filing"},       {"charge", "charged"},
        {"raise", "raised"},    {"carry", "carried"},     {"pass", "passed"},
    };

    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        cr_expect(same_base(same[i][0], same[i][1]), "%s %s", same[i][0], same[i][1]);
}

Test(guard_words, other_words_stay_other_words)
{
    static const char *const other[][2] = {
        {"international", "internal"}, {"secured", "securities"},   {"important", "import"},
        {"employer", "employee"},      {"plan", "plane"},           {"future", "futures"},
        {"custom", "customs"},         {"general", "generate"},     {"lender", "lending"},
        {"filled", "filed"},           {"university", "universal"},
    };

    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        cr_expect_not(same_base(other[i][0], other[i][1]), "%s %s", other[i][0], other[i][1]);
}

Test(guard_words, says_which_form_it_was)
{
    struct guard_word w;

    guard_word_set(&w, STR_LIT("acquired"));
    cr_expect_eq(guard_uninflect(&w), F_ED);
    guard_word_set(&w, STR_LIT("acquiring"));
    cr_expect_eq(guard_uninflect(&w), F_ING);
    guard_word_set(&w, STR_LIT("acquires"));
    cr_expect_eq(guard_uninflect(&w), 0);
    guard_word_set(&w, STR_LIT("bring"));
    cr_expect_eq(guard_uninflect(&w), 0, "no vowel before it, so no ending");
}

Test(guard_words, function_words_get_their_class)
{
    struct guard *g = guard_new();
    struct guard_line l;

    guard_read(STR_LIT("Must the US not sell above all"), &l);
    guard_classify(g, &l);
    cr_expect_str_eq(shown_line(&l), "+must us not sell above all");
    cr_expect_eq(l.w[0].class, G_MODAL);
    cr_expect_eq(l.w[1].class, G_ACRONYM, "not the pronoun");
    cr_expect_eq(l.w[2].class, G_NOT);
    cr_expect_eq(l.w[4].class, G_BOUND);
    cr_expect_eq(l.w[5].class, G_QUANTIFIER);
    guard_free(g);
}

Test(guard_words, irregular_verbs_have_their_base)
{
    struct guard *g = guard_new();
    struct guard_line l;

    guard_read(STR_LIT("who bought"), &l);
    guard_classify(g, &l);
    cr_expect_str_eq(l.w[1].text, "buy");
    cr_expect(l.w[1].flags & F_ED);
    guard_free(g);
}
