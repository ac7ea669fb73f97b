#include <criterion/criterion.h>
#include <stdint.h>

#include "base/pages.h"

Test(pages, are_aligned_zeroed_and_at_least_as_large_as_asked)
{
    size_t sizes[] = {1, 4096, ((size_t)2 << 20) - 1, (size_t)2 << 20, ((size_t)2 << 20) + 1};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pages p = pages_alloc(sizes[i]);
        unsigned char *b = p.base;

        cr_expect_eq((uintptr_t)p.base % ((size_t)2 << 20), 0);
        cr_expect_geq(p.n_bytes, sizes[i]);
        cr_expect(b[0] == 0 && b[p.n_bytes - 1] == 0);
        b[0] = b[p.n_bytes - 1] = 1;
        pages_free(&p);
        cr_expect_null(p.base);
        pages_free(&p); /* nothing */
    }
}
