/* retriever.h - where chunks live: search, fetch, upsert, remove, count, epoch.
 *
 * Nothing above this interface knows whether chunks are in SQLite and our own indexes
 * (retriever_embedded) or in another engine. The unit is (tenant, collection), with its own word
 * statistics and epoch.
 *
 * A snapshot is one immutable state of one collection: search, filter and fetch of a question use
 * one snapshot. Taking one is a reference, not a copy.
 *
 *   snapshot -> segments (immutable: vectors, postings, columns) + tombstones, and an epoch
 *
 * A chunk that has no vector under the retriever's fingerprint is found by its words only (a
 * warning at opening counts them).
 *
 * Threads  everything here is locked or immutable; a snapshot may be used by several threads, and
 *          is given back before retriever_close.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/str.h"
#include "store/store.h"
#include "text/analyzers.h"
#include "text/words.h"

struct retriever;
struct snapshot;
struct filter;

enum search_mode {
    SEARCH_HYBRID,
    SEARCH_VECTOR,
    SEARCH_KEYWORD,
    SEARCH_SUMMARY, /* documents by their summaries, then hybrid among these (index/summaries.h) */
};
enum search_fusion { FUSION_MIX, FUSION_RRF };
/* LEXICAL is the search's own; a model's comes after fetching (query/question_rerank.h). */
enum search_rerank { RERANK_OFF, RERANK_LEXICAL, RERANK_MODEL };

#define SEARCH_K_MAX      1000
#define SEARCH_WINDOW_MAX 3
/* Each list of a hybrid search has max(FUSION_CANDIDATES, 4k) candidates. 40 give MRR@10 within
 * 0.001 of it on tatqa-dev, cfr-dev and squad-dev, 100 the same (index/fusion.h says why). */
#define FUSION_CANDIDATES     64
#define FUSION_KEYWORD_WEIGHT 0.5
#define FUSION_WORDS_FULL     4   /* a question of fewer words ... */
#define FUSION_WEIGHT_A_WORD  0.1 /* ... weighs them less */
#define FUSION_RRF_K          60

struct search_spec {
    struct str text;     /* the question; words */
    const float *vector; /* [dim], or NULL in keyword and summary mode: by words */
    const float *plain;  /* [dim]: what a hit's vector_score is the cosine to; NULL: `vector` */
    enum search_mode mode;
    enum search_fusion fusion;
    enum search_rerank rerank;   /* OFF or LEXICAL */
    const struct filter *filter; /* NULL: everything */
    int k;                       /* 1..SEARCH_K_MAX */
    int ef;                      /* for a graph index; the exact scan has no use for it */
    double recall_target;        /* 0: none; for a graph index, which finds an ef for it */
    double diversity;            /* 0..1: 1 - lambda of MMR (index/mmr.h); 0: relevance alone */
    bool collapse;               /* near-duplicates are shown once (index/collapse.h) */
    const struct digest *model;  /* the vector's fingerprint; NULL: not compared */
};

/* How the vectors were searched; in the order of search_plan_name. */
enum vector_plan {
    PLAN_NONE,          /* not at all: by words alone */
    PLAN_FLAT,          /* every vector */
    PLAN_FILTERED_SCAN, /* every vector that may answer */
    PLAN_GRAPH,         /* a walk */
    PLAN_FILTERED_WALK, /* a walk in which only some may answer */
};
const char *search_plan_name(enum vector_plan plan); /* "flat"; NULL for PLAN_NONE */

/* How a search was done, for a human who asks why it found this. */
struct search_plan {
    enum vector_plan by_vector;
    size_t n_visited;              /* vectors that were compared with the question's */
    size_t ef;                     /* of the walk; 0: none */
    size_t n_words, n_words_known; /* different words of the question; those of them that any
                                      chunk has */
    size_t n_word_candidates;      /* length of the list by words */
    size_t n_documents;            /* chosen in mode summary; 0 in others */
};

struct hit {
    uint64_t chunk_id;
    uint64_t document_id; /* equal for chunks of one document */
    uint64_t version;     /* of the document; snapshot_fetch gives no other */
    double score;         /* the list is sorted by it, best first (MMR aside); ties by chunk id */
    float vector_score;   /* cosine to spec.plain; NAN in a search by words, or when the chunk has
                             no vector */
    float keyword_score;  /* BM25; NAN when the chunk was not in that list */
    uint32_t duplicates;  /* near-duplicates that it stands for */
    float rerank_score;   /* where it is there, it comes before `score`; NAN: not reranked */
};

