#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "text/sentences.h"

/* The sentences with " / " between them and white space as it is. */
static const char *split(const char *text)
{
    static struct buf b; /* one per test process */
    struct sentence_walk w = sentences_of(str_of(text));
    struct span s;

    buf_clear(&b);
    while (sentence_next(&w, &s)) {
        if (b.n)
            buf_add_str(&b, " / ");
        buf_add(&b, text + s.start, s.end - s.start);
    }
    return buf_view(&b).p;
}

#define SPLITS(text, want) cr_expect_str_eq(split(text), want, "got: %s", split(text))
#define WHOLE(text)        SPLITS(text, text)

Test(sentences, end_at_stops_before_something_that_can_begin_one)
{
    SPLITS("The bank failed. It had no capital. Why? Nobody looked!",
           "The bank failed. / It had no capital. / Why? / Nobody looked!");
    SPLITS("He said \"no.\" Then he left.", "He said \"no.\" / Then he left.");
    SPLITS("It fell (by half.) It rose.", "It fell (by half.) / It rose.");
    SPLITS("See it. 12 banks did. $5 was paid. (b) Other",
           "See it. / 12 banks did. / $5 was paid. / (b) Other");
    SPLITS("Il tomba. État neuf. Τέλος. Ο κόσμος.", "Il tomba. / État neuf. / Τέλος. / Ο κόσμος.");
}

Test(sentences, go_on_when_the_next_word_is_small)
{
    WHOLE("It was approx. half of it");
    WHOLE("the ratio of Acme Inc. and others");
    WHOLE("\"Really?\" he asked");
    WHOLE("visit ragd.org. it is free");
    WHOLE("le no. élevé");
}

Test(sentences, do_not_end_at_abbreviations_of_law_and_finance)
{
    WHOLE("under 12 U.S.C. 84 and 31 U.S.C. § 5318 the bank");
    WHOLE("Exhibit No. 5 and Fig. 2 and Sec. 3 of Art. IV");
    WHOLE("e.g. Tier 1 capital, i.e. Common equity, cf. Basel III");
    WHOLE("Dr. Smith v. Jones et al. 1999");
    WHOLE("J. P. Morgan and J.P. Morgan");
    WHOLE("Apple Inc. Class A shares");
    WHOLE("the U.S. Treasury");
    WHOLE("on Jan. 5 and Dec. 31");
    WHOLE("at 5 p.m. Eastern time");
}

Test(sentences, end_at_abbreviations_when_a_word_follows_that_begins_sentences)
{
    SPLITS("It is owned by Acme Inc. The rest is free.",
           "It is owned by Acme Inc. / The rest is free.");
    SPLITS("It left the U.S. In 2019 it came back.", "It left the U.S. / In 2019 it came back.");
    SPLITS("The answer is no. Banks differ.", "The answer is no. / Banks differ.");
}

Test(sentences, keep_numbers_and_sections_whole)
{
    WHOLE("§ 3.10 asks for 4.5 percent of $1.5 million, see 240.17f-1");
    WHOLE("(a) (1) A national bank (as in paragraph (c)(4)(ii)) must");
    SPLITS("See § 3.10. The ratio is 4.5. It holds.",
           "See § 3.10. / The ratio is 4.5. / It holds.");
    WHOLE("1. Scope of this part");
    WHOLE("A. The general rule");
}

Test(sentences, see_dots_that_are_not_stops)
{
    WHOLE("Risk Factors ........ 12");
    WHOLE("Risk Factors . . . . . . 12");
    SPLITS("And so on... The end.", "And so on... / The end.");
    SPLITS("And so on… The end.", "And so on… / The end.");
}

Test(sentences, end_at_blank_lines_and_go_on_over_wrapped_ones)
{
    SPLITS("A heading\n\nThe text\nof one sentence\ngoes on",
           "A heading / The text\nof one sentence\ngoes on");
    SPLITS("A heading\n \t\nText", "A heading / Text");
    SPLITS("It ends.\nNext one.", "It ends. / Next one.");
}

