/* redis.h - what replicas share in a Redis: a few commands over a small pool of connections.
 *
 *   command --breaker lets it through--> a connection, idle or new --> reply of the right type
 *             |                                                          +--> anything else:
 * failure
 *             +--open: fails at once
 *
 * Redis is never the truth here and nobody depends on it. Down, slow, full, lying: all is the same
 * ERR_UNAVAILABLE, within the time-out, and the caller goes on as if there were none. Five
 * failures in a row and nobody waits for it until a command a while later succeeds (net/breaker.h);
 * the log has a line when that begins and one when it ends.
 * A connection whose reply was late or wrong is closed: what comes on it next might be another's.
 *
 * Errors   ERR_UNAVAILABLE, whose text is for a log; ERR_LIMIT: more than REDIS_VALUE_MAX bytes to
 *          send. The password is in none of them.
 * Threads  any number of calls at once, each on a connection of its own; REDIS_IDLE_MAX are kept.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define REDIS_IDLE_MAX  16
#define REDIS_VALUE_MAX ((size_t)16 << 20) /* bytes of a value, both ways */
#define REDIS_WORDS_MAX 1024               /* of a command; a script's keys are the most */

struct redis;

/* Connects to nobody yet. timeout_ms (at least 1): of one command, connecting included.
 * ERR_ARGUMENT, ERR_UNSUPPORTED: see net/redis_url.h. */
int redis_open(struct redis **out, const char *url, int timeout_ms);
void redis_close(struct redis *r); /* no call is running */

/* The URL without user and password. */
const char *redis_shown(const struct redis *r);

int redis_ping(struct redis *r);

/* 1: the value was added to `out`; 0: there is none. */
int redis_get(struct redis *r, struct str key, struct buf *out);

/* Kept for `life_ms` (at least 1). */
int redis_set(struct redis *r, struct str key, struct str value, int64_t life_ms);

/* The same unless the key is there; 1: set, 0: it is there. */
int redis_set_new(struct redis *r, struct str key, struct str value, int64_t life_ms);

int redis_delete(struct redis *r, struct str key); /* 1: it was there, 0: not */

/* If the key still has this value, deletes it, or lets it live for `life_ms` from now. 1: done. */
int redis_delete_if(struct redis *r, struct str key, struct str value);
int redis_renew_if(struct redis *r, struct str key, struct str value, int64_t life_ms);

/* Runs a script that replies with a number. Keys and words: REDIS_WORDS_MAX - 3 at most together.
 * A script is compiled by the server once, whoever sends it. */
int redis_eval(struct redis *r, const char *script, const struct str *keys, size_t n_keys,
               const struct str *words, size_t n_words, int64_t *out);

/* The same of a script that replies with a text, which is added to `out`. It is sent by its SHA-1
 * (EVALSHA), and whole where the server does not have it yet. */
int redis_run(struct redis *r, const char *script, const struct str *keys, size_t n_keys,
              const struct str *words, size_t n_words, struct buf *out);

struct redis_stats {
    uint64_t calls, failures; /* sent, or tried to */
    uint64_t refused;         /* by the breaker, unsent */
    uint64_t hits, misses;    /* of redis_get */
    bool open;                /* the breaker: it is left alone for a while */
};
void redis_stats_get(struct redis *r, struct redis_stats *out);
