#include <criterion/criterion.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "text/words.h"

static void note(void *arg, struct str word, uint32_t start, uint32_t end)
{
    struct buf *b = arg;

    (void)start, (void)end;
    if (b->n)
        buf_add_char(b, ' ');
    buf_add_view(b, word);
}

/* The words of a text with a blank between them. */
static void expect(const char *language, bool stops, const char *text, const char *want)
{
    struct word_settings s = {.drop_stop_words = stops};
    struct word_analyzer *a;
    struct buf b;

    snprintf(s.language, sizeof s.language, "%s", language);
    cr_assert_eq(word_analyzer_new(&a, &s), ERR_OK, "%s", err_text());
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        buf_init(&b);
        words_each(a, str_of(text), note, &b);
        cr_expect_str_eq(b.p ? b.p : "", want, "'%s' gave '%s', not '%s'", text, b.p ? b.p : "",
                         want);
        buf_done(&b);
    }
    word_analyzer_free(a);
}

Test(words, are_runs_of_letters_and_digits_in_lower_case)
{
    expect("", false, "Hello, World! x2  (a_b)", "hello world x2 a b");
    expect("", false, "", "");
    expect("", false, " ,.&- ", "");
}

Test(words, keep_numbers_whole)
{
    expect("", false, "12 CFR 3.20, 1,000.50 or $1,234,567.", "12 cfr 3.20 1000.50 or 1234567");
    expect("", false, "in 2019,2020 and 1,2,3", "in 2019 2020 and 1 2 3");
    expect("", false, "1,0000 .5 5. 5.x", "1 0000 5 5 5 x");
}

Test(words, keep_an_ampersand_between_letters_and_cut_other_signs)
{
    expect("", false, "AT&T's 10-K, R&D & more", "at&t s 10 k r&d more");
    expect("", false, "don't U.S.", "don t u s");
}

Test(words, fold_what_is_not_ascii)
{
    expect("", false, "ＦＵＬＬ ﬁne Straße ÉTÉ", "full fine strasse été");
    expect("english", false, "Café e\xcc\x81t\xc3\xa9", "cafe ete");
    expect("", false, "½", "1 2");
    expect("", false, "co\xc2\xadoperate", "cooperate");
    expect("", false, "naïve3.5", "naïve3.5");
}

Test(words, stand_alone_in_scripts_without_spaces)
{
    expect("", false, "東京tower", "東 京 tower");
    expect("", false, "カタカナ", "カタカナ");
}

Test(words, are_stemmed_and_stop_words_dropped)
{
    expect("english", true, "What are the banking requirements of banks?", "bank requir bank");
    expect("english", false, "what are the", "what are the");
    expect("german", false, "Häuser", "haus");
}

Test(words, survive_bytes_that_are_not_utf8)
{
    expect("", false, "a\xff\xfe b\xc3 \xe2\x80", "a b");
}

Test(words, are_cut_at_the_limit_between_characters)
{
    char text[200], want[200];

    memset(text, 'x', 100);
    text[100] = '\0';
    memset(want, 'x', WORD_MAX);
    want[WORD_MAX] = '\0';
    expect("", false, text, want);
    memset(text, 'x', WORD_MAX - 1);
    strcpy(text + WORD_MAX - 1, "é");
    want[WORD_MAX - 1] = '\0';
    expect("", false, text, want);
}

static void check_offsets(void *arg, struct str word, uint32_t start, uint32_t end)
{
    const char *text = arg;

    cr_expect_eq(end - start, word.n);
    cr_expect_eq(memcmp(text + start, word.p, word.n), 0);
}

Test(words, know_the_bytes_they_came_from)
{
    char text[] = "one two,three 4.5";
    struct word_analyzer *a;

    cr_assert_eq(word_analyzer_new(&a, &(struct word_settings){.language = ""}), ERR_OK);
    words_each(a, str_of(text), check_offsets, text);
    word_analyzer_free(a);
}

Test(words, knows_its_stop_words)
{
    cr_expect(word_is_stop(STR_LIT("the")));
    cr_expect(word_is_stop(STR_LIT("a")));
    cr_expect(word_is_stop(STR_LIT("your")));
    cr_expect(word_is_stop(STR_LIT("should")));
    cr_expect_not(word_is_stop(STR_LIT("th")));
    cr_expect_not(word_is_stop(STR_LIT("then1")));
    cr_expect_not(word_is_stop(STR_LIT("may")));
    cr_expect_not(word_is_stop(STR_LIT("")));
}

Test(words, refuse_an_unknown_language)
{
    struct word_analyzer *a = NULL;

    cr_expect_eq(word_analyzer_new(&a, &(struct word_settings){.language = "klingon"}),
                 ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "klingon"));
    cr_expect_not_null(strstr(err_text(), "german"), "it says what there is");
    cr_expect_null(a);
}

Test(words, a_language_can_be_asked_for_before_it_is_taken)
{
    cr_expect_eq(word_language_check("german"), ERR_OK);
    cr_expect_eq(word_language_check(""), ERR_OK, "no stemming");
    cr_expect_eq(word_language_check("klingon"), ERR_ARGUMENT);
    cr_expect_eq(word_language_check("english, but longer than any"), ERR_ARGUMENT);
}

Test(words, settings_are_equal_when_they_cut_alike)
{
    struct word_settings a = {"german", true}, b = {"german", true};

    cr_expect(word_settings_eq(&a, &b));
    b.drop_stop_words = false;
    cr_expect(!word_settings_eq(&a, &b));
    b = (struct word_settings){"english", true};
    cr_expect(!word_settings_eq(&a, &b));
}
