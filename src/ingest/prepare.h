/* prepare.h - from an extracted document to chunks that are ready to embed.
 *
 *   key -> seen before in this run? -> metadata -> hash -> known and unchanged? -> chunks
 *
 * Threads  confined.
 */
#pragma once
#include "ingest/batch.h"
#include "ingest/run.h"

/* Where a document comes from. */
struct origin {
    struct str key;     /* of the document, unless it brings an id */
    struct str root;    /* as stored: the folder or --root-name; "" when it came by id */
    struct str folder;  /* the folder itself; "" likewise */
    const char *shown;  /* the file, as the report names it */
    bool from_file;     /* its title may be a heading or the file's name */
    bool is_whole_file; /* the file gave this document, no other and no problem, so `hash` tells */
    struct digest hash; /* of the file's bytes and all that goes with them, from file_hash */
};

/* Equal means that reading the file again would change nothing. `folder` as in struct origin. */
struct digest file_hash(const struct run *run, struct str folder, struct str key, struct str bytes);

/* Whether the key is free for this root: ERR_EXISTS naming both when another holds it. *same says
 * that the stored document has this hash. */
int document_known(const struct run *run, struct str key, struct str root,
                   const struct digest *hash, bool *same);

/* *out is NULL when the document is unchanged. Fails with the reason why it is refused, or with
 * what concerns all (is_for_all). */
int prepare_document(struct run *run, const struct origin *origin, struct source *source,
                     const struct extracted *doc, struct ready **out);

/* Puts the document's summary behind its chunks; text in the document's memory. */
void add_summary(const struct run *run, struct ready *d, struct str text);

/* The run cannot go on after this error; others refuse one document. */
bool is_for_all(int rc);

/* What the model reads for a chunk. The chunk's text today; a title or heading would go here. */
struct str embedded_text(const struct chunk_row *chunk);
