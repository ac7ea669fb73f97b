/* ingest.h - the path of a document.
 *
 *   read -> extract -> chunk -> embed -> store -> index
 *
 * A document is ingested whole or not at all, and the same document again costs a hash. Bad input
 * is named once with its reason, all others go on.
 *
 * Key      path relative to the folder named (a single file: its name); records of json and jsonl:
 *          their id. A key that another root holds is refused with both names.
 * Title    what the format says, else the first heading (txt, PDF: the first line, where it stands
 *          alone and reads like a title), else the file's name; records: their own.
 * Metadata own < meta_file's row for its key or file < options.metadata; see ingest/metadata.h.
 * Files    hidden ones and kinds we do not read are skipped, links never lead out of the folder;
 *          see ingest/walk.h.
 * Threads  runs on the caller's thread; reading and extraction are one file ahead on a thread of
 *          their own, embedding spreads over the engine's pool, writing happens on the store's
 *          writer. Any number of ingests at once.
 */
#pragma once
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct engine;

struct ingest_report;
struct ingest_progress {
    size_t n_files, n_files_done;       /* or documents; n_files grows while folders are walked */
    size_t n_chunks;                    /* embedded and stored so far */
    const char *current;                /* path; borrowed */
    const struct ingest_report *report; /* what is settled so far; borrowed */
};

struct ingest_options {
    const char *tenant, *collection;    /* NULL: the configuration's */
    int64_t chunk_chars, chunk_overlap; /* -1: the configuration's; chars 0: one chunk a document */
    const char *root_name;   /* replaces the folder's name in clash messages and the stored root */
    const json_t *metadata;  /* object merged into every document's; NULL: none */
    const char *meta_file;   /* jsonl: {"path": relative path, ...metadata}; NULL: none */
    bool prune, prune_force; /* of the folders named, after all went in; see ingest/prune.h */
    /* Files for which it is false are taken for unchanged without a look, and not counted; a link
     * is always looked at, and of other threads too. `path`: the real root, '/', the key. NULL: all
     * are wanted. */
    bool (*wanted)(void *arg, const char *path);
    void *wanted_arg;
    void (*progress)(void *arg, const struct ingest_progress *p);
    void *progress_arg;
    const atomic_bool *cancel; /* NULL: cannot be cancelled */
};

struct ingest_issue {
    char *path, *reason;
};

struct ingest_report {
    size_t documents; /* new or changed */
    size_t chunks, unchanged, removed;
    struct ingest_issue *skipped; /* a kind we do not read */
    size_t n_skipped, cap_skipped;
    struct ingest_issue *refused; /* a kind we read, but bad */
    size_t n_refused, cap_refused;
    uint64_t bytes;
    double seconds;
};

void ingest_report_init(struct ingest_report *r);
void ingest_report_done(struct ingest_report *r);

/* Files and folders. Fails as a whole only for what concerns all (no such path given, database
 * gone, cancelled); single files end up in the report. */
int ingest_paths(struct engine *e, const char *const *paths, size_t n_paths,
                 const struct ingest_options *o, struct ingest_report *report);

/* Documents that come as text, by id (POST /documents, ragd_ingest_text). */
struct ingest_document {
    struct str id; /* required: the key */
    struct str uri, title, text;
    const json_t *metadata; /* object or NULL */
};
enum ingest_status {
    INGEST_INGESTED,
    INGEST_UNCHANGED,
    INGEST_REFUSED,
    INGEST_LEFT /* the run ended before */
};
struct ingest_result {
    enum ingest_status status;
    size_t chunks;
    char *reason; /* REFUSED: mem_free it */
};
/* results [n] are filled also when it fails: what was settled before that stays so. */
int ingest_documents(struct engine *e, const struct ingest_document *docs, size_t n,
                     const struct ingest_options *o, struct ingest_result *results);

/* A file's bytes under a name whose ending tells the kind (multipart upload). One file may hold
 * several documents (jsonl, json list). */
int ingest_file_bytes(struct engine *e, const char *name, struct str bytes,
                      const struct ingest_options *o, struct ingest_report *report);
