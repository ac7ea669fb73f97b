/* gather.h - callers who must wait anyway ask together.
 *
 *   ask --fewer than max_calls run--> calls at once, with its one text
 *    |
 *    +--else--> waits --a call ends--> one of those who wait calls with the texts of all
 *
 * No timer forms a batch and a lone caller never waits: while the server is free every text goes by
 * itself, and the busier it is, the more texts share a request.
 * Deadlines  each caller keeps its own and leaves when it is over; the call goes on for the others.
 *            Who of a batch makes the call is the one with the most time: the call may last as long
 *            as the most patient wants, and its caller is not held beyond what it asked for itself.
 * Slow calls a call that lasts longer than patience_ms is not counted any more, so that one that
 *            hangs holds up nobody else; with one text a caller there are never more than callers.
 * Errors     of a call reach everybody in it, with the text. ERR_ARGUMENT of a call with several
 *            texts means that one of them may be the reason: then each is asked for alone, by its
 *            own caller and all at once, as if they had never met.
 * Threads    locked; a call is made on the thread of one of its callers, with no lock held.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Vectors of n texts in their order, within the time.
 *   out  [n, dim], untouched when the call fails   */
typedef int (*gather_fn)(void *arg, const struct str *texts, size_t n, int64_t within_ms,
                         float *out);

struct gather_options {
    gather_fn fn;
    void *arg;
    const char *name; /* of who is asked, for errors; borrowed until gather_free */
    size_t dim;
    int max_calls;                  /* at a time, at least 1 */
    const atomic_size_t *batch_max; /* texts of a call, at least 1; may change; borrowed as name */
    int64_t patience_ms;
};

struct gather;

struct gather *gather_new(const struct gather_options *o);
void gather_free(struct gather *g); /* nobody asks any more */

/* The vector of a text. ERR_TIMEOUT when within_ms are over, else what the call gave.
 *   within_ms  at least 1, waiting included
 *   out        [dim], untouched when it fails   */
int gather_ask(struct gather *g, struct str text, int64_t within_ms, float *out);

size_t gather_waiting(struct gather *g); /* callers who are in no call yet */
