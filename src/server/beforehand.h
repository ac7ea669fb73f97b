/* beforehand.h - what a server answers before anybody asks: by the clock, and in idle time.
 *
 *   one thread, each BEFOREHAND_MS:
 *     the time of the day has come (precompute.at)  -> the questions of precompute.file and the
 *                                                      precompute.top most asked ones
 *     nothing has been going on for a while         -> popular questions whose documents changed,
 *                                                      precompute.per_minute of them at most
 *
 * Idle     no work waits or runs in the pool and nobody ingests, for BEFOREHAND_QUIET_MS.
 * Missed   when the server was down at that time, it is done at the next start if the last was more
 *          than a day ago. DATA/precomputed holds the time of the last (seconds since 1970).
 * File     one that cannot be read at the hour is told in the log, and the day is not counted as
 * done. Threads  start and stop belong to the server's owner.
 */
#pragma once

#define BEFOREHAND_MS       250
#define BEFOREHAND_QUIET_MS 1000
#define BEFOREHAND_LOOK_MS  1000 /* between two looks at what is popular, which copies it */

struct beforehand;
struct config;
struct engine;

/* That precompute.file can be read and has a question, where one is named. */
int beforehand_check(const struct config *c);

/* Also where the settings ask for nothing of this: they may be reloaded. */
struct beforehand *beforehand_start(struct engine *e);

/* Waits for the questions that are being answered now; the others are left. NULL is fine. */
void beforehand_stop(struct beforehand *b);
