/* pages.h - large blocks on pages of 2 MiB, for what is read all over: weights, codes, graphs.
 *
 * With pages of 4 KiB the address translation of 40 MiB of weights misses its cache all the time.
 * The system gives large pages when it can; nothing depends on it. Zeroed; stops the process when
 * there is no memory (as mem.h does).
 */
#pragma once
#include <stddef.h>

struct pages {
    void *base; /* aligned to 2 MiB */
    size_t n_bytes;
};

struct pages pages_alloc(size_t n_bytes);
void pages_free(struct pages *p);