struct hits {
    struct hit *v;
    size_t n;
    size_t n_allowed; /* chunks that passed the filter (all of them without one) */
    struct search_plan plan;
};

/* What an answer shows of a hit. */
struct passage {
    struct hit hit;
    struct str document; /* key */
    struct str title, uri, metadata, heading, text;
    uint64_t chunk_id;
    int32_t ordinal, page;
    uint32_t start, end;
    const int8_t *sentence_vectors; /* [n_sentences, dim] or NULL */
    uint32_t n_sentences;
    bool sentences_damaged; /* there were vectors */
    enum chunk_kind kind;   /* a summary is no run of bytes of its document: start and end are 0 */
    uint32_t source;        /* rank of the hit that it is or stands beside, 0.. */
    bool is_neighbour;      /* `hit` is then that of the passage it stands beside */
};

/* A document with its chunks and their vectors, ready to be written. */
struct upsert {
    struct document_row document;
    const struct chunk_row *chunks;
    const struct vector_row *vectors; /* [n_chunks], same order */
    size_t n_chunks;
    const struct digest *model;    /* the vectors' fingerprint; NULL: whatever is in force */
    const struct vector_row *next; /* [n_chunks] of a model on its way, only stored; NULL: none */
    const struct digest *next_model;
    const struct digest *over; /* only in place of the document with this hash, as of document.id;
                                * NULL: in place of any or none */
    const struct digest *summary_by; /* the language model that was asked for the summary, marked in
                                      * the same transaction (store_summaries.h); NULL: none */
};

struct retriever_options {
    struct store *store;
    struct pool *pool; /* for building at start */
    struct digest fingerprint;
    size_t dim;
    struct word_settings words; /* of collections whose settings do not say */
    double k1, b;               /* BM25; 1.2 and 0.75 */
    const char *index_dir;      /* for index files; NULL: none, everything is rebuilt at start */
    size_t seal_chunks; /* new chunks and documents that are worth a file at once; 0: 4096 */
    int seal_idle_ms;   /* without a change, until fewer are written too, and sixteen times that
                         * with changes; 0: 1000 */
    bool reads_beside;  /* opening returns at once, and collections come as they are read: what asks
                         * for one waits for it, not for long; what changes one waits for all */
};

/* Opens the collections of the store: from their index files, catching up with what was written
 * since; where those are missing, damaged or of another recipe, from the store. What is new is put
 * into files beside everything else, and at the end by retriever_close. */
int retriever_open_embedded(struct retriever **out, const struct retriever_options *o);
void retriever_close(struct retriever *r);

/* No more collections are read from now on, which uses the pool: before that is freed. NULL is
 * allowed. */
void retriever_end_reading(struct retriever *r);

/* ERR_OK once all collections are read, ERR_BUSY before, else why they could not be. */
int retriever_is_read(struct retriever *r);

/* ---- reading ---- */

/* ERR_NOT_FOUND when there is no such collection; ERR_BUSY when it is still being read. */
int retriever_snapshot(struct retriever *r, const char *tenant, const char *collection,
                       struct snapshot **out);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s); /* NULL is fine */

uint64_t snapshot_epoch(const struct snapshot *s);
size_t snapshot_chunks(const struct snapshot *s);
size_t snapshot_documents(const struct snapshot *s);

/* The epoch alone, without taking a snapshot: for a cache look-up. 0: no such collection, or not
 * yet. */
uint64_t retriever_epoch(struct retriever *r, const char *tenant, const char *collection);

/* False: there is no such collection. True: there is, or may be, because not all are read. */
bool retriever_may_have(struct retriever *r, const char *tenant, const char *collection);

/* Waits until the collection's state is another than that of `epoch`, or the collection is gone;
 * ERR_TIMEOUT when neither came. For whoever met ERR_GONE: between a change's commit and its
 * becoming visible, rows are gone that the current snapshot still shows. */
int retriever_wait_past(struct retriever *r, const char *tenant, const char *collection,
                        uint64_t epoch, int timeout_ms);

/* Hits in `mem`. Filters are applied inside, never after. Deterministic for one snapshot.
 * Summaries are no hits, unless the filter asks for them by `_kind`. ERR_GONE when the vector is of
 * another model than the snapshot: take both anew. */
int snapshot_search(struct snapshot *s, const struct search_spec *spec, struct arena *mem,
                    struct hits *out);

/* The passages of hits, in the same order, in one read transaction. ERR_GONE when a row has
 * vanished or changed since: retriever_wait_past the snapshot's epoch, take a new one and search
 * again. */
int snapshot_fetch(struct snapshot *s, const struct hits *hits, struct arena *mem,
                   struct passage *out);

