#include "engine/reload.h"

#include "base/file.h"
#include "support/world.h"

Test(reload, every_live_setting_is_one)
{
    cr_expect(reload_is_live("server.drain_s"));
    cr_expect(reload_is_live("stream.grace_ms"), "a section stands for its settings");
    cr_expect_not(reload_is_live("streams"));
    cr_expect_not(reload_is_live("listen"));
    cr_expect_not(reload_is_live("server.workers"));
    cr_expect_not(reload_is_live("limits.queue"));
}

static struct config changed(const struct world *w)
{
    struct config next = w->config;

    cr_assert_eq(config_set(&next, "server.drain_s", "7", "t"), ERR_OK);
    cr_assert_eq(config_set(&next, "limits.connections", "9", "t"), ERR_OK);
    cr_assert_eq(config_set(&next, "stream.abandoned", "finish", "t"), ERR_OK);
    cr_assert_eq(config_set(&next, "listen", "127.0.0.1:9", "t"), ERR_OK);
    return next;
}

#define expect_reload(w, next, want_changed, want_restart)                                         \
    do {                                                                                           \
        struct reload_report r_;                                                                   \
        cr_assert_eq(engine_reload((w)->engine, &(w)->config, (next), &r_), ERR_OK, "%s",          \
                     err_text());                                                                  \
        cr_expect_str_eq(r_.changed.n ? r_.changed.p : "", (want_changed));                        \
        cr_expect_str_eq(r_.needs_restart.n ? r_.needs_restart.p : "", (want_restart));            \
        reload_report_done(&r_);                                                                   \
    } while (0)

Test(reload, takes_what_can_change_and_names_the_rest)
{
    struct world w;
    struct config next;
    uint64_t n;

    WORLD_OPEN(&w);
    next = changed(&w);
    n = w.engine->n_reloads;
    expect_reload(&w, &next, "stream.abandoned, server.drain_s, limits.connections", "listen");
    cr_expect_eq(engine_settings(w.engine)->server.drain_s, 7);
    cr_expect_eq(engine_settings(w.engine)->limits.connections, 9);
    cr_expect_str_eq(engine_settings(w.engine)->stream.abandoned, "finish");
    cr_expect_str_eq(engine_settings(w.engine)->listen, w.config.listen);
    cr_expect_neq(w.engine->n_reloads, n, "requests that were read before are read again");
    expect_reload(&w, &next, "", "listen");
    world_close(&w);
}

Test(reload, a_setting_that_left_the_file_has_its_default_again)
{
    struct world w;
    struct config next;

    WORLD_OPEN(&w);
    next = changed(&w);
    expect_reload(&w, &next, "stream.abandoned, server.drain_s, limits.connections", "listen");
    expect_reload(&w, &w.config, "stream.abandoned, server.drain_s, limits.connections", "");
    cr_expect_eq(engine_settings(w.engine)->server.drain_s, w.config.server.drain_s);
    world_close(&w);
}

Test(reload, who_has_no_limits_of_their_own_has_the_new_ones)
{
    struct world w;
    struct config next;
    struct caller *c = caller_operator("default");
    struct spender who;

    WORLD_OPEN(&w);
    next = w.config;
    cr_expect_not(spending_limits(w.engine->spending, c, &who));
    cr_assert_eq(config_set(&next, "limits.requests_per_minute", "60", "t"), ERR_OK);
    expect_reload(&w, &next, "limits.requests_per_minute", "");
    cr_assert(spending_limits(w.engine->spending, c, &who));
    cr_expect_eq(who.limits.requests_per_minute, 60);
    expect_reload(&w, &w.config, "limits.requests_per_minute", "");
    cr_expect_not(spending_limits(w.engine->spending, c, &who));
    caller_unref(c);
    world_close(&w);
}

Test(reload, settings_that_were_in_force_before_take_no_room)
{
    struct world w;
    struct config next;
    struct reload_report r;

    WORLD_OPEN(&w);
    next = changed(&w);
    for (int i = 0; i < 2 * RELOAD_KEPT_MAX; i++) {
        cr_assert_eq(engine_reload(w.engine, &w.config, i % 2 ? &w.config : &next, &r), ERR_OK);
        reload_report_done(&r);
    }
    world_close(&w);
}

Test(reload, so_many_different_ones_and_no_more)
{
    struct world w;
    struct config next;
    struct reload_report r;
    int rc = ERR_OK, i;

    WORLD_OPEN(&w);
    next = w.config;
    for (i = 0; rc == ERR_OK && i < 2 * RELOAD_KEPT_MAX; i++) {
        next.limits.connections = 100 + i;
        rc = engine_reload(w.engine, &w.config, &next, &r);
        reload_report_done(&r);
    }
    cr_expect_eq(rc, ERR_LIMIT);
    cr_expect_eq(i, RELOAD_KEPT_MAX + 1);
    cr_expect_eq(engine_settings(w.engine)->limits.connections, 100 + RELOAD_KEPT_MAX - 1);
    world_close(&w);
}

static void write_prompt(struct world *w, const char *text)
{
    snprintf(w->config.prompt.file, sizeof w->config.prompt.file, "%s/prompt", w->dir);
    cr_assert_eq(file_write_atomic(w->config.prompt.file, text, strlen(text)), ERR_OK);
}

#define PROMPT(word) word "\n=== user ===\n{context}\n{question}\n"

Test(reload, a_template_whose_file_has_changed_is_read_again)
{
    struct world w;
    const struct chat_prompt *first, *second;

    WORLD_OPEN(&w);
    write_prompt(&w, PROMPT("Be brief."));
    world_reopen(&w);
    first = engine_prompt(w.engine);
    expect_reload(&w, &w.config, "", "");
    cr_expect_eq(engine_prompt(w.engine), first);
    write_prompt(&w, PROMPT("Be kind."));
    expect_reload(&w, &w.config, "prompt.file", "");
    second = engine_prompt(w.engine);
    cr_expect_not(digest_eq(&second->digest, &first->digest));
    write_prompt(&w, PROMPT("Be brief."));
    expect_reload(&w, &w.config, "prompt.file", "");
    cr_expect_eq(engine_prompt(w.engine), first, "it is still there");
    world_close(&w);
}

Test(reload, a_template_that_cannot_be_read_changes_nothing)
{
    struct world w;
    struct config next;
    struct reload_report r;

    WORLD_OPEN(&w);
    next = changed(&w);
    strcpy(next.prompt.file, "/nonexistent/prompt");
    cr_expect_lt(engine_reload(w.engine, &w.config, &next, &r), 0);
    cr_expect_not_null(strstr(err_text(), "/nonexistent/prompt"));
    cr_expect_eq(engine_settings(w.engine), &w.engine->config);
    world_close(&w);
}
