/* flights.h - identical questions at the same moment share one run.
 *
 * The first asker of a key leads; those who come while the run lasts wait for its result. Looking
 * up and joining are one critical section, so two runs of one key never overlap.
 *
 * Threads  locked. A waiter is called back once, on the leader's thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "cache/lru.h"

struct flights;

struct flights *flights_new(void);
void flights_free(struct flights *f);

/* Gets the result (a reference, the callee's to give back) or, when the leader failed, NULL with
 * its error code and text. */
typedef void (*flight_fn)(void *arg, struct lru_value *reply, int rc, const char *error);

/* True: you lead; run it and call flights_land. False: `landed` will be called. */
bool flights_join(struct flights *f, const struct digest *key, flight_fn landed, void *arg);

/* Ends the run that this key leads and calls its waiters. reply may be NULL (rc < 0); the caller
 * keeps its own reference. Returns how many waited. */
size_t flights_land(struct flights *f, const struct digest *key, struct lru_value *reply, int rc,
                    const char *error);

/* Ends the run that this key leads unless somebody waits for it (false). */
bool flights_abandon(struct flights *f, const struct digest *key);

/* A waiter that no longer waits. False when it was called already (or is being called). */
bool flights_leave(struct flights *f, const struct digest *key, void *arg);
