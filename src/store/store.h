/* store.h - the only truth: collections, documents, chunks and vectors in SQLite.
 *
 * One file, ragd.db, WAL, synchronous=FULL, secure_delete, with a schema version and migrations.
 * One thread writes: store_write hands it a function, and functions that wait together share one
 * transaction (each in its own savepoint, so one that fails takes nothing with it).
 *
 *   caller -> queue -> writer: BEGIN, fn, fn, fn, COMMIT (fsync) -> published() -> callers go on
 *
 * A document is written whole or not at all. A fn that changes a collection moves its epoch once
 * (store_tx_bump_epoch). Acknowledged means committed, then published (indexed and visible), in
 * that order. Rows carry checksums: a damaged one is an error that names the document, never a
 * wrong text. A damaged vector counts as missing: it can be made again from its text.
 *
 * A change log says which documents came, changed or went since the index files were written; it
 * is written in the same transaction as the change, and forgotten when newer files stand.
 *
 * Answers and questions that are kept: store_answers.h, store_questions.h; summaries by a language
 * model: store_summaries.h; API keys: store_keys.h.
 *
 * Threads  store_write and the reader functions: locked. A struct store_tx only inside fn.
 * Errors   ERR_DATABASE, ERR_NO_SPACE (disk full: reads go on), ERR_NOT_FOUND, ERR_EXISTS.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"

struct store;
struct store_tx;     /* the writer's transaction */
struct store_reader; /* a read-only connection, one thread at a time */

#define STORE_SCHEMA_VERSION 5

/* Beyond these ERR_LIMIT, which names the limit. */
#define STORE_KEY_MAX       4096         /* bytes of a key, root or uri */
#define STORE_METADATA_MAX  (1u << 20)   /* bytes of metadata, settings, title or heading */
#define STORE_TEXT_MAX      (512u << 20) /* bytes of a document's text */
#define STORE_CHUNKS_MAX    1000000      /* chunks of a document */
#define STORE_DIM_MAX       4096
#define STORE_SENTENCES_MAX 65536 /* sentence vectors of a chunk */
#define STORE_READERS_MAX   64    /* connections; whoever needs one more waits */
#define STORE_RANGE_MAX     16    /* chunks fetched by their place in a document */

/* Opens or creates DIR/ragd.db, migrates it, starts the writer. ERR_UNSUPPORTED when a newer
 * version wrote it. The caller holds the folder's lock (store/lock.h). */
int store_open(struct store **out, const char *data_dir);
void store_close(struct store *s);

/* Made with the store, kept by its copies: a name for keys that other servers see. Nothing that has
 * an epoch in it may be shared under this name; copies count epochs each for itself. */
const char *store_uuid(const struct store *s);

/* Files in bytes, and writes that wait for the writer. */
struct store_load {
    uint64_t bytes, wal_bytes;
    size_t writes_waiting;
};
void store_load_get(struct store *s, struct store_load *out);

/* ---- rows ---- */

struct collection_row {
    int64_t id;
    const char *tenant, *name;
    const char *settings; /* JSON */
    int64_t epoch;
    int64_t n_documents, n_chunks; /* of text */
};

enum chunk_kind { CHUNK_TEXT, CHUNK_SUMMARY };

struct chunk_row {
    uint64_t id; /* hash(tenant, collection, document, content hash, ordinal) */
    int32_t ordinal;
    int32_t page;        /* 1.., 0 when the format has none */
    uint32_t start, end; /* bytes in the document's stored text */
    enum chunk_kind kind;
    struct str heading;      /* "Part > Section", "" if none */
    struct str text;         /* exactly the bytes start..end of the document's text */
    struct digest text_hash; /* of what was embedded; names the vector */
};

struct document_row {
    int64_t id;      /* SQLite's, private */
    struct str key;  /* unique in the collection: path relative to its root, or caller's id */
    struct str root; /* the folder it was found under; "" when it came by id */
    struct str uri;  /* absolute path or the caller's uri; may be "" */
    struct str title;
    struct str metadata; /* JSON object, canonical */
    struct digest hash;  /* content, title, metadata, chunking: equal means unchanged */
    int64_t ingested_ms;
    int64_t n_chunks; /* of text; a summary is not counted */
    struct str text;  /* extracted UTF-8; empty unless asked for */
};

struct vector_row {
    struct digest text_hash;
    const float *vector;            /* [dim] */
    const int8_t *sentence_vectors; /* [n_sentences, dim], value = byte / 127 */
    uint32_t n_sentences;
    uint32_t dim;
};

