#include "cache/savings.h"

/* Of one answer, as far as it is counted: billionths stay within 64 bits. */
#define COST_MAX 1e6

static void add(atomic_uint_least64_t *n, uint64_t more)
{
    if (more) /* most answers are quoted: no tokens, no money */
        atomic_fetch_add_explicit(n, more, memory_order_relaxed);
}

static uint64_t get(const atomic_uint_least64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

void savings_add(struct savings *s, const struct lru_value *again, uint64_t spent_ns)
{
    uint64_t spent_us = spent_ns / 1000;

    add(&s->answers, 1);
    add(&s->us, again->made_us > spent_us ? again->made_us - spent_us : 0);
    add(&s->tokens_in, again->tokens_in);
    add(&s->tokens_out, again->tokens_out);
    add(&s->cost_nano, (uint64_t)((again->cost < COST_MAX ? again->cost : COST_MAX) * 1e9 + 0.5));
}

void savings_read(const struct savings *s, struct savings_stats *out)
{
    out->answers = get(&s->answers);
    out->ms = (double)get(&s->us) / 1e3;
    out->tokens_in = get(&s->tokens_in);
    out->tokens_out = get(&s->tokens_out);
    out->cost = (double)get(&s->cost_nano) / 1e9;
}
