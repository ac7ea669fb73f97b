/* breaker.h - stops asking a server that does not answer, and notices when it does again.
 *
 *   closed --5 failures in a row--> open --wait over--> one probe --works--> closed
 *                                    ^                     |
 *                                    +------fails, the wait doubles (1 s .. 8 s)
 *
 * Pattern  Nygard 2007, "Release It!", circuit breaker.
 * While it is open, callers learn at once that the server is not there instead of each waiting for
 * its own deadline. The clock is the caller's, so a test needs none.
 *
 * Threads  locked; the caller waits for its server with no lock held.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES    5
#define BREAKER_WAIT_MS     1000
#define BREAKER_WAIT_MS_MAX 8000

struct breaker;

enum breaker_pass {
    BREAKER_REFUSED, /* fail at once; nothing to give back */
    BREAKER_CALL,    /* call, then breaker_leave or breaker_forgo */
    BREAKER_PROBE,   /* the one caller who finds out, then breaker_leave or breaker_forgo */
};

struct breaker *breaker_new(void);
void breaker_free(struct breaker *b);

/* now_ms of any clock that only goes forward. A refused caller reads in *wait_ms (may be NULL)
 * when the next probe may go, 0 when one is under way. */
enum breaker_pass breaker_enter(struct breaker *b, int64_t now_ms, int64_t *wait_ms);

enum breaker_change { BREAKER_STAYED, BREAKER_OPENED, BREAKER_CLOSED };

/* How the call that was let through ended. `ok`: the server answered sensibly, even if it
 * refused. A failure that began before the breaker opened does not lengthen the wait. Tells what
 * became of the breaker, each change to one caller; a probe that fails is none. */
enum breaker_change breaker_leave(struct breaker *b, enum breaker_pass pass, bool ok,
                                  int64_t now_ms);

/* Takes back what breaker_enter let through: the call taught nothing (its caller left). The next
 * caller of an open breaker may be the probe. */
void breaker_forgo(struct breaker *b, enum breaker_pass pass);

bool breaker_is_open(struct breaker *b);
