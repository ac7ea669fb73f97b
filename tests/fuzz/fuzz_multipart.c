/* fuzz_multipart.c - the content type, then the body. Parts are views into the body, in order. */
#include "base/err.h"
#include "fuzz/fuzz.h"
#include "server/multipart.h"

FUZZ_TARGET(multipart)
{
    struct str type = fuzz_part(&in);
    struct part *parts = NULL;
    const char *at = in.p;
    size_t n = 0;

    if (multipart_parse(type, in, mem, &parts, &n) < 0)
        return;
    FUZZ_TRUE(n <= MULTIPART_PARTS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct str b = parts[i].bytes;

        FUZZ_TRUE(parts[i].name.p && parts[i].name.n <= MULTIPART_NAME_MAX);
        FUZZ_TRUE(b.p >= at && b.p + b.n <= in.p + in.n);
        at = b.p + b.n;
    }
}
