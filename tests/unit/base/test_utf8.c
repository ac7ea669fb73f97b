#include "base/utf8.h"

#include <criterion/criterion.h>
#include <string.h>

Test(utf8, every_code_point_goes_round)
{
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char bytes[4];
        uint32_t back;
        size_t n;

        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        n = utf8_encode(cp, bytes);
        cr_assert_eq(utf8_valid_at(bytes, n), n, "U+%X", cp);
        cr_assert_eq(utf8_decode(bytes, n, &back), n);
        cr_assert_eq(back, cp);
        for (size_t cut = 1; cut < n; cut++)
            cr_assert_eq(utf8_valid_at(bytes, cut), 0, "U+%X cut to %zu", cp, cut);
    }
}

Test(utf8, refuses_what_rfc_3629_refuses)
{
    static const char *const bad[] = {
        "\x80",             /* a lone continuation */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* the first surrogate */
        "\xed\xbf\xbf",     /* the last surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3\x28",
        "\xe6\x97\x28",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t cp = 0;

        cr_expect_eq(utf8_valid_at(bad[i], strlen(bad[i])), 0, "%zu", i);
        cr_expect_eq(utf8_decode(bad[i], strlen(bad[i]), &cp), 1);
        cr_expect_eq(cp, UTF8_REPLACEMENT);
    }
    cr_expect_eq(utf8_valid_at("", 0), 0);
}

/* At every offset, so that the eight-bytes-at-once path meets it in every place. */
Test(utf8, finds_the_first_bad_byte_wherever_it_is)
{
    char text[64];

    memset(text, 'a', sizeof text);
    cr_expect(utf8_valid(text, sizeof text));
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = '\xff';
        cr_expect_eq(utf8_valid_prefix(text, sizeof text), i);
        text[i] = 'a';
    }
    memcpy(text + 62, "\xc3\xa9", 2);
    cr_expect(utf8_valid(text, 64));
    cr_expect_eq(utf8_valid_prefix(text, 63), 62, "cut in the middle");
    cr_expect(utf8_valid("", 0));
}

Test(utf8, floor_never_lands_inside_a_character)
{
    const char *s = "a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80z"; /* 1 2 3 4 1 bytes */
    static const size_t floors[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};

    for (size_t i = 0; i <= 11; i++)
        cr_expect_eq(utf8_floor(s, 11, i), floors[i], "%zu", i);
    cr_expect_eq(utf8_floor(s, 11, 500), 11);
}
