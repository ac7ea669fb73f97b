#include "extract/encoding.h"

#include "made.h"

static struct buf scratch;
static struct str text;

static int decode(const char *p, size_t n, const char *declared)
{
    buf_done(&scratch);
    buf_init(&scratch);
    return encoding_decode((struct str){p, n}, declared, &scratch, &text);
}

#define DECODE(lit)     decode(lit, sizeof(lit) - 1, NULL)
#define DECODES_TO(lit) str_eq(text, STR_LIT(lit))

Test(encoding, takes_utf8_with_and_without_mark)
{
    cr_expect_eq(DECODE("\xEF\xBB\xBFr\xC3\xA9sum\xC3\xA9"), ERR_OK);
    cr_expect(DECODES_TO("résumé"));
    cr_expect_eq(DECODE("r\xC3\xA9sum\xC3\xA9"), ERR_OK);
    cr_expect(DECODES_TO("résumé"));
}

Test(encoding, takes_utf16_of_both_orders)
{
    cr_expect_eq(DECODE("\xFF\xFEh\0i\0\xAC\x20=\xD8\0\xDE"), ERR_OK);
    cr_expect(DECODES_TO("hi€😀"));
    cr_expect_eq(DECODE("\xFE\xFF\0h\0i\x20\xAC"), ERR_OK);
    cr_expect(DECODES_TO("hi€"));
    buf_done(&scratch);
}

Test(encoding, knows_utf16_without_mark_by_its_zeros)
{
    cr_expect_eq(DECODE("c\0a\0p\0i\0t\0a\0l\0"), ERR_OK);
    cr_expect(DECODES_TO("capital"));
    cr_expect_eq(DECODE("\0c\0a\0p\0i\0t\0a\0l"), ERR_OK);
    cr_expect(DECODES_TO("capital"));
    buf_done(&scratch);
}

Test(encoding, mends_lone_surrogates_and_half_units)
{
    cr_expect_eq(DECODE("\xFF\xFE\x3D\xD8x\0y"), ERR_OK);
    cr_expect(DECODES_TO("\xEF\xBF\xBDx\xEF\xBF\xBD"));
    buf_done(&scratch);
}

Test(encoding, refuses_binary)
{
    cr_expect_eq(DECODE("\x7F"
                        "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03"),
                 ERR_FORMAT);
    cr_expect(said("binary"));
    cr_expect_eq(DECODE("text with\0a zero"), ERR_FORMAT);
    cr_expect(said("at 9"));
    cr_expect_eq(DECODE("\xFF\xFE\0\0h\0\0\0"), ERR_FORMAT);
    cr_expect(said("UTF-32"));
}

Test(encoding, takes_windows_1252_for_western_text)
{
    cr_expect_eq(DECODE("caf\xE9 \x93quoted\x94 \x80 5, na\xEFve"), ERR_OK);
    cr_expect(DECODES_TO("café “quoted” € 5, naïve"));
    buf_done(&scratch);
}

Test(encoding, keeps_utf8_that_is_a_little_damaged)
{
    cr_expect_eq(DECODE("\xC3\xA9t\xC3\xA9 and a bad \xFF byte, d\xC3\xA9j\xC3\xA0"), ERR_OK);
    cr_expect(DECODES_TO("été and a bad \xFF byte, déjà"));
}

Test(encoding, refuses_bytes_of_no_known_kind)
{
    char noise[256];

    for (int i = 0; i < 256; i++)
        noise[i] = (char)(0x80 + (i * 37) % 128);
    cr_expect_eq(decode(noise, sizeof(noise), NULL), ERR_FORMAT);
    cr_expect(said("not UTF-8, UTF-16 or Latin-1"));
}

Test(encoding, believes_a_declared_charset)
{
    cr_expect_eq(decode("\xEF\xF0\xE8\xE2\xE5\xF2", 6, "windows-1251"), ERR_OK);
    cr_expect(DECODES_TO("привет"));
    cr_expect_eq(decode("na\xEFve", 5, "ISO-8859-1"), ERR_OK);
    cr_expect(DECODES_TO("naïve"));
    cr_expect_eq(decode("na\xC3\xAFve", 6, "no-such-charset"), ERR_OK);
    cr_expect(DECODES_TO("naïve"));
    buf_done(&scratch);
}
