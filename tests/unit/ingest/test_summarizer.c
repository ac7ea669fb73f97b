#include "ingest/summarizer.h"

#include "support/summaries_world.h"

TestSuite(summarizer, .timeout = 120);

static bool is_made_soon(struct world *w, const char *key)
{
    for (int i = 0; i < 600 && !is_made(w, key); i++)
        usleep(100000);
    return is_made(w, key);
}

Test(summarizer, makes_what_is_owed_and_what_comes_while_it_runs)
{
    struct chat_world c;
    struct summarizer *s;

    SUMMARIES_WORLD_OPEN(&c);
    put_long(&c.w, "a", "");
    cr_assert_eq(summarizer_start(&s, c.w.engine), ERR_OK);
    cr_assert_not_null(s);
    cr_expect(is_made_soon(&c.w, "a"));
    put_long(&c.w, "b", "More.");
    cr_expect(is_made_soon(&c.w, "b"));
    summarizer_stop(s);
    cr_expect_eq(c.model.http.n_requests, 2);
    chat_world_close(&c);
}

Test(summarizer, ends_at_once_in_the_middle_of_a_call)
{
    struct chat_world c;
    struct summarizer *s;

    SUMMARIES_WORLD_OPEN(&c);
    fake_chat_fail(&c.model, CHAT_FAKE_SILENT, 0);
    put_long(&c.w, "a", "");
    cr_assert_eq(summarizer_start(&s, c.w.engine), ERR_OK);
    for (int i = 0; i < 600 && c.model.http.n_requests == 0; i++)
        usleep(100000);
    cr_expect_eq(c.model.http.n_requests, 1);
    summarizer_stop(s);
    cr_expect(!is_made(&c.w, "a"));
    fake_chat_fail(&c.model, CHAT_FAKE_FINE, 0);
    cr_expect_eq(make_summaries(&c.w).made, 1);
    chat_world_close(&c);
}

Test(summarizer, is_none_where_no_model_is_to_write_summaries)
{
    struct chat_world c;
    struct summarizer *s;

    SUMMARIES_WORLD_OPEN(&c);
    *c.w.config.ingest.summary_model = '\0';
    world_reopen(&c.w);
    cr_assert_eq(summarizer_start(&s, c.w.engine), ERR_OK);
    cr_expect_null(s);
    summarizer_stop(s);
    chat_world_close(&c);
}
