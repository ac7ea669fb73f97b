#include "text/wordpiece_table.h"

#include <criterion/criterion.h>

#include "base/utf8.h"
#include "golden_tokens.h"

/* What the reference's normalizer makes of one character, as the table tells it. */
static void add_normalized(struct buf *out, uint32_t cp)
{
    uint16_t entry = wordpiece_entry(cp);
    unsigned mapping = wordpiece_mapping(entry);
    bool cjk = wordpiece_class(entry) == CHAR_CJK;
    char utf8[4];

    switch (wordpiece_class(entry)) {
    case CHAR_GONE:
    case CHAR_MARK:
    case CHAR_MARK_FIXED: return;
    case CHAR_SPACE: buf_add_char(out, ' '); return;
    default: break;
    }
    if (cjk)
        buf_add_char(out, ' ');
    if (mapping == WORDPIECE_MAPPING_HANGUL) {
        uint32_t i = cp - 0xAC00,
                 jamo[] = {0x1100 + i / 588, 0x1161 + i % 588 / 28, 0x11A7 + i % 28};

        for (int k = 0; k < (i % 28 ? 3 : 2); k++)
            buf_add(out, utf8, utf8_encode(jamo[k], utf8));
    } else if (mapping) {
        buf_add(out, wordpiece_map_text + wordpiece_map_starts[mapping],
                wordpiece_map_starts[mapping + 1] - wordpiece_map_starts[mapping]);
    } else {
        buf_add(out, utf8, utf8_encode(cp, utf8));
    }
    if (cjk)
        buf_add_char(out, ' ');
}

Test(wordpiece_table, normalizes_every_code_point_as_the_reference_does)
{
    FILE *f = fopen(GOLDEN_TOKENS, "r");
    struct golden g;
    struct buf out;
    unsigned n_blocks = 0;

    cr_assert_not_null(f, "%s is missing: tests run at the top of the tree", GOLDEN_TOKENS);
    buf_init(&out);
    for (; golden_next(f, "normal", &g); n_blocks++) {
        uint32_t first = (uint32_t)strtoul(g.name + 2, NULL, 16);

        buf_clear(&out);
        for (uint32_t cp = first; cp < first + GOLDEN_BLOCK; cp++) {
            if (cp >= 0xD800 && cp < 0xE000)
                continue;
            add_normalized(&out, cp);
            buf_add_char(&out, '\0');
        }
        cr_expect(golden_same(&g, &out), "differs in the block at %s", g.name);
    }
    cr_expect_eq(n_blocks, 0x110000 / GOLDEN_BLOCK);
    buf_done(&out);
    fclose(f);
}

Test(wordpiece_table, classes_ascii)
{
    cr_expect_eq(wordpiece_class(wordpiece_entry('a')), CHAR_WORD);
    cr_expect_eq(wordpiece_class(wordpiece_entry('7')), CHAR_WORD);
    cr_expect_eq(wordpiece_class(wordpiece_entry('\n')), CHAR_SPACE);
    cr_expect_eq(wordpiece_class(wordpiece_entry('$')), CHAR_PUNCT);
    cr_expect_eq(wordpiece_class(wordpiece_entry(0)), CHAR_GONE);
    cr_expect_eq(wordpiece_class(wordpiece_entry(0x7F)), CHAR_GONE);
}

Test(wordpiece_table, classes_what_lies_beyond)
{
    cr_expect_eq(wordpiece_class(wordpiece_entry(0x00A0)), CHAR_SPACE);
    cr_expect_eq(wordpiece_class(wordpiece_entry(0x2014)), CHAR_PUNCT);
    cr_expect_eq(wordpiece_class(wordpiece_entry(0x4E2D)), CHAR_CJK);
    cr_expect_eq(wordpiece_class(wordpiece_entry(0x0301)), CHAR_MARK);
    cr_expect_eq(wordpiece_class(wordpiece_entry(0x034F)), CHAR_MARK_FIXED);
    cr_expect_eq(wordpiece_class(wordpiece_entry(0x302E)), CHAR_ORDERED);
    cr_expect_eq(wordpiece_class(wordpiece_entry(UTF8_REPLACEMENT)), CHAR_GONE);
    cr_expect_eq(wordpiece_class(wordpiece_entry(0x200B)), CHAR_GONE);
}

Test(wordpiece_table, lists_every_ordered_character_once_and_sorted)
{
    size_t n = 0;

    for (size_t i = 0; i < wordpiece_n_orders; i++) {
        cr_expect(i == 0 || wordpiece_orders[i - 1].cp < wordpiece_orders[i].cp);
        cr_expect_gt(wordpiece_orders[i].order, 0);
    }
    for (uint32_t cp = 0; cp < 0x110000; cp++)
        n += wordpiece_class(wordpiece_entry(cp)) == CHAR_ORDERED;
    cr_expect_eq(n, wordpiece_n_orders);
}
