/* idempotency.h - a request that is sent again with its key gets the first reply again, and its
 * work is done once (draft-ietf-httpapi-idempotency-key-header-07).
 *
 *   begin  a new name:                       0, the caller works and says end
 *          known, same content, finished:    1 and the reply
 *          known, same content, under way:   ERR_EXISTS (409: the draft has no waiting)
 *          known, another content:           ERR_MISMATCH (422)
 *   end    keeps the reply, or forgets the name so that it may be tried again
 *
 * A name is a digest of who asks and the key. Replies are kept for IDEMPOTENCY_TTL_MS from the
 * first request, in memory, the oldest giving way over the bounds; after that, and after a restart,
 * the work is done again. For documents that is only a waste: the same ones are `unchanged`.
 *
 * Threads  locked.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"

#define IDEMPOTENCY_KEY_MAX   255
#define IDEMPOTENCY_TTL_MS    (24 * 3600 * (int64_t)1000)
#define IDEMPOTENCY_ENTRIES   10000
#define IDEMPOTENCY_BYTES     (32u << 20)
#define IDEMPOTENCY_REPLY_MAX (4u << 20) /* a longer reply is not kept */

struct idempotency;

struct idempotency *idempotency_new(size_t entries_max, size_t bytes_max);
void idempotency_free(struct idempotency *t);

/* The key in a field's value: a string in double quotes (RFC 8941), as the draft has it, or without
 * them, as most clients send it; 1 to IDEMPOTENCY_KEY_MAX visible ASCII characters (in quotes: and
 * spaces). ERR_FORMAT. */
int idempotency_key(struct str value, struct arena *mem, struct str *out);

struct kept_reply {
    int status;
    struct str lines; /* of the head, each with CRLF */
    struct str body;
    int rc; /* < 0: a refusal, and body its sentence */
};

/* now_ms: monotonic. *out in `mem`. */
int idempotency_begin(struct idempotency *t, const struct digest *name,
                      const struct digest *content, int64_t now_ms, struct arena *mem,
                      struct kept_reply *out);

/* reply NULL: nothing is kept. */
void idempotency_end(struct idempotency *t, const struct digest *name,
                     const struct kept_reply *reply);
