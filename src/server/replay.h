/* replay.h - the events of an answer: written once, read by whoever streams it, kept a while.
 *
 * A log is appended to, then finished. Readers are cursors over it, so the first client, one that
 * reconnects with Last-Event-ID and, later, a language model that still writes all share it.
 * Finished logs are kept REPLAY_KEEP_MS by generation id, within REPLAY_BYTES_MAX.
 *
 * Threads  confined to one loop. A client that reconnects to another loop starts again.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

#define REPLAY_KEEP_MS   60000
#define REPLAY_BYTES_MAX (8u << 20)
#define REPLAY_ID_BYTES  33 /* 32 hex digits and NUL */

struct replay;
struct event_log;

struct event {
    const char *name; /* static */
    struct str data;  /* JSON */
};

struct replay *replay_new(void);
void replay_free(struct replay *r);
void replay_expire(struct replay *r, int64_t now_ms);

/* `request` names what was asked: only the same request may continue the log. */
struct event_log *event_log_new(const struct digest *request);
void event_log_add(struct event_log *l, const char *name, struct str data);
struct event_log *event_log_ref(struct event_log *l);
void event_log_unref(struct event_log *l);

const char *event_log_id(const struct event_log *l); /* 128 random bits */
size_t event_log_count(const struct event_log *l);
struct event event_log_at(const struct event_log *l, size_t i);

/* Keeps a finished log for those who come back. */
void replay_keep(struct replay *r, struct event_log *l, int64_t now_ms);

/* The log that `last_event_id` ("GENERATION-N") belongs to, a reference, and the index of the
 * next event; NULL when it is not known or was another request. */
struct event_log *replay_find(struct replay *r, struct str last_event_id,
                              const struct digest *request, size_t *next);
