/* run.h - what one ingest carries along: where to, how, what was seen, what to report.
 *
 * Threads  confined to the ingest's thread, but for the fields the feed reads (marked).
 */
#pragma once
#include "base/hash.h"
#include "base/map.h"
#include "ingest/chunk.h"
#include "ingest/ingest.h"
#include "ingest/metadata.h"

/* Part of every document's hash: raise it when the same bytes would give another text, other
 * chunks or other sentences, and everything is read anew. */
#define INGEST_VERSION 3

struct run {
    struct engine *e;               /* feed */
    struct embedder *model;         /* a reference; run_take_model */
    const struct ingest_options *o; /* feed */
    const char *tenant, *collection;
    int64_t collection_id; /* feed; 0: not there yet, so nothing is known */
    struct chunk_settings chunking;
    bool summaries;         /* wanted, and there are vectors of sentences to make them from */
    struct digest settings; /* feed; version, chunking, summaries and what counted the tokens */
    struct digest given;    /* feed; of o->metadata */
    struct meta_rows *meta; /* feed; NULL: none */
    struct map *keys;       /* documents met in this run, so that none comes twice */
    struct map *files;      /* absolute paths met in this run */
    struct ingest_report *report;
    struct ingest_progress progress;
    uint64_t start_ns;
};

/* Checks the settings, opens --meta-file. */
int run_open(struct run *r, struct engine *e, const struct ingest_options *o,
             struct ingest_report *report);
void run_close(struct run *r); /* seconds go to the report */

/* The model in force may be another since: vectors are of that one from now on. Chunks stay as long
 * as they were, for this run; `settings` says so, and the next run makes them anew. */
void run_take_model(struct run *r);

bool run_cancelled(const struct run *r);
int run_check(const struct run *r); /* ERR_CANCELLED when somebody said stop, ERR_NO_SPACE when
                                     * the memory budget is used up */
void run_progress(struct run *r, const char *current);

/* The stored row of a key, no text; false when it is not there. Rows live in `mem`. */
struct document_row;
int run_find(const struct run *r, struct str key, struct arena *mem, struct document_row *out,
             bool *found);
