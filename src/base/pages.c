#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/check.h"

#define LARGE ((size_t)2 << 20)
#define SMALL ((size_t)4 << 10)

/* A mapping one large page longer than asked, of which the ends go back: before the first large
 * page, and after the last byte, so that a large page that would be half empty is small ones. */
struct pages pages_alloc(size_t n_bytes)
{
    struct pages out = {0};
    size_t want = (n_bytes + SMALL - 1) & ~(SMALL - 1), before;
    char *p;

    CHECK(n_bytes > 0 && want >= n_bytes);
    p = mmap(NULL, want + LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    before = (LARGE - (uintptr_t)p % LARGE) % LARGE;
    if (before)
        munmap(p, before);
    munmap(p + before + want, LARGE - before);
    out.base = p + before;
    out.n_bytes = want;
    madvise(out.base, want, MADV_HUGEPAGE); /* a wish: refused where large pages are switched off */
    return out;
}

void pages_free(struct pages *p)
{
    if (p->base)
        munmap(p->base, p->n_bytes);
    *p = (struct pages){0};
}
