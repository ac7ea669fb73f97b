/* shelf.h - a store and its retriever in a folder of its own, filled from a corpus.
 *
 * A document has SHELF_CHUNKS sentences, each a chunk, and a number in its metadata: `part` is
 * 0..999, even by chance, so that the filter "part < 100" lets a tenth of the documents through.
 *
 * Threads  locked, as the retriever is; opening and closing confined.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "corpus.h"
#include "index/retriever.h"
#include "store/store.h"

#define SHELF_CHUNKS    8
#define SHELF_BATCH     256 /* chunks that are written at once; ragd's own ingest does the same */
#define SHELF_QUIET_NS  2500000000u
#define SHELF_SETTLE_NS 3600000000000u
#define SHELF_TENANT    "bench"
#define SHELF_NAME      "bench"

struct shelf {
    const struct corpus *corpus; /* borrowed */
    struct store *store;
    struct retriever *retriever;
    struct pool *pool;
    char dir[256];
};

/* Makes a folder below `parent` (NULL: $TMPDIR or /tmp). */
int shelf_open(struct shelf *out, const struct corpus *corpus, const char *parent);
void shelf_close(struct shelf *s); /* removes the folder */

/* Closes the index and opens it from its files; *ns is the time of opening. */
int shelf_reopen(struct shelf *s, uint64_t *ns);

/* Sentences from..from + n - 1, from a multiple of SHELF_CHUNKS: in batches, durable and found on
 * return. */
int shelf_put(struct shelf *s, uint64_t from, size_t n);

/* Waits until the index does nothing more on its own: all of it lies in files, nothing wants a
 * graph, and so it stays for SHELF_QUIET_NS. *ns is when that began. ERR_TIMEOUT after
 * SHELF_SETTLE_NS. */
int shelf_settle(struct shelf *s, uint64_t *ns);

/* The current state, with a reference. */
int shelf_snapshot(struct shelf *s, struct snapshot **out);

uint64_t shelf_disk_bytes(const struct shelf *s);