/* ---- writing ---- */

typedef int (*store_write_fn)(struct store_tx *tx, void *arg);
/* Called by the writer after the commit, in commit order, before the caller is told. */
typedef void (*store_published_fn)(void *arg);

/* Runs fn in a transaction and returns when it is durable and published, or with fn's error and
 * text. fn may run beside others' in one transaction; when the commit itself fails, all of them
 * fail. Neither fn nor published may call store_write: they run on the writer's thread. */
int store_write(struct store *s, store_write_fn fn, store_published_fn published, void *arg);

/* Finds or makes a collection; *made may be NULL. Names: 1..64 of [A-Za-z0-9_.-]. Epochs start at
 * 1 or, after a drop, above all that were: a name never shows the same epoch twice. */
int store_tx_collection(struct store_tx *tx, const char *tenant, const char *name, int64_t *id,
                        bool *made);
int store_tx_collection_settings(struct store_tx *tx, int64_t collection, const char *settings);
int store_tx_drop_collection(struct store_tx *tx, int64_t collection);

/* Moves the epoch and returns the new one in *epoch. */
int store_tx_bump_epoch(struct store_tx *tx, int64_t collection, int64_t *epoch);

/* Inserts or replaces a document with its chunks; the row keeps its id. ERR_EXISTS, naming both,
 * when the key belongs to another root, or when a chunk's id is another's; ERR_ARGUMENT when a text
 * chunk is not the bytes start..end of doc->text. After an error all is as before the call. Sets
 * doc->id and doc->n_chunks. Vectors that no chunk uses any more once fn is through are dropped. */
int store_tx_put_document(struct store_tx *tx, int64_t collection, struct document_row *doc,
                          const struct chunk_row *chunks, size_t n_chunks);
int store_tx_delete_document(struct store_tx *tx, int64_t document);

/* Adds vectors that are not there yet, or not as they should be (damaged). */
int store_tx_put_vectors(struct store_tx *tx, const struct digest *fingerprint,
                         const struct vector_row *rows, size_t n);

/* The same for one whose text may have gone while it was embedded: then it is not kept. */
int store_tx_put_late_vector(struct store_tx *tx, const struct digest *fingerprint,
                             const struct vector_row *row);

/* Which model the folder's vectors are of, from this transaction on: see struct store_model. */
struct store_model;
int store_tx_set_model(struct store_tx *tx, const struct store_model *m);

/* No index files stand for any collection any more: vectors have come that they do not have. */
int store_tx_forget_indexes(struct store_tx *tx);

/* Drops up to `limit` vectors of other models than `keep`, beginning after *cursor (0 at first),
 * which it moves; *n_dropped 0: there are no more, and those models are forgotten too. */
int store_tx_drop_vectors(struct store_tx *tx, const struct digest *keep, size_t limit,
                          int64_t *cursor, size_t *n_dropped);

/* Index files with this name hold all that the collection was at `epoch`; older changes are
 * forgotten. */
int store_tx_index_is(struct store_tx *tx, int64_t collection, struct str name, int64_t epoch);

/* A reader that sees this transaction's own writes. Valid inside fn. */
struct store_reader *store_tx_reader(struct store_tx *tx);

/* ---- reading ---- */

/* Borrow a connection (never NULL; waits for another's when there can be no more); give it back.
 * Each call below is its own read transaction unless between store_read_begin and store_read_end,
 * which see one state. Rows live in `mem`. A fingerprint may be NULL: no vectors then. */
struct store_reader *store_reader_get(struct store *s);
void store_reader_put(struct store *s, struct store_reader *r);
int store_read_begin(struct store_reader *r);
void store_read_end(struct store_reader *r);

int store_find_collection(struct store_reader *r, const char *tenant, const char *name,
                          struct arena *mem, struct collection_row *out); /* ERR_NOT_FOUND */
typedef int (*collection_fn)(void *arg, const struct collection_row *row);
int store_each_collection(struct store_reader *r, collection_fn fn, void *arg);

/* The one that questions are embedded with. Vectors of others are on their way in or out
 * (ingest/reembed.h). */
struct store_model {
    struct digest fingerprint;
    const char *name; /* for whoever reads a message */
    const char *path; /* its folder, absolute; "" when a server embeds */
    bool in_use;      /* told when it is found: there are chunks */
};
int store_find_model(struct store_reader *r, struct arena *mem,
                     struct store_model *out); /* ERR_NOT_FOUND: nobody said yet */

/* The same without opening the store, which another process may own. ERR_NOT_FOUND too when there
 * is no database. */
