#include "query/precompute_list.h"

#include <string.h>

#include "support/world.h"

static struct precompute_list l;
static char folder[] = "/tmp/ragd-list-XXXXXX", path[64];

static void up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    precompute_list_init(&l);
}

static void down(void)
{
    precompute_list_done(&l);
    nftw(folder, world_rm, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(precompute_list, .init = up, .fini = down);

static int read_as(const char *name, const char *text, const char *members)
{
    json_t *m = json_loads(members, 0, NULL);
    FILE *file;
    int rc;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    rc = precompute_list_read(&l, path, "default", m);
    json_decref(m);
    return rc;
}

static const char *member(size_t i, const char *key)
{
    const char *s = json_string_value(json_object_get(l.v[i].request, key));

    return s ? s : "";
}

Test(precompute_list, a_line_is_a_question_and_knows_its_place)
{
    cr_assert_eq(read_as("q.txt", "# ours\n\n What is it? \r\nAnd \"this\"?\n\xff\n", "{\"k\":3}"),
                 ERR_OK);
    cr_assert_eq(l.n, 3);
    cr_expect_str_eq(member(0, "question"), "What is it?");
    cr_expect_eq(json_integer_value(json_object_get(l.v[0].request, "k")), 3);
    cr_expect_str_eq(l.v[0].tenant, "default");
    cr_expect(strstr(l.v[0].where, "q.txt:3"), "%s", l.v[0].where);
    cr_expect_str_eq(member(1, "question"), "And \"this\"?");
    cr_expect_null(l.v[2].request);
    cr_expect(strstr(l.v[2].reason, "UTF-8"), "%s", l.v[2].reason);
}

Test(precompute_list, a_record_says_what_is_its_own)
{
    cr_assert_eq(read_as("q.jsonl",
                         "{\"id\":\"1\",\"question\":\"a\",\"k\":7,\"collection\":\"c\"}\n"
                         "{\"question\":\"b\"}\n[]\n{\"question\":\n",
                         "{\"k\":3,\"collection\":\"default\"}"),
                 ERR_OK);
    cr_assert_eq(l.n, 4);
    cr_expect_eq(json_integer_value(json_object_get(l.v[0].request, "k")), 7);
    cr_expect_str_eq(member(0, "collection"), "c");
    cr_expect_null(json_object_get(l.v[0].request, "id"));
    cr_expect_str_eq(member(1, "collection"), "default");
    cr_expect(strstr(l.v[2].reason, "object"), "%s", l.v[2].reason);
    cr_expect(strstr(l.v[3].where, "q.jsonl:4"), "%s", l.v[3].where);
    cr_expect(str_starts(str_of(l.v[3].reason), STR_LIT("request: ")), "%s", l.v[3].reason);
}

Test(precompute_list, the_same_question_is_there_once)
{
    cr_assert_eq(read_as("q.txt", "a\na\nb\n", "{}"), ERR_OK);
    cr_assert_eq(read_as("q.jsonl", "{\"question\":\"a\"}\n{\"question\":\"a\",\"k\":2}\n", "{}"),
                 ERR_OK);
    cr_expect_eq(l.n, 3, "%zu", l.n);
}

Test(precompute_list, says_which_file_is_missing_or_empty)
{
    cr_expect_eq(read_as("q.txt", "# nothing\n", "{}"), ERR_NOT_FOUND);
    cr_expect(strstr(err_text(), "no question"), "%s", err_text());
    cr_expect_lt(precompute_list_read(&l, "/nonexistent/q", "default", NULL), 0);
    cr_expect(strstr(err_text(), "/nonexistent/q"), "%s", err_text());
}

static void ask(struct world *w, const char *request)
{
    struct world_reply r;

    world_ask(w, request, &r);
    world_forget(&r);
}

Test(precompute_list, the_most_asked_are_those_kept_or_else_those_counted)
{
    struct world w;

    WORLD_OPEN(&w);
    world_put(&w, "frogs", "Frogs eat flies.", NULL);
    cr_expect_eq(precompute_list_top(&l, w.engine, "default", "default", 5, NULL), ERR_NOT_FOUND);
    cr_expect(strstr(err_text(), "keep_questions"), "%s", err_text());
    for (int i = 0; i < 2; i++)
        ask(&w, "{\"question\":\"What do  frogs eat?\"}");
    ask(&w, "{\"question\":\"Who eats?\",\"k\":2}"); /* its text alone would ask something else */
    ask(&w, "{\"question\":\"Who eats what?\",\"cache\":\"no-store\"}");
    cr_assert_eq(precompute_list_top(&l, w.engine, "default", "default", 5, NULL), ERR_OK);
    cr_assert_eq(l.n, 1);
    cr_expect_str_eq(member(0, "question"), "What do frogs eat?");
    cr_expect_str_eq(member(0, "collection"), "default");
    w.config.cache.keep_questions = true;
    world_reopen(&w);
    cr_expect_eq(precompute_list_top(&l, w.engine, NULL, NULL, 5, NULL), ERR_NOT_FOUND,
                 "nothing was written down before");
    ask(&w, "{\"question\":\"Who eats?\"}");
    world_reopen(&w);
    cr_assert_eq(precompute_list_top(&l, w.engine, NULL, NULL, 5, NULL), ERR_OK);
    cr_assert_eq(l.n, 2);
    cr_expect_str_eq(member(1, "question"), "Who eats?");
    cr_expect_eq(precompute_list_top(&l, w.engine, "default", "nosuch", 5, NULL), ERR_NOT_FOUND);
    world_close(&w);
}
