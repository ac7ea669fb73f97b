#include "base/utf8.h"

#include <string.h>

static bool continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

size_t utf8_valid_at(const char *p, size_t n)
{
    const unsigned char *s = (const unsigned char *)p;

    if (n == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    if (n < 2 || !continues(p[1]))
        return 0;
    if (s[0] < 0xE0)
        return 2;
    if (n < 3 || !continues(p[2]))
        return 0;
    if (s[0] < 0xF0) {
        if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F))
            return 0; /* overlong, surrogate */
        return 3;
    }
    if (n < 4 || !continues(p[3]))
        return 0;
    if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
        return 0; /* overlong, above U+10FFFF */
    return 4;
}

size_t utf8_valid_prefix(const char *p, size_t n)
{
    size_t i = 0;

    while (i < n) {
        uint64_t word;
        size_t len;

        if (n - i >= 8) { /* eight ASCII bytes at once */
            memcpy(&word, p + i, 8);
            if ((word & 0x8080808080808080u) == 0) {
                i += 8;
                continue;
            }
        }
        len = utf8_valid_at(p + i, n - i);
        if (len == 0)
            return i;
        i += len;
    }
    return n;
}

size_t utf8_decode(const char *p, size_t n, uint32_t *cp)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t len = utf8_valid_at(p, n);

    switch (len) {
    case 1: *cp = s[0]; break;
    case 2: *cp = (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu); break;
    case 3: *cp = (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu); break;
    case 4:
        *cp = (s[0] & 0x07u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
        break;
    default: *cp = UTF8_REPLACEMENT; return 1;
    }
    return len;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

size_t utf8_floor(const char *p, size_t n, size_t at)
{
    if (at >= n)
        return n;
    while (at > 0 && continues(p[at]))
        at--;
    return at;
}
