#include "ingest/run.h"

#include "support/library.h"

static int open_with(struct world *w, struct run *run, struct ingest_options o,
                     struct ingest_report *r)
{
    ingest_report_init(r);
    return run_open(run, w->engine, &o, r);
}

Test(run, takes_its_settings_from_options_and_configuration)
{
    struct world w;
    struct run run;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;

    WORLD_OPEN(&w);
    cr_assert_eq(open_with(&w, &run, o, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(run.chunking.chars, 1000);
    cr_expect_eq(run.chunking.overlap, 150);
    cr_expect_eq(run.chunking.max_tokens, embedder_info(w.engine->embedder)->max_tokens - 2,
                 "[CLS] and [SEP] taken off");
    cr_expect_str_eq(run.tenant, "default");
    run_close(&run);

    o.chunk_chars = 100;
    o.tenant = "acme";
    cr_assert_eq(open_with(&w, &run, o, &r), ERR_OK);
    cr_expect_eq(run.chunking.overlap, 15, "the overlap follows a smaller size");
    cr_expect_str_eq(run.tenant, "acme");
    run_close(&run);
    world_close(&w);
}

Test(run, has_another_settings_digest_for_other_chunks)
{
    struct world w;
    struct run run;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;
    struct digest usual;

    WORLD_OPEN(&w);
    cr_assert_eq(open_with(&w, &run, o, &r), ERR_OK);
    usual = run.settings;
    run_close(&run);
    o.chunk_chars = 500;
    cr_assert_eq(open_with(&w, &run, o, &r), ERR_OK);
    cr_expect(!digest_eq(&usual, &run.settings));
    run_close(&run);
    world_close(&w);
}

Test(run, refuses_what_cannot_be_before_it_begins)
{
    struct world w;
    struct run run;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;
    json_t *reserved = json_pack("{s:i}", "_page", 1);

    WORLD_OPEN(&w);
    o.chunk_chars = 100;
    o.chunk_overlap = 100;
    cr_expect_eq(open_with(&w, &run, o, &r), ERR_ARGUMENT);
    o = USUAL_OPTIONS;
    o.metadata = reserved;
    cr_expect_eq(open_with(&w, &run, o, &r), ERR_ARGUMENT);
    o = USUAL_OPTIONS;
    o.meta_file = "/nonexistent/meta.jsonl";
    cr_expect_eq(open_with(&w, &run, o, &r), ERR_NOT_FOUND);
    json_decref(reserved);
    world_close(&w);
}

Test(run, finds_what_is_stored)
{
    struct world w;
    struct run run;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;
    struct arena *mem = arena_new(0);
    struct document_row row;
    bool found;

    WORLD_OPEN(&w);
    cr_assert_eq(open_with(&w, &run, o, &r), ERR_OK);
    cr_expect_eq(run_find(&run, STR_LIT("a"), mem, &row, &found), ERR_OK);
    cr_expect(!found, "there is no collection yet");
    run_close(&run);
    world_put(&w, "a", "Banks hold capital.", NULL);
    cr_assert_eq(open_with(&w, &run, o, &r), ERR_OK);
    cr_expect_eq(run_find(&run, STR_LIT("a"), mem, &row, &found), ERR_OK);
    cr_expect(found);
    cr_expect_eq(run_find(&run, STR_LIT("b"), mem, &row, &found), ERR_OK);
    cr_expect(!found);
    run_close(&run);
    arena_free(mem);
    world_close(&w);
}

Test(run, knows_when_somebody_said_stop)
{
    atomic_bool cancel = false;
    struct ingest_options o = {.cancel = &cancel};
    struct engine e = {.room = room_new(0, NULL, NULL)};
    struct run run = {.e = &e, .o = &o};

    cr_expect_eq(run_check(&run), ERR_OK);
    atomic_store(&cancel, true);
    cr_expect_eq(run_check(&run), ERR_CANCELLED);
    o.cancel = NULL;
    cr_expect_eq(run_check(&run), ERR_OK);
    room_free(e.room);
}
