#include "text/tokens.h"

#include <criterion/criterion.h>

#include "base/mem.h"
#include "support/tokenizer.h"

static size_t guess(const char *text)
{
    return tokens_count(NULL, str_of(text));
}

Test(tokens, guesses_one_for_three_bytes_of_a_word)
{
    cr_expect_eq(guess(""), 0);
    cr_expect_eq(guess(" \n\t "), 0);
    cr_expect_eq(guess("ox"), 1);
    cr_expect_eq(guess("cat"), 1);
    cr_expect_eq(guess("cats"), 2);
    cr_expect_eq(guess(" capital ratio "), 3 + 2);
    cr_expect_eq(guess("4.5%"), 4, "punctuation is a token each");
}

Test(tokens, guesses_one_for_a_character_of_cjk_and_two_for_a_rare_one)
{
    cr_expect_eq(guess("\xe6\xb1\x89\xe5\xad\x97"), 2);
    cr_expect_eq(guess("a\xe6\xb1\x89z"), 3);
    cr_expect_eq(guess("\xf0\x9f\x98\x80"), 2);
    cr_expect_eq(guess("\xd1\x8f\xd1\x8f"), 2, "one for a letter of two bytes");
    cr_expect_eq(guess("\xff\xfe"), 1, "broken text is guessed too");
}

Test(tokens, guesses_of_pieces_add_up_at_white_space)
{
    const char *text = "The bank's CET1 ratio, 13.2 %, is \xe6\xb1\x89\xe5\xad\x97 fine.";

    for (const char *p = text; *p; p++)
        if (*p == ' ')
            cr_expect_eq(guess(p) + tokens_count(NULL, (struct str){text, (size_t)(p - text)}),
                         guess(text), "%s", p);
}

Test(tokens, guessed_tokens_know_their_bytes)
{
    struct str text = STR_LIT("cash flow \xf0\x9f\x98\x80 12");
    struct tokens t = {0};

    tokens_all(NULL, text, &t);
    cr_expect_eq(t.n, tokens_count(NULL, text));
    for (size_t i = 0; i < t.n; i++) {
        cr_expect_lt(t.v[i].start, t.v[i].end);
        cr_expect_leq(t.v[i].end, text.n);
        if (i)
            cr_expect_geq(t.v[i].start, t.v[i - 1].start);
    }
    mem_free(t.v);
}

Test(tokens, the_first_are_the_text_up_to_there)
{
    struct str text = STR_LIT("cats and dogs"), first;

    first = tokens_first(NULL, text, 3);
    cr_expect(str_eq(first, STR_LIT("cats and")), "%.*s", STR_ARGS(first));
    first = tokens_first(NULL, text, 5);
    cr_expect(str_eq(first, text));
    first = tokens_first(NULL, text, 0);
    cr_expect_eq(first.n, 0);
}

Test(tokens, a_tokenizer_is_asked_when_there_is_one)
{
    struct wordpiece *w;
    struct str text = STR_LIT("the capital is 1 or 2. the capital."), first;
    struct tokens all = {0};
    size_t n;

    tokenizer_open(&w);
    n = wordpiece_count(w, text);
    cr_expect_eq(tokens_count(w, text), n);
    tokens_all(w, text, &all);
    cr_expect_eq(all.n, n);
    first = tokens_first(w, text, n);
    cr_expect(str_eq(first, text));
    first = tokens_first(w, text, 2);
    cr_expect_eq(first.n, all.v[1].end);
    mem_free(all.v);
    wordpiece_close(w);
}
