#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "index/bm25.h"
#include "index/section_name.h"

/* Behind the prefix, numbers as in struct bm25:
 *
 *   head        6 u64   layout (1), n_chunks, n_terms, n_words, n_sequences, number of postings p
 *   texts       (u64 start, u32 n, u32 length) [n_chunks]
 *   sequences   u32 [n_sequences]
 *   list_start  u64 [n_terms + 1]
 *   slots       u32 [p]
 *   codes       u8  [p]
 *   highest     u8  [n_terms]
 *   cells       (u32 tf, u32 length) [BM25_CELLS]
 *   terms.*     the words (index/dict.h)
 */
#define LAYOUT 1
#define N_HEAD 6

void bm25_save(const struct bm25 *b, struct sections_writer *w, const char *prefix)
{
    size_t n_postings = b->list_start[b->n_terms];
    const uint64_t head[] = {LAYOUT,     b->n_chunks,    b->n_terms,
                             b->n_words, b->n_sequences, n_postings};
    const struct {
        const char *name;
        const void *p;
        size_t n, item_bytes;
    } parts[] = {
        {"head", head, N_HEAD, sizeof *head},
        {"texts", b->texts, b->n_chunks, sizeof *b->texts},
        {"sequences", b->sequences, b->n_sequences, sizeof *b->sequences},
        {"list_start", b->list_start, b->n_terms + (size_t)1, sizeof *b->list_start},
        {"slots", b->slots, n_postings, sizeof *b->slots},
        {"codes", b->codes, n_postings, 1},
        {"highest", b->highest, b->n_terms, 1},
        {"cells", b->cells, BM25_CELLS, sizeof *b->cells},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        sections_add(w, section_name(prefix, parts[i].name).s, parts[i].p, parts[i].n,
                     parts[i].item_bytes);
    dict_save(b->terms, w, section_name(prefix, "terms.").s);
}

/* One array of the file; false when it is not there or has not n items. */
static bool find(void *out, const struct sections *s, const char *prefix, const char *name,
                 size_t n, size_t item_bytes)
{
    size_t n_there = 0;
    const void *p = sections_get(s, section_name(prefix, name).s, item_bytes, &n_there);

    memcpy(out, &p, sizeof p);
    return p && n_there == n;
}

static bool map_arrays(struct bm25 *b, const struct sections *s, const char *prefix)
{
    uint64_t *head;

    if (!find(&head, s, prefix, "head", N_HEAD, sizeof *head) || head[0] != LAYOUT ||
        head[1] >= UINT32_MAX || head[2] >= UINT32_MAX)
        return false;
    b->n_chunks = (uint32_t)head[1];
    b->n_terms = (uint32_t)head[2];
    b->n_words = head[3];
    b->n_sequences = head[4];
    return find(&b->texts, s, prefix, "texts", b->n_chunks, sizeof *b->texts) &&
           find(&b->sequences, s, prefix, "sequences", b->n_sequences, sizeof *b->sequences) &&
           find(&b->list_start, s, prefix, "list_start", b->n_terms + (size_t)1,
                sizeof *b->list_start) &&
           b->list_start[b->n_terms] == head[5] &&
           find(&b->slots, s, prefix, "slots", head[5], sizeof *b->slots) &&
           find(&b->codes, s, prefix, "codes", head[5], 1) &&
           find(&b->highest, s, prefix, "highest", b->n_terms, 1) &&
           find(&b->cells, s, prefix, "cells", BM25_CELLS, sizeof *b->cells);
}

int bm25_map(struct bm25 **out, const struct sections *s, const char *prefix)
{
    int rc = ERR_OK;
    struct bm25 *b = mem_calloc(1, sizeof *b);

    b->mapped = true;
    TRY(dict_map(&b->terms, s, section_name(prefix, "terms.").s));
    if (!map_arrays(b, s, prefix) || dict_count(b->terms) != b->n_terms) {
        rc = FAIL(ERR_FORMAT, "the word index '%s' is not whole", prefix);
        goto out;
    }
    *out = b;
    b = NULL; /* handed over */
out:
    bm25_free(b);
    return rc;
}
