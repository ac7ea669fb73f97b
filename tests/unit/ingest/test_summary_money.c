#include "ingest/summary_money.h"

#include "support/world.h"

static const struct chat_model model = {.price_in = 2, .price_out = 10};

Test(summary_money, a_guess_counts_three_bytes_a_token_and_prices_of_a_million)
{
    struct spent s = spent_guess(&model, 2997, 300);

    cr_expect_eq(s.tokens, 1000 + 101);
    cr_expect_float_eq(s.cost, (1000 * 2.0 + 101 * 10.0) / 1e6, 1e-12);
    cr_expect_gt(spent_guess(&model, 0, -1).tokens, 300, "all that a summary may take");
}

static int pay(struct store_tx *tx, void *arg)
{
    return store_tx_add_spent(tx, summary_money_day(), arg);
}

Test(summary_money, a_limit_that_would_be_passed_is_named)
{
    struct world w;
    struct spent paid = {900, 0.5}, more = {100, 0.25}, too_much = {101, 0.25}, dear = {1, 0.75};
    char why[128] = "";

    WORLD_OPEN(&w);
    w.engine->config.ingest.summary_tokens = 1000;
    w.engine->config.ingest.summary_budget = 1;
    cr_assert_eq(store_write(w.engine->store, pay, NULL, &paid), ERR_OK, "%s", err_text());
    cr_expect_eq(summary_money_left(w.engine, &more, why, sizeof why), ERR_OK);
    cr_expect_str_eq(why, "");
    cr_expect_eq(summary_money_left(w.engine, &too_much, why, sizeof why), ERR_OK);
    cr_expect_not_null(strstr(why, "1000 tokens"));
    cr_expect_eq(summary_money_left(w.engine, &dear, why, sizeof why), ERR_OK);
    cr_expect_not_null(strstr(why, "summary_budget"));
    world_close(&w);
}
