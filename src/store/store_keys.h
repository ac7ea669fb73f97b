/* store_keys.h - the API keys of a folder.
 *
 * A key itself is never stored, only its SHA-256. A row is written once and changed once, when the
 * key is revoked; it stays, so that an id never comes to mean another key and a folder that had
 * keys never opens to everybody by losing the last one.
 *
 * Threads  as store.h.
 * Limits   STORE_KEYS_MAX rows; a text of a row STORE_KEY_TEXT_MAX bytes (ERR_LIMIT).
 */
#pragma once
#include "store/store.h"

#define STORE_KEYS_MAX     10000
#define STORE_KEY_TEXT_MAX 8192

struct key_row {
    int64_t id; /* set by store_tx_add_key */
    struct digest hash;
    const char *name, *tenant, *role;
    const char *collections; /* "a,b"; "": all of the tenant */
    const char *filter;      /* canonical JSON; "": none */
    int64_t requests_per_minute, tokens_per_minute, tokens_per_day, concurrency; /* 0: no limit */
    int64_t created_ms;
    int64_t expires_ms; /* 0: never */
    int64_t revoked_ms; /* 0: not */
};

int store_tx_add_key(struct store_tx *tx, struct key_row *row);

/* *was: it was already revoked. ERR_NOT_FOUND: there is no such key. */
int store_tx_revoke_key(struct store_tx *tx, int64_t id, int64_t now_ms, bool *was);

/* All, oldest first. Rows are borrowed during fn; its negative return stops the walk and is
 * returned. */
typedef int (*key_fn)(void *arg, const struct key_row *row);
int store_each_key(struct store_reader *r, key_fn fn, void *arg);
