#include "ingest/summary_money.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "engine/engine.h"
#include "generate/summarize.h"

#define DAY_MS 86400000

int64_t summary_money_day(void)
{
    return clock_wall_ms() / DAY_MS;
}

void spent_add(struct spent *sum, struct spent more)
{
    sum->tokens += more.tokens;
    sum->cost += more.cost;
}

/* Three bytes a token: rather too many in English, about right where letters take three. */
static int64_t tokens_of(int64_t n_bytes)
{
    return n_bytes / 3 + 1;
}

struct spent spent_guess(const struct chat_model *model, int64_t bytes_asked, int64_t bytes_said)
{
    int64_t in = tokens_of(bytes_asked);
    int64_t out = bytes_said < 0 ? SUMMARIZE_TOKENS_MAX : tokens_of(bytes_said);

    return (struct spent){in + out,
                          ((double)in * model->price_in + (double)out * model->price_out) / 1e6};
}

int summary_money_left(struct engine *e, const struct spent *more, char *why, size_t size)
{
    const struct config *c = &e->config;
    struct store_reader *reader = store_reader_get(e->store);
    struct spent paid;
    int rc = store_find_spent(reader, summary_money_day(), &paid);

    store_reader_put(e->store, reader);
    if (rc < 0)
        return rc;
    if (c->ingest.summary_tokens && paid.tokens + more->tokens > c->ingest.summary_tokens)
        snprintf(why, size,
                 "the limit of %lld tokens a day (ingest.summary_tokens), %lld spent today",
                 (long long)c->ingest.summary_tokens, (long long)paid.tokens);
    else if (c->ingest.summary_budget > 0 && paid.cost + more->cost > c->ingest.summary_budget)
        snprintf(why, size, "the budget of %g a day (ingest.summary_budget), %g spent today",
                 c->ingest.summary_budget, paid.cost);
    return ERR_OK;
}
