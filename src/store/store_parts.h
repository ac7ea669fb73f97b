/* store_parts.h - what the files of the store share; nobody outside includes it. */
#pragma once
#include <pthread.h>
#include <zstd.h>

#include "store/db.h"
#include "store/store.h"
#include "store/writer.h"

struct store_reader {
    struct db *db;
    struct db own; /* unused in the writer's */
    int depth;     /* of read transactions, the outermost one counts */
    struct store_reader *next;
};

struct store_tx {
    struct db *db;
    struct store_reader reader;
    ZSTD_CCtx *zstd;
    bool loosened; /* temp.loose holds text hashes that may have lost their last chunk */
};

struct store {
    char *path;
    char uuid[37];
    struct writer *writer;
    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t given_back;
    struct store_reader *idle;
    int n_readers;
};

/* Ends one fn's work inside its savepoint: vectors that no chunk refers to any more go. */
int store_tx_finish(struct store_tx *tx);

/* Notes that a document comes, changes or goes with the epoch that this fn will move to. */
int store_tx_note_change(struct store_tx *tx, int64_t collection, struct str key);

/* A document goes or changes: so do the answers that show it. */
int store_tx_drop_answers_of(struct store_tx *tx, int64_t document);

/* The same for the mark that a language model has summarised it. */
int store_tx_forget_summary(struct store_tx *tx, int64_t document);

/* Read transactions that nest: statements between the two see one state. */
int store_read_enter(struct store_reader *r);
void store_read_leave(struct store_reader *r);
