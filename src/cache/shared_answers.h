/* shared_answers.h - the tier of answers that replicas share, in a Redis.
 *
 *   ragd:{UUID}:a:HASH   the answer of the prompt with this hash (cache/shared_value.h)
 *   ragd:{UUID}:d:HASH   set: hashes of the prompts whose answers show this document
 *   ragd:{UUID}:p        hash: what was purged, and when on a clock of its own (below)
 *   ragd:{UUID}:f:HASH   who answers this prompt now (cache/shared_flight.h)
 *
 * UUID is the store's (store_uuid). A copy of a store keeps it, so servers on copies of one backup
 * share their answers, and so does a store that was put back from one. That is right because
 * nothing here has an epoch in its name, which such copies may count differently: an answer is a
 * function of its prompt, whoever asks. The braces keep a store's keys together in a Cluster.
 *
 * Deleted means gone. A purge deletes the answers that show a document. An answer that was on its
 * way meanwhile must not come back, so :p counts purges: a run remembers what the counter showed
 * before it read anything (its ticket), and is refused when one of its documents was purged later:
 *
 *   s    where this counter began, a random number: other tickets are from before it was lost
 *   n    where it stands; moves by one with each purge
 *   KEY  for the key of a document's set: n when it was purged
 *
 * It begins anew when SHARED_PURGED_MAX documents are in it, and when Redis has lost it; tickets
 * from before are refused all together. What could not be purged because Redis was not there is
 * kept in memory and purged by shared_answers_refresh.
 *
 * Errors   ERR_UNAVAILABLE: as if there were no such tier. A value that is damaged, of another
 *          version or scope, or whose life is over is a miss.
 * Threads  locked; every call but shared_answers_ticket and _purge_later waits for Redis, a
 * time-out at most, with no lock held. Needs    Redis 5 or newer (scripts that pick what they
 * delete). Limits   a Redis that evicts may lose a document's set before its answers: they are then
 * out of the purge's reach until their life is over, though no prompt leads to them any more.
 *          "noeviction" or a "volatile" policy that spares is the one to choose.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "cache/shared_value.h"
#include "net/redis.h"

#define SHARED_PURGED_MAX 10000
#define SHARED_PENDING_MAX                                                                         \
    10000 /* purges in memory; beyond them all answers go when it is back                          \
           */
#define SHARED_KEY_MAX 128

struct shared_answers;

/* Both are borrowed as long as it lives. */
struct shared_answers *shared_answers_new(struct redis *r, const char *store_uuid);
void shared_answers_free(struct shared_answers *s); /* NULL is fine */

/* What the counter last showed, taken before a run reads anything; at once. An old one is always
 * right, and refuses more. 0: not known yet; a put with it is refused. */
int64_t shared_answers_ticket(struct shared_answers *s);

/* To be called now and then, say each second: purges what could not be purged, and looks at the
 * counter. */
int shared_answers_refresh(struct shared_answers *s);

/* 1: found, in `mem`; 0: not. now_ms: wall clock. */
int shared_answers_get(struct shared_answers *s, const struct digest *prompt_hash,
                       const struct shared_scope *scope, int64_t now_ms, struct arena *mem,
                       struct shared_answer *out);

/* Kept for what is left of its life. 1: stored; 0: its life is over, or one of its documents was
 * purged since the ticket. ERR_LIMIT: see cache/shared_value.h. */
int shared_answers_put(struct shared_answers *s, const struct digest *prompt_hash,
                       const struct shared_scope *scope, const struct shared_answer *answer,
                       int64_t ticket, int64_t now_ms);

/* Deletes every answer that shows this document. ERR_UNAVAILABLE: it will be, by a refresh. */
int shared_answers_purge(struct shared_answers *s, const struct shared_scope *scope,
                         struct str document);

/* Notes that it has to be purged, at once; the next refresh does it. */
void shared_answers_purge_later(struct shared_answers *s, const struct shared_scope *scope,
                                struct str document);

/* Deletes all answers of the store. */
int shared_answers_clear(struct shared_answers *s);

struct shared_answers_stats {
    uint64_t hits, misses, damaged; /* a damaged one is a miss, too */
    uint64_t stored, refused;
    uint64_t purged;  /* answers that left with a document */
    uint64_t pending; /* documents that could not be purged yet */
};
void shared_answers_stats_get(struct shared_answers *s, struct shared_answers_stats *out);

/* ---- for who keeps something beside the answers (cache/shared_flight.h) ---- */

struct redis *shared_answers_redis(const struct shared_answers *s);

/* "ragd:{UUID}:KIND:HASH" into `room`. */
struct str shared_answers_key(const struct shared_answers *s, char kind, const struct digest *hash,
                              char room[SHARED_KEY_MAX]);
