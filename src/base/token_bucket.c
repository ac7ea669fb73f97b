#include "base/token_bucket.h"

#include "base/check.h"

#define UNIT     ((int64_t)TOKEN_BUCKET_WINDOW_MS)
#define OWED_MAX (INT64_MAX / 2)

/* Now. Who was away for longer than it takes owes nothing. */
static int64_t owed(const struct token_bucket *b, int64_t limit, int64_t now_ms)
{
    int64_t past_ms = now_ms - b->at_ms;

    DCHECK(limit > 0);
    DCHECK(limit <= TOKEN_BUCKET_MAX);
    if (past_ms <= 0)
        return b->owed;
    return past_ms >= b->owed / limit + 1 ? 0 : b->owed - past_ms * limit;
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

void token_bucket_spend(struct token_bucket *b, int64_t limit, int64_t now_ms, int64_t n)
{
    int64_t cost = clamp(n, -TOKEN_BUCKET_MAX, TOKEN_BUCKET_MAX) * UNIT;

    b->owed = clamp(owed(b, limit, now_ms) + cost, 0, OWED_MAX);
    b->at_ms = now_ms > b->at_ms ? now_ms : b->at_ms;
}

bool token_bucket_has(const struct token_bucket *b, int64_t limit, int64_t now_ms, int64_t n)
{
    return owed(b, limit, now_ms) <= (limit - n) * UNIT;
}

int64_t token_bucket_left(const struct token_bucket *b, int64_t limit, int64_t now_ms)
{
    int64_t left = limit * UNIT - owed(b, limit, now_ms);

    return left > 0 ? left / UNIT : 0;
}

/* Until `much` is paid off, from a clock that may stand still first. */
static int64_t until_paid(const struct token_bucket *b, int64_t limit, int64_t now_ms, int64_t much)
{
    if (much <= 0)
        return 0;
    return (much + limit - 1) / limit + (b->at_ms > now_ms ? b->at_ms - now_ms : 0);
}

int64_t token_bucket_wait_ms(const struct token_bucket *b, int64_t limit, int64_t now_ms, int64_t n)
{
    return until_paid(b, limit, now_ms, owed(b, limit, now_ms) - (limit - n) * UNIT);
}

int64_t token_bucket_full_ms(const struct token_bucket *b, int64_t limit, int64_t now_ms)
{
    return until_paid(b, limit, now_ms, owed(b, limit, now_ms));
}
