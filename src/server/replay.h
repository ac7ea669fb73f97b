/* replay.h - the events of an answer: written once, read by whoever streams it, kept a while.
 *
 *   a language model --add--> log --told--> readers: the first client, those who asked the same
 *                              |            meanwhile, those who come back with Last-Event-ID
 *                              +--finished--> kept REPLAY_KEEP_MS, within REPLAY_BYTES_MAX
 *
 * Readers are cursors over the log and are told when there is more. When the last one leaves a log
 * that is still written, its writer is told.
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

/* ---- while it is written ---- */

bool event_log_is_finished(const struct event_log *l);
void event_log_finish(struct event_log *l);

typedef void (*event_log_fn)(void *arg);

/* `fn` is told of each new event and of the end, until event_log_unwatch with the same arg. */
void event_log_watch(struct event_log *l, event_log_fn fn, void *arg);
void event_log_unwatch(struct event_log *l, void *arg);
size_t event_log_watchers(const struct event_log *l);

/* Told when the last watcher leaves before the end; NULL: nobody is. */
void event_log_on_abandoned(struct event_log *l, event_log_fn fn, void *arg);

/* A log that is being written, under what those who ask the same have in common. */
void replay_live_add(struct replay *r, const struct digest *flight, struct event_log *l);
/* A reference, or NULL. */
struct event_log *replay_live(struct replay *r, const struct digest *flight);
void replay_live_remove(struct replay *r, struct event_log *l);

/* Keeps a finished log for those who come back. */
void replay_keep(struct replay *r, struct event_log *l, int64_t now_ms);

/* The log that `last_event_id` ("GENERATION-N") belongs to, a reference, and the index of the
 * next event; NULL when it is not known or was another request. */
struct event_log *replay_find(struct replay *r, struct str last_event_id,
                              const struct digest *request, size_t *next);
