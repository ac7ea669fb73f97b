/* store_answers.h - answers that outlive the process: those computed beforehand and popular ones.
 *
 * An answer is known by the hash of its prompt, as in every other tier; a copy of the store may use
 * it, whatever its epochs are. An index from documents to answers sees to it that an answer leaves
 * in the very transaction that deletes or replaces a document it shows, overwritten like all that
 * is deleted. A run that read a document before such a change cannot put its answer after it.
 *
 * An answer whose row is damaged counts as none, and is told by store_check.
 *
 * Threads  as store.h.
 * Limits   STORE_ANSWER_MAX, STORE_ANSWER_DOCUMENTS_MAX, STORE_ANSWER_TTL_MAX_MS (ERR_LIMIT); how
 * many bytes they take together is the caller's to say (store_tx_trim_answers).
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

#define STORE_ANSWER_MAX           (8u << 20) /* bytes of a body */
#define STORE_ANSWER_DOCUMENTS_MAX 256
#define STORE_ANSWER_TTL_MAX_MS    ((int64_t)366 * 86400 * 1000)

enum answer_kind { ANSWER_POPULAR, ANSWER_PRECOMPUTED };

struct answer_row {
    struct digest prompt_hash;
    int64_t collection;
    enum answer_kind kind;
    int64_t stored_ms, ttl_ms;   /* it lives until stored_ms + ttl_ms */
    int64_t hits;                /* how often it was asked for; told by store_tx_answer_hits */
    int64_t tokens_in;           /* what another run would read */
    int64_t tokens_out;          /* and write */
    int64_t made_us;             /* how long it took; 0: not known */
    double cost;                 /* in the money of the prices; likewise */
    int64_t n_packed;            /* bytes on disk; told, never taken */
    struct str body;             /* empty unless asked for */
    const struct str *documents; /* keys of those it shows; NULL unless asked for */
    size_t n_documents;
};

/* ---- writing ---- */

/* Keeps an answer, instead of one that is there. `epoch`: of the snapshot it was made from.
 * ERR_GONE when a document that it shows is not there, or was changed later; ERR_NOT_FOUND: no such
 * collection. */
int store_tx_put_answer(struct store_tx *tx, const struct answer_row *row, int64_t epoch);

/* It was asked for n times more; fine when it is not there. */
int store_tx_answer_hits(struct store_tx *tx, const struct digest *prompt_hash, int64_t n);

/* Those whose life is over at now_ms; how many they were. */
int store_tx_forget_expired(struct store_tx *tx, int64_t now_ms, int64_t *n);

/* Until the rest takes at most n_bytes: popular ones before precomputed ones, then those asked for
 * least, then the oldest. */
int store_tx_trim_answers(struct store_tx *tx, int64_t n_bytes, int64_t *n);

/* All of them. */
int store_tx_clear_answers(struct store_tx *tx);

/* ---- reading ---- */

/* With body and documents. ERR_NOT_FOUND: none in this collection, its life is over at now_ms, or
 * it is damaged. */
int store_find_answer(struct store_reader *r, int64_t collection, const struct digest *prompt_hash,
                      int64_t now_ms, struct arena *mem, struct answer_row *out);

/* All of a collection (0: of all), most asked for first, at most `limit` (0: all), without body and
 * documents. fn's negative return stops the walk and is returned. */
typedef int (*answer_fn)(void *arg, const struct answer_row *row);
int store_each_answer(struct store_reader *r, int64_t collection, size_t limit, answer_fn fn,
                      void *arg);
