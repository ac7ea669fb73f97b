/* embedded.h - what the files of the embedded retriever share; nobody outside includes it.
 *
 *   embedded.c           the table of collections, opening, reading
 *   embedded_open.c      collections are read at start, beside everything else if asked so
 *   embedded_context.c   what states are made with: model and words
 *   embedded_load.c      a collection from its index files, or from the store
 *   embedded_step.c      from one state to the next
 *   embedded_write.c     upsert, remove, create, drop
 *   embedded_rebuild.c   states made beside the current ones take their place
 *   embedded_model.c     so all collections at once, to another model
 *   embedded_settings.c  so one collection, to other words
 *   embedded_seal.c      what is new goes into index files
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "index/retriever.h"
#include "index/snapshot.h"

struct sealer;

struct retriever {
    struct store *store;
    struct pool *pool;
    struct word_settings words; /* of collections that do not say otherwise */
    char *index_dir;            /* NULL: nothing on disk */
    struct sealer *sealer;      /* NULL likewise */
    size_t seal_chunks;         /* as retriever_options says, never 0 */
    int seal_idle_ms;
    atomic_bool rebuilding; /* states: nothing is sealed, so no change is forgotten */

    pthread_mutex_t mu;                  /* guards the fields below */
    pthread_cond_t published;            /* told of every new state */
    struct index_context *contexts;      /* all that were made; they stay until the end */
    const struct index_context *context; /* of the present model and `words` */
    struct map *collections;             /* "tenant\0name" -> struct snapshot *, the current one */
    struct map *coming; /* likewise, built but not yet committed; borrowed, 0: will be gone */
    document_gone_fn gone;
    void *gone_arg;
    bool opening;     /* collections of the store may be missing in the table */
    int open_rc;      /* once it is false: whether all could be read ... */
    char *open_error; /* ... and why not */

    pthread_t opener; /* the thread that reads them; joined by opening_end */
    bool has_opener;
    atomic_bool closing; /* it need not go on */
};

#define NAME_BYTES_MAX 64 /* as store.h says */

/* A collection's key in the tables. */
struct name {
    char bytes[2 * NAME_BYTES_MAX + 1];
    size_t n;
};

/* False: too long, so there is no such collection. */
bool name_of(struct name *out, const char *tenant, const char *collection);

/* The current state, or NULL; r->mu is held. */
struct snapshot *collection_find_locked(const struct retriever *r, const struct name *name);

/* The current state with a reference, or NULL. */
struct snapshot *collection_current(struct retriever *r, const struct name *name);

/* Makes `next` the current state (NULL: no such collection any more); its reference is taken. */
void collection_publish(struct retriever *r, const struct name *name, struct snapshot *next);

/* All collections of the store, their texts in `mem`; mem_free *v. */
int list_collections(struct store_reader *reader, struct arena *mem, struct collection_row **v,
                     size_t *n);

/* ---- embedded_open.c ---- */

/* Reads all collections: before it returns, or in a thread of its own. */
int opening_start(struct retriever *r, bool beside);

/* Lets that thread end and waits for it; once more does nothing. */
void opening_end(struct retriever *r);

/* The collection's state with a reference, once it has been read; *out stays NULL when there is no
 * such collection. ERR_BUSY when that takes longer than a question should wait; else what kept the
 * collections from being read. */
int opening_wait_for(struct retriever *r, const struct name *name, const char *collection,
                     struct snapshot **out);

/* Waits until all are read: nothing is changed before. Fails when they could not be. */
int opening_wait(struct retriever *r);

/* ---- embedded_context.c ---- */

/* Of the present model, with the words of collections that do not say otherwise. */
const struct index_context *context_now(struct retriever *r);

/* The one that is as `like` but for the words: each is made once. ERR_ARGUMENT: no such language.
 */
int context_with(struct retriever *r, const struct index_context *like,
                 const struct word_settings *words, const struct index_context **out);

/* What a state of the collection that is made now is made with. */
int collection_context(struct retriever *r, const struct collection_row *row,
                       const struct index_context **out);

/* How the current state was cut; for one that does not exist, how it would be. */
struct word_settings collection_words(struct retriever *r, const char *tenant,
                                      const char *collection);

void contexts_free(struct index_context *newest);

/* ---- embedded_load.c ---- */

/* Makes the collection's state current. *from_files tells where it came from; then *sealed_epoch is
 * what the files cover. */
int collection_load(struct retriever *r, struct store_reader *reader,
                    const struct collection_row *row, bool *from_files, uint64_t *sealed_epoch);

/* What an index is made with (index/manifest.h). */
struct digest index_recipe(const struct index_context *context);

/* A state of what the store has now, with the vectors and words of `context`. */
int collection_build(struct retriever *r, const struct index_context *context,
                     struct store_reader *reader, const struct collection_row *row,
                     struct snapshot **out);

/* `*state` becomes what the store says now: documents that came, changed or went after `since` are
 * read again. The change log must go back that far. */
int collection_catch_up(struct retriever *r, struct store_reader *reader,
                        const struct collection_row *row, uint64_t since, struct snapshot **state);

/* ---- embedded_seal.c ---- */

/* Starts the thread that seals. A collection that came from its files is told to it before. */
struct sealer *sealer_new(struct retriever *r);
void sealer_start(struct sealer *s);
void sealer_knows(struct sealer *s, const struct name *name, uint64_t epoch);

/* A collection has a new state. All of these take NULL. */
void sealer_wake(struct sealer *s);
void sealer_collection_gone(struct sealer *s, int64_t collection);

/* Seals what is not yet in files and ends the thread. The collections are still there. */
void sealer_free(struct sealer *s);