/* Each of the n fetched passages followed by its neighbours: the chunks up to `window`
 * (0..SEARCH_WINDOW_MAX) places before and after it in its document, in order. A chunk comes once:
 * as itself when it is a hit, else beside the best hit that it is near. Neighbours are what stands
 * around a hit and need not pass the filter themselves. ERR_GONE as above. */
int snapshot_widen(struct snapshot *s, const struct passage *hits, size_t n, int window,
                   struct arena *mem, struct passage **out, size_t *n_out);

/* How rare a word of the question is here: its BM25 idf, 0 for a word that no chunk has. */
double snapshot_idf(struct snapshot *s, struct str stemmed_word);

/* ---- writing ---- */

/* What became of one document. */
struct upsert_result {
    int rc;             /* ERR_OK, or why it was refused */
    const char *reason; /* for a human, in the arena; NULL when it was not */
};

/* Writes whole documents, durable and visible when it returns. ERR_GONE, and nothing is written,
 * when the vectors are not of the model in force (retriever_switch): embed again. Documents are
 * independent: results [n] says of each what became of it; refused are a clash of roots or chunk
 * ids, a limit, a vector of another dimension or not finite, and (ERR_NOT_FOUND) what was to be
 * written over a document that is not there any more as it was. Of a key that comes twice the last
 * is written and its result stands for both. Returns ERR_OK when at least the transaction stands.
 */
int retriever_upsert(struct retriever *r, const char *tenant, const char *collection,
                     struct upsert *docs, size_t n, struct arena *mem,
                     struct upsert_result *results);

/* Removes documents by key; *n_removed counts those that were there. */
int retriever_remove(struct retriever *r, const char *tenant, const char *collection,
                     const struct str *keys, size_t n, size_t *n_removed);

/* With the settings it has from now on (index/collection_settings.h); "" is {}. ERR_EXISTS. */
int retriever_create_collection(struct retriever *r, const char *tenant, const char *collection,
                                struct str settings);

/* Replaces the settings. When its words are to be cut otherwise, the collection's index is made
 * anew beside the current one, which goes on answering, and takes its place in one step; the epoch
 * moves. ERR_NOT_FOUND, ERR_ARGUMENT; ERR_BUSY while another such change is under way, or one of
 * model. */
int retriever_set_settings(struct retriever *r, const char *tenant, const char *collection,
                           struct str settings);
int retriever_drop_collection(struct retriever *r, const char *tenant, const char *collection);

/* From one model to another, for all collections at one moment. What is embedded is the caller's
 * matter; see ingest/reembed.h for the whole.
 *
 *   rounds       embed_missing, then states of all collections under the new model beside the
 *                current ones; again for what came meanwhile, until a round is short
 *   transaction  what came since the last round: embed_changed, states caught up, every epoch
 *                moved, the store's model is `model`
 *   published    switched(), then all new states at once; questions under way keep theirs
 *
 * Nothing is different for anybody before the transaction is durable. ERR_BUSY while another
 * one is under way, or a change of settings. */
struct model_switch {
    struct store_model model;
    size_t dim;
    /* Makes vectors for all chunks that have none. */
    int (*embed_missing)(void *arg);
    /* The same for the documents of one collection that changed after `epoch`, on the writer's
     * thread. ERR_BUSY when they are too many to hold it up for. */
    int (*embed_changed)(void *arg, struct store_tx *tx, int64_t collection, uint64_t epoch);
    void (*switched)(void *arg); /* on the writer's thread; cannot fail */
    void *arg;
};
int retriever_switch(struct retriever *r, const struct model_switch *how);

/* What a snapshot's vectors are of; lives as long as the retriever. */
const struct digest *snapshot_model(const struct snapshot *s);

/* Told after every change, on the writer thread, before the change is acknowledged: the answer
 * cache purges what cited a removed or replaced document. */
typedef void (*document_gone_fn)(void *arg, const char *tenant, const char *collection,
                                 struct str document_key);
void retriever_on_document_gone(struct retriever *r, document_gone_fn fn, void *arg);

/* How the collection's words are cut, and analyzers that cut them so, and are warm; both live as
 * long as the retriever. */
const struct word_settings *snapshot_words(const struct snapshot *s);
struct analyzers *snapshot_analyzers(const struct snapshot *s);

/* Index memory in bytes, for /metrics and bench. */
size_t retriever_bytes(struct retriever *r);

/* Of all collections together; summaries are counted in segments and bytes alone. */
struct retriever_totals {
    size_t collections, documents, chunks, segments, bytes;
};
void retriever_totals(struct retriever *r, struct retriever_totals *out);
