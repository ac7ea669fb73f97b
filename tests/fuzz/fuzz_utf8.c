/* fuzz_utf8.c - the one place that says what a character is. */
#include <string.h>

#include "base/utf8.h"
#include "fuzz/fuzz.h"

FUZZ_TARGET(utf8)
{
    size_t prefix = utf8_valid_prefix(in.p, in.n), at = 0;
    struct str text = fuzz_utf8(in, mem);
    uint32_t cp;
    char out[4];

    FUZZ_TRUE(prefix <= in.n && utf8_valid(in.p, prefix));
    FUZZ_TRUE(prefix == in.n || utf8_valid_at(in.p + prefix, in.n - prefix) == 0);
    FUZZ_TRUE(utf8_valid(text.p, text.n));
    while (at < text.n) {
        size_t n = utf8_decode(text.p + at, text.n - at, &cp);

        FUZZ_TRUE(n == utf8_valid_at(text.p + at, text.n - at) && n <= text.n - at);
        FUZZ_TRUE(utf8_encode(cp, out) == n && memcmp(out, text.p + at, n) == 0);
        for (size_t i = 0; i < n; i++)
            FUZZ_TRUE(utf8_floor(text.p, text.n, at + i) == at);
        at += n;
    }
    FUZZ_TRUE(at == text.n);
}
