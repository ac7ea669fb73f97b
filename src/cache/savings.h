/* savings.h - what answers that were served again did not cost again.
 *
 * An answer remembers what it took to make (struct lru_value): time, tokens, money. Served again it
 * saves the tokens and the money, and the time but for what serving took.
 *
 * Threads  atomic.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "cache/lru.h"

/* All zero: nothing yet. */
struct savings {
    atomic_uint_least64_t answers, us, tokens_in, tokens_out, cost_nano;
};

void savings_add(struct savings *s, const struct lru_value *again, uint64_t spent_ns);

struct savings_stats {
    uint64_t answers; /* served again whose making is known */
    double ms;
    uint64_t tokens_in, tokens_out;
    double cost;
};

void savings_read(const struct savings *s, struct savings_stats *out);
