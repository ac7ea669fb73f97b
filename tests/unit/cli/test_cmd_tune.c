#include "cli/command.h"

#include "query/tune.h"
#include "support/tune_world.h"

#define remove_entry unused_remove_entry
#include "unit/cli/cli_fixture.h"
#undef remove_entry

static void write_pairs(const struct world *w, bool shuffled)
{
    struct arena *mem = arena_new(0);
    struct tune_pair *pairs = tune_world_pairs(shuffled, mem);
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < TUNE_SUBJECTS; i++)
        buf_addf(&b, "%s\t%s\n", pairs[i].question, pairs[i].document);
    write_file(w->dir, "p.tsv", b.p);
    buf_done(&b);
    arena_free(mem);
}

static const char *words(const struct world *w, const char *more, char out[512])
{
    snprintf(out, 512, "tune|--pairs|%s/p.tsv%s", w->dir, more);
    return out;
}

/* The subject of question 5, by vectors; the caller forgets the reply. */
static const char *first_document(struct world *w, struct world_reply *r)
{
    struct arena *mem = arena_new(0);

    world_ask(w,
              arena_printf(mem, "{\"question\":\"%s\",\"mode\":\"vector\",\"answer\":\"none\"}",
                           tune_question(5, mem)),
              r);
    arena_free(mem);
    return json_string_value(
        json_object_get(json_array_get(json_object_get(r->json, "sources"), 0), "document"));
}

Test(cmd_tune, what_helps_is_kept_used_at_once_and_can_be_dropped)
{
    struct world w;
    struct world_reply before, again, after, dropped;
    char line[512];
    json_t *v;

    WORLD_OPEN(&w);
    tune_world_fill(&w, true);
    write_pairs(&w, false);
    first_document(&w, &before);
    first_document(&w, &again);
    cr_expect_eq(again.ans.cache, CACHE_HIT);
    v = run_json(w.engine, words(&w, "|--json", line), EXIT_DONE);
    cr_expect(json_is_true(json_object_get(v, "kept")));
    cr_expect(json_is_true(json_object_get(v, "in_force")));
    cr_expect_eq(json_integer_value(json_object_get(v, "questions")), TUNE_SUBJECTS);
    json_decref(v);
    cr_expect_str_eq(first_document(&w, &after), "subject-5");
    cr_expect_eq(after.ans.cache, CACHE_MISS, "another key");
    expect_run(w.engine, "tune|--remove", EXIT_DONE, "has no adapter any more", "");
    first_document(&w, &dropped);
    cr_expect_eq(dropped.ans.cache, CACHE_HIT, "what the plain model found");
    world_forget(&before), world_forget(&again), world_forget(&after), world_forget(&dropped);
    expect_run(w.engine, "tune|--remove", EXIT_DONE, "had no adapter", "");
    world_close(&w);
}

Test(cmd_tune, what_does_not_help_is_not_kept)
{
    struct world w;
    char line[512];
    json_t *v;

    WORLD_OPEN(&w);
    tune_world_fill(&w, false);
    write_pairs(&w, true);
    expect_run(w.engine, words(&w, "", line), EXIT_DONE, "not kept", "");
    v = run_json(w.engine, words(&w, "|--json", line), EXIT_DONE);
    cr_expect(json_is_false(json_object_get(v, "kept")));
    cr_expect(json_is_null(json_object_get(v, "path")));
    json_decref(v);
    expect_run(w.engine, "tune|--remove", EXIT_DONE, "had no adapter", "");
    world_close(&w);
}

Test(cmd_tune, a_file_of_its_own_leaves_the_collection_as_it_is)
{
    struct world w;
    struct adapter *a = NULL;
    char line[512], path[128], more[160];

    WORLD_OPEN(&w);
    tune_world_fill(&w, true);
    write_pairs(&w, false);
    snprintf(path, sizeof path, "%s/kept.bin", w.dir);
    snprintf(more, sizeof more, "|--out|%s", path);
    expect_run(w.engine, words(&w, more, line), EXIT_DONE, "not in force", "");
    cr_expect_null(adapters_get(w.engine->adapters, "default", "default", w.engine->embedder));
    cr_assert_eq(adapter_open_file(&a, path, w.engine->embedder), ERR_OK, "%s", err_text());
    adapter_unref(a);
    world_close(&w);
}

Test(cmd_tune, wrong_words_and_files_are_refused)
{
    struct world w;
    char line[512];

    WORLD_OPEN(&w);
    world_put(&w, "a", "A bank holds capital.", NULL);
    expect_run(w.engine, "tune", EXIT_USAGE, "", "");
    expect_run(w.engine, "tune|--remove|--pairs|x", EXIT_USAGE, "", "");
    expect_run(w.engine, "tune|--questions|x", EXIT_USAGE, "", "");
    expect_run(w.engine, words(&w, "", line), EXIT_FAILED, "", "p.tsv");
    write_pairs(&w, false);
    expect_run(w.engine, words(&w, "", line), EXIT_USAGE, "", "too few");
    world_close(&w);
}
