/* token_bucket.h - how much of something may be taken a minute, told by what is owed.
 *
 *   owed  0 .......... limit ........ more (costs that are known afterwards)
 *         full bucket  empty          below empty: nothing until it is paid off
 *
 * A bucket holds a whole minute's worth, so somebody who was quiet may take all of it at once, and
 * it fills continuously: what is paid off in a millisecond is limit / 60000. All zeros is a full
 * one. What is owed is kept in sixty-thousandths of a unit, so nothing is ever rounded, and a wait
 * is exact: one millisecond less is refused.
 *
 * The limit is told with each call, so it may change; a limit is 1..TOKEN_BUCKET_MAX. Time comes
 * from outside, in milliseconds of a clock that is the caller's own; one that goes back counts as
 * one that stands still.
 *
 * Threads  confined.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define TOKEN_BUCKET_WINDOW_MS 60000
#define TOKEN_BUCKET_MAX       1000000000000 /* what is owed stays exact in an int64_t */

struct token_bucket {
    int64_t owed;  /* in 1 / TOKEN_BUCKET_WINDOW_MS of a unit */
    int64_t at_ms; /* as of then */
};

/* Takes n units whether they are there or not (n < 0: gives them back); more than fits is not
 * owed. */
void token_bucket_spend(struct token_bucket *b, int64_t limit, int64_t now_ms, int64_t n);

/* Whether n units are there now. */
bool token_bucket_has(const struct token_bucket *b, int64_t limit, int64_t now_ms, int64_t n);

/* Whole units that are there; 0 when it is below empty. */
int64_t token_bucket_left(const struct token_bucket *b, int64_t limit, int64_t now_ms);

/* In how many ms n units (at most the limit) are there, and in how many it is full, if nobody takes
 * any. */
int64_t token_bucket_wait_ms(const struct token_bucket *b, int64_t limit, int64_t now_ms,
                             int64_t n);
int64_t token_bucket_full_ms(const struct token_bucket *b, int64_t limit, int64_t now_ms);