int store_model_of(const char *data_dir, struct arena *mem, struct store_model *out);

/* The embedders that ever stored a vector. */
typedef int (*model_fn)(void *arg, const struct digest *fingerprint, uint32_t dim);
int store_each_model(struct store_reader *r, model_fn fn, void *arg);

int store_find_document(struct store_reader *r, int64_t collection, struct str key, bool with_text,
                        struct arena *mem, struct document_row *out); /* ERR_NOT_FOUND */
/* In key order, after `after_key` ("" for the start), at most `limit` (0: all). Rows are borrowed
 * during fn. fn's negative return stops the walk and is returned. */
typedef int (*document_fn)(void *arg, const struct document_row *row);
int store_each_document(struct store_reader *r, int64_t collection, struct str after_key,
                        size_t limit, document_fn fn, void *arg);

/* Chunks of one document in order, with text. */
int store_document_chunks(struct store_reader *r, int64_t document, struct arena *mem,
                          struct chunk_row **out, size_t *n);

/* All chunks of a collection, document by document, with their vector under `fingerprint` (NULL
 * where it is missing or damaged). Rows are borrowed during fn. This is how an index is rebuilt. */
typedef int (*chunk_fn)(void *arg, const struct document_row *doc, const struct chunk_row *chunk,
                        const float *vector, uint32_t dim);
int store_each_chunk(struct store_reader *r, int64_t collection, const struct digest *fingerprint,
                     chunk_fn fn, void *arg);

/* The same for one document. */
int store_each_chunk_of(struct store_reader *r, const struct document_row *doc,
                        const struct digest *fingerprint, chunk_fn fn, void *arg);

/* Chunks, of all collections, whose text has no vector under `fingerprint`: at most `limit`, in the
 * order of rows after *row (0 at first), which is set to the last one's. Vectors are NULL. */
int store_each_missing(struct store_reader *r, const struct digest *fingerprint, int64_t *row,
                       size_t limit, chunk_fn fn, void *arg);
int store_count_missing(struct store_reader *r, const struct digest *fingerprint, uint64_t *n);

/* The index files that stand for a collection, as store_tx_index_is said; ERR_NOT_FOUND: none. */
int store_find_index(struct store_reader *r, int64_t collection, struct arena *mem,
                     struct str *name, int64_t *epoch);

/* The keys of the documents that came, changed or went after `epoch`, which is not before the
 * collection's index files. */
typedef int (*change_fn)(void *arg, struct str key);
int store_each_change(struct store_reader *r, int64_t collection, int64_t epoch, change_fn fn,
                      void *arg);

/* Chunks of the documents that were written after a time (milliseconds, wall clock). */
int store_count_chunks_since(struct store_reader *r, int64_t collection, int64_t since_ms,
                             uint64_t *n);

/* One chunk by id with its document (no full text) and its sentences' vectors. ERR_GONE when the
 * row is not there any more. */
struct chunk_full {
    struct document_row document;
    struct chunk_row chunk;
    const int8_t *sentence_vectors; /* [n_sentences, dim]; NULL when there are none or damaged */
    uint32_t n_sentences, dim;
    bool sentences_damaged;
};
int store_fetch_chunk(struct store_reader *r, uint64_t chunk_id, const struct digest *fingerprint,
                      struct arena *mem, struct chunk_full *out);

/* The text chunks of a document with ordinals from..to, in order; they share one document row.
 * STORE_RANGE_MAX at most (ERR_LIMIT); *n is 0 when there are none, or no such document. */
int store_fetch_range(struct store_reader *r, int64_t document, int32_t from, int32_t to,
                      const struct digest *fingerprint, struct arena *mem, struct chunk_full **out,
                      size_t *n);

/* A vector of the embedding cache, or ERR_NOT_FOUND, whose text tells a damaged one. */
int store_find_vector(struct store_reader *r, const struct digest *fingerprint,
                      const struct digest *text_hash, struct arena *mem, struct vector_row *out);

/* ---- keeping ---- */

/* SQLite's own check, plus: chunk counts agree, every chunk's text is the document's bytes, every
 * chunk has a vector under `fingerprint` (NULL: not checked), every vector a chunk, and every row
 * its checksum. Each problem is told to `fn`; returns how many there were. */
typedef void (*problem_fn)(void *arg, const char *problem);
int store_check(struct store *s, const struct digest *fingerprint, problem_fn fn, void *arg);

/* A consistent copy while others read and write; restored by placing it as ragd.db. */
int store_backup(struct store *s, const char *file);
