/* shared_value.h - an answer as the bytes that replicas pass to each other.
 *
 *   offset  size  meaning
 *        0     1  version (1)
 *        1    32  checksum: digest of the prompt's hash and of all that follows
 *       33    32  scope: digest of tenant and collection
 *       65     8  stored_ms, since 1970
 *       73     8  ttl_ms, from then on
 *       81     8  tokens that a language model read for it
 *       89     8  tokens that it wrote
 *       97     8  microseconds that it took
 *      105     8  money, a double's bits
 *      113     4  bytes of the body
 *      117     4  number of documents
 *      121     1  1: made before anybody asked
 *      122     -  for each document 4 bytes of length, then its key
 *        -     -  the body, zstd
 *
 * Numbers are little-endian. The prompt's hash is in the checksum, so that a value under another's
 * key is no answer. A checksum finds damage, not malice: who may write there may write answers.
 *
 * Threads  free of state.
 * Limits   SHARED_BODY_MAX, SHARED_DOCUMENTS_MAX, SHARED_DOCUMENT_MAX, SHARED_TTL_MAX_MS.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"

#define SHARED_BODY_MAX      ((size_t)8 << 20)
#define SHARED_DOCUMENTS_MAX 256
#define SHARED_DOCUMENT_MAX  4096 /* bytes of a key */
#define SHARED_TTL_MAX_MS    ((int64_t)366 * 86400 * 1000)

struct shared_scope {
    const char *tenant, *collection;
};

struct shared_answer {
    struct str body;
    int64_t stored_ms, ttl_ms;              /* it lives until stored_ms + ttl_ms */
    int64_t tokens_in, tokens_out, made_us; /* what it took */
    double cost;
    bool precomputed;
    const struct str *documents; /* keys of those it shows, all of the scope's collection */
    size_t n_documents;
};

/* Adds the bytes to `out`. ERR_LIMIT names the limit; then nothing was added. */
int shared_value_pack(const struct digest *prompt_hash, const struct shared_scope *scope,
                      const struct shared_answer *answer, struct buf *out);

/* Reads them into `mem`. ERR_FORMAT: damaged, of another version or another prompt; ERR_NOT_FOUND:
 * of another scope, or its life is over. */
int shared_value_unpack(struct str bytes, const struct digest *prompt_hash,
                        const struct shared_scope *scope, int64_t now_ms, struct arena *mem,
                        struct shared_answer *out);

/* What names a document, or with document.p NULL the collection, among all tenants'. */
struct digest shared_scope_digest(const struct shared_scope *scope, struct str document);
