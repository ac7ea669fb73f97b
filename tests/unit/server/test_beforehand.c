#include "server/beforehand.h"

#include <string.h>
#include <time.h>

#include "base/file.h"
#include "engine/reload.h"
#include "support/live.h"

#define FROGS "{\"question\":\"What do frogs eat?\"}"

static void wait_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static char *status_of(const struct live *l, const char *request)
{
    int status;
    json_t *reply = live_call(l, "POST", "/query", request, &status);
    const char *s = json_string_value(json_object_get(json_object_get(reply, "cache"), "status"));
    char *copy = strdup(s ? s : "");

    json_decref(reply);
    return copy;
}

#define expect_status(l, request, want)                                                            \
    do {                                                                                           \
        char *status_ = status_of((l), (request));                                                 \
        cr_expect_str_eq(status_, (want), "%s: %s", (request), status_);                           \
        free(status_);                                                                             \
    } while (0)

/* Until the popular question was seen to at the collection's epoch. */
static void await_refresh(struct engine *e)
{
    uint64_t epoch = retriever_epoch(e->retriever, "default", "default");
    bool seen = false;

    while (!seen) {
        struct arena *mem = arena_new(0);
        struct asked_question *v;

        seen = asked_popular(e->asked, NULL, NULL, 1, 1, mem, &v) == 1 && v[0].epoch == epoch;
        arena_free(mem);
        wait_a_little();
    }
}

Test(beforehand, in_idle_time_popular_questions_are_answered_again, .timeout = 60)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    expect_status(&l, FROGS, "miss");
    for (int i = 0; i < 2; i++)
        expect_status(&l, FROGS, "hit");
    world_put(&l.world, "frogs", "Frogs eat pasta.", NULL);
    await_refresh(l.world.engine);
    while (pool_idle(l.world.engine->pool) < pool_threads(l.world.engine->pool))
        wait_a_little();
    expect_status(&l, FROGS, "precomputed");
    live_close(&l);
}

static void write_text(const struct world *w, const char *name, const char *text, char path[96])
{
    snprintf(path, 96, "%s/%s", w->dir, name);
    cr_assert_eq(file_write_atomic(path, text, strlen(text)), ERR_OK);
}

Test(beforehand, a_time_that_was_missed_is_made_up_for_at_the_start, .timeout = 60)
{
    struct live l;
    char path[96], last[96];
    struct buf text = {0};

    WORLD_OPEN(&l.world);
    write_text(&l.world, "questions", "What do frogs eat?\n\xff\n", path);
    write_text(&l.world, "data/precomputed", "1000\n", last);
    strcpy(l.world.config.precompute.file, path);
    strcpy(l.world.config.precompute.at, "03:00");
    world_reopen(&l.world);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    live_start(&l, NULL);
    do {
        wait_a_little();
        buf_clear(&text);
        cr_assert_eq(file_read(last, 64, &text), ERR_OK, "%s", err_text());
        buf_add_char(&text, '\0');
    } while (strcmp(text.p, "1000\n") == 0);
    cr_expect_gt(strtoll(text.p, NULL, 10), 1000000);
    expect_status(&l, FROGS, "precomputed");
    buf_done(&text);
    live_close(&l);
}

/* 2 s is long after the questions would have been answered: it has looked eight times. */
Test(beforehand, a_file_that_cannot_be_read_does_not_count_as_done, .timeout = 60)
{
    struct live l;
    char last[96];
    struct buf text = {0};

    WORLD_OPEN(&l.world);
    write_text(&l.world, "data/precomputed", "1000\n", last);
    strcpy(l.world.config.precompute.file, "/nonexistent/questions");
    strcpy(l.world.config.precompute.at, "03:00");
    world_reopen(&l.world);
    live_start(&l, NULL);
    for (int i = 0; i < 100; i++)
        wait_a_little();
    cr_assert_eq(file_read(last, 64, &text), ERR_OK, "%s", err_text());
    cr_expect(str_eq(buf_view(&text), STR_LIT("1000\n")));
    buf_done(&text);
    live_close(&l);
}

Test(beforehand, the_file_is_checked_where_one_is_named)
{
    struct config c;

    config_defaults(&c);
    cr_expect_eq(beforehand_check(&c), ERR_OK);
    strcpy(c.precompute.file, "/nonexistent/questions");
    cr_expect_lt(beforehand_check(&c), 0);
    cr_expect(strstr(err_text(), "precompute.file: "), "%s", err_text());
    strcpy(c.precompute.file, "/dev/null");
    cr_expect_eq(beforehand_check(&c), ERR_NOT_FOUND);
}

Test(beforehand, starts_at_the_hour_that_a_reload_names, .timeout = 60)
{
    struct live l;
    char path[96], last[96];
    struct config next;
    struct reload_report report;
    struct buf text = {0};

    WORLD_OPEN(&l.world);
    write_text(&l.world, "questions", "What do frogs eat?\n", path);
    write_text(&l.world, "data/precomputed", "1000\n", last);
    strcpy(l.world.config.precompute.refresh, "off");
    world_reopen(&l.world);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    live_start(&l, NULL);
    next = l.world.config;
    strcpy(next.precompute.file, path);
    strcpy(next.precompute.at, "03:00");
    cr_assert_eq(engine_reload(l.world.engine, &l.world.config, &next, &report), ERR_OK);
    reload_report_done(&report);
    do {
        wait_a_little();
        buf_clear(&text);
        cr_assert_eq(file_read(last, 64, &text), ERR_OK, "%s", err_text());
        buf_add_char(&text, '\0');
    } while (strcmp(text.p, "1000\n") == 0);
    expect_status(&l, FROGS, "precomputed");
    buf_done(&text);
    live_close(&l);
}
