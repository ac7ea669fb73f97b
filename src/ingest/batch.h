/* batch.h - prepared documents in, embedded and stored documents out.
 *
 *   add: look up each chunk's vector -> queue what is missing -> embed 64 at a time (256 when a
 *        server does it, so that it has several requests at once)
 *   flush: make the summaries of longer documents and embed these, write whole documents in one
 *          call, tell the report
 *
 * A document that is there already comes again when it gets a language model's summary.
 *
 * When embedding fails, the documents of that call are tried one by one: those that fail again are
 * refused with the reason and nothing of them is written, the others go on.
 * add flushes at 256 chunks, 1024 documents, or when the oldest has waited for over 2 s. There is
 * no timer: a slow file holds back what came before it, for its extraction's limit at most.
 * A document larger than a batch is embedded piece by piece and written in one transaction.
 * Threads  confined; embedding spreads over the engine's pool.
 */
#pragma once
#include "index/retriever.h"
#include "ingest/run.h"
#include "ingest/source.h"

/* A document on its way into the store. */
struct ready {
    struct arena *mem;     /* owned: chunks, vectors, strings */
    struct source *source; /* a reference, or NULL: who owns the text */
    struct document_row row;
    struct chunk_row *chunks;   /* [n_chunks + n_summaries], room for one summary */
    struct vector_row *vectors; /* likewise, filled by the batch */
    size_t n_chunks, n_summaries;
    struct str given;          /* a language model's summary, instead of our own; "": none */
    const struct digest *over; /* see struct upsert, as the next */
    const struct digest *summary_by;
    const char *refused;          /* why it could not be embedded, in `mem`; NULL: it could */
    const char *shown;            /* how the report calls it */
    struct ingest_result *result; /* NULL: the report is enough */
};

struct batch;
struct batch *batch_new(struct run *run);
void batch_free(struct batch *b); /* what was not written is dropped */

/* Takes the document, also when it fails. Fails for what concerns all (cancelled, database). */
int batch_add(struct batch *b, struct ready *d);
int batch_flush(struct batch *b);

void ready_free(struct ready *d);
