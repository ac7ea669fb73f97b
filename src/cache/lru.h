/* lru.h - sharded cache of shared byte strings: least recently used goes first, within a budget.
 *
 * Keys are digests. A value is immutable, counted, and may outlive its place in the cache. Each
 * entry has a time to live counted from when it was stored; a hit does not prolong it.
 *
 * Threads  locked: one mutex a shard, held for a look-up only.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

struct lru;

/* Owned by whoever holds a reference; freed with the last one. Immutable once it is shared, but for
 * the counts. */
struct lru_value {
    size_t n, n_tail;  /* the tail lies behind the n bytes and belongs to whoever made the value */
    int64_t stored_ms; /* wall clock */
    int64_t ttl_ms;
    uint32_t tokens_in, tokens_out; /* what it took of a language model; 0: nothing */
    uint32_t n_question;            /* see lru_value_question; 0 in whatever a cache holds */
    uint32_t made_us;               /* from the question to the answer; 0: not known */
    float cost;                     /* in the money of the prices; 0: nothing, or not known */
    bool precomputed;               /* before anybody asked */
    atomic_bool durable;            /* the store has it (cache/tiers.h) */
    atomic_uint asked;              /* again, since it was made */
    _Alignas(uint64_t) char bytes[];
};

struct lru_stats {
    uint64_t hits, misses, evictions, expirations, insertions;
    size_t entries, bytes, bytes_max;
};

/* A value with one reference that no cache holds yet; the bytes are copied. What it took is the
 * caller's to fill in, before anybody else has it. */
struct lru_value *lru_value_new(const void *p, size_t n, int64_t ttl_ms);
struct lru_value *lru_value_new_with(struct str bytes, struct str tail, int64_t ttl_ms);
struct lru_value *lru_value_ref(struct lru_value *v);
void lru_value_unref(struct lru_value *v); /* NULL is fine */

/* A copy of a reply, of the same age, which says of what question it is the answer because another
 * was asked; for those who are answered now, not for a cache. */
struct lru_value *lru_value_answering(const struct lru_value *v, struct str question);
struct str lru_value_question(const struct lru_value *v); /* that question; NULL: the one asked */

struct lru *lru_new(size_t bytes_max, int n_shards);
void lru_free(struct lru *c);

/* A reference, or NULL when it is not there or has lived its time. */
struct lru_value *lru_get(struct lru *c, const struct digest *key);

/* Whether a live entry is there; touches neither order nor counters. */
bool lru_has(struct lru *c, const struct digest *key);

/* Keeps a reference of its own. One that is larger than a shard's budget is not kept (false). */
bool lru_put(struct lru *c, const struct digest *key, struct lru_value *value);
bool lru_remove(struct lru *c, const struct digest *key);
void lru_clear(struct lru *c);

/* Drops what was used longest ago, until at most this share of the bytes in each shard is left. */
void lru_shrink(struct lru *c, double share);
void lru_stats_get(struct lru *c, struct lru_stats *out);