Test(sentences, end_at_list_items)
{
    SPLITS("Banks need:\n- capital\n- cash\n• people",
           "Banks need: / - capital / - cash / • people");
    SPLITS("Banks need:\n(1) capital; and\n(2) cash", "Banks need: / (1) capital; and / (2) cash");
    SPLITS("1. capital\n2. cash\n10) more", "1. capital / 2. cash / 10) more");
    WHOLE("as said in paragraph\n(b) of this section");
    WHOLE("it rose to\n15. in the year");
}

Test(sentences, take_a_row_of_a_table_as_one)
{
    SPLITS("Year | Sales. Net | Cost\n2019 | 1. A | 2\nSee above. It fell.",
           "Year | Sales. Net | Cost / 2019 | 1. A | 2 / See above. / It fell.");
    SPLITS("Sales:\na\tb. C\nend", "Sales: / a\tb. C / end");
    SPLITS("Total sales      1,452.4     1,146.2\nCost of sales      12       15",
           "Total sales      1,452.4     1,146.2 / Cost of sales      12       15");
}

Test(sentences, know_stops_of_other_scripts)
{
    SPLITS("资本不足。银行倒闭了！为什么？没人看", "资本不足。 / 银行倒闭了！ / 为什么？ / 没人看");
    SPLITS("「はい。」彼は言った。", "「はい。」 / 彼は言った。");
    SPLITS("बैंक है। यह नया है।", "बैंक है। / यह नया है।");
}

Test(sentences, leave_white_space_out_at_both_ends)
{
    SPLITS(" \t\n A.\xC2\xA0 \xE3\x80\x80", "A.");
    SPLITS("", "");
    SPLITS(" \n\n\t", "");
}

Test(sentence_split, gives_what_is_left_to_the_last_one)
{
    const char *text = "One is. Two is. Three is.  ";
    struct span s[4];

    cr_expect_eq(sentence_split(str_of(text), s, 4), 3);
    cr_expect_eq(s[2].end, 25);
    cr_expect_eq(sentence_split(str_of(text), s, 2), 2);
    cr_expect_eq(s[1].start, 8);
    cr_expect_eq(s[1].end, 25, "the rest, without the white space after it");
    cr_expect_eq(sentence_split(str_of(text), s, 0), 0);
}

/* Any bytes of valid text: in order, trimmed, whole characters, nothing but white space between. */
static void check_claims(const char *text, size_t n)
{
    struct str t = {text, n};
    struct sentence_walk w = sentences_of(t);
    struct span s;
    size_t at = 0;

    while (sentence_next(&w, &s)) {
        struct span gap = span_trim(t, at, s.start);

        cr_assert_lt(s.start, s.end);
        cr_assert_geq(s.start, at);
        cr_assert_eq(gap.start, gap.end, "text between sentences is lost");
        cr_assert_eq(utf8_floor(text, n, s.start), s.start);
        cr_assert_eq(utf8_floor(text, n, s.end), s.end);
        cr_assert(!white_at(text + s.start, n - s.start));
        at = s.end;
    }
    cr_assert_eq(span_trim(t, at, n).start, span_trim(t, at, n).end);
}

Test(sentences, hold_their_claims_on_random_text)
{
    static const char *const parts[] = {".",   " ",   "\n", "a",  "B",  "1", "(a)",
                                        "|",   " | ", "-",  "\"", "。", "é", "\xC2\xA0",
                                        "U.S", "No",  "?",  "…",  "\t", ")"};
    unsigned seed = 7;
    char text[400];

    for (int round = 0; round < 20000; round++) {
        size_t n = 0;

        while (n < 100 + (size_t)round % 200) {
            const char *p = parts[rand_r(&seed) % (sizeof parts / sizeof *parts)];

            memcpy(text + n, p, strlen(p));
            n += strlen(p);
        }
        check_claims(text, n);
    }
}

/* A few seconds would be seen; the square of a million would be days. */
Test(sentences, cost_no_more_than_their_length, .timeout = 60)
{
    static const char *const parts[] = {
        "The bank said so. ", ".", ". ", "a\n(b)\n", "a.\"", "\n", "(a) ", "A B |", "I. ",
        "x   y   \n",         "。"};
    size_t n = 1 << 20;
    char *text = malloc(n);

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t len = strlen(parts[i]), used = 0;

        for (; used + len <= n; used += len)
            memcpy(text + used, parts[i], len);
        check_claims(text, used);
    }
    free(text);
}
