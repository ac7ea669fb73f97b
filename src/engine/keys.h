/* keys.h - API keys: who asks, and what that one may do, see and spend.
 *
 *   "ragd_" 43 characters of base64url (32 random bytes) -> SHA-256 -> struct caller
 *
 * Rows are the store's (store/store_keys.h); here is a table of them in memory, replaced as a whole
 * when a key is added or revoked, so that both count for the next request. A key is looked up by
 * its hash and the hashes compared in constant time: what a guess shares with a real key shows
 * nowhere.
 *
 * While a folder has never had a key, everybody who reaches the server is its operator; from the
 * first key on (also when that is revoked) only the local socket is.
 *
 * Threads  locked.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "engine/caller.h"

struct keys;
struct store;

#define KEY_PREFIX     "ragd_"
#define KEY_TEXT_BYTES (sizeof KEY_PREFIX - 1 + 43 + 1) /* with NUL */

/* The tenant of whoever needs no key is `tenant`. */
int keys_open(struct keys **out, struct store *s, const char *tenant);
void keys_close(struct keys *k); /* NULL is fine */

/* Whether a key is needed: there is one, or was. */
bool keys_needed(struct keys *k);

/* Another number after each change of what keys_find and keys_needed say, but for keys that expire.
 * Taken before they are asked, it tells for how long their answer holds. */
uint64_t keys_version(const struct keys *k);

/* Who may do everything in the tenant that the configuration names; a reference. */
struct caller *keys_operator(struct keys *k);

/* Who has this key; a reference, or NULL when there is none that is valid now. */
struct caller *keys_find(struct keys *k, struct str key, int64_t now_ms);

/* ---- for the command ---- */

struct key_spec {
    const char *name; /* may be "" */
    const char *tenant;
    const char *role;
    const char *collections; /* "a,b"; "" or NULL: all */
    const char *filter;      /* an expression (index/filter.h); "" or NULL: none */
    struct key_limits limits;
    int64_t expires_ms;
};

/* Makes a key: its text, which is shown now and never again, and its id. ERR_ARGUMENT says what of
 * the spec is wrong (engine/caller.h). */
int keys_add(struct keys *k, const struct key_spec *spec, char text[KEY_TEXT_BYTES], int64_t *id);

/* ERR_NOT_FOUND; *was: it was revoked before. */
int keys_revoke(struct keys *k, int64_t id, bool *was);
