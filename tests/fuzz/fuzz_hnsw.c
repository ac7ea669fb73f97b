/* fuzz_hnsw.c - a graph's sections with their checksums put right. What hnsw_check says yes to can
 * be searched, whatever wrote it. */
#include <math.h>

#include "base/err.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "fuzz/seal.h"
#include "index/hnsw.h"

#define K 5

static void search(const struct hnsw *h)
{
    size_t dim = hnsw_dim(h), n = hnsw_slots(h);
    float *vectors = mem_alloc_aligned((n + 1) * dim * sizeof *vectors);
    struct vector_hit hits[K];
    size_t found;

    for (size_t i = 0; i < (n + 1) * dim; i++)
        vectors[i] = 1 / sqrtf((float)dim);
    found = hnsw_search(
        h,
        &(struct hnsw_query){.vector = vectors + n * dim, .vectors = vectors, .k = K, .ef = 2 * K},
        hits, NULL);
    FUZZ_TRUE(found <= K);
    for (size_t i = 0; i < found; i++)
        FUZZ_TRUE(hits[i].slot < n);
    mem_free(vectors);
}

FUZZ_TARGET(hnsw)
{
    struct sections *s = NULL;
    struct hnsw *h = NULL;

    if (sections_open(&s, fuzz_file(seal_sections(in, mem))) < 0)
        return;
    if (hnsw_map(&h, s, "") == ERR_OK) {
        if (hnsw_check(h) == ERR_OK && hnsw_slots(h) <= 4096)
            search(h);
        hnsw_free(h);
    }
    sections_close(s);
}
