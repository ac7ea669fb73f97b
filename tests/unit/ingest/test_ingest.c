#include "support/library.h"

/* With the real model: what goes in, and what the report and the store say of it. */

TestSuite(ingest, .timeout = 120);

#define OK(w, rel, r) library_ingest((w), (rel), (r))

Test(ingest, stores_documents_once_and_again_only_when_they_change)
{
    struct world w;
    struct ingest_report r;
    struct arena *mem = arena_new(0);
    struct document_row row;

    WORLD_OPEN(&w);
    library_put(&w, "docs/a.md", "# Capital\n\nBanks hold capital.\n");
    library_put(&w, "docs/sub/b.txt", "Banks hold cash.\n");
    OK(&w, "docs", &r);
    cr_expect_eq(r.documents, 2);
    cr_expect_eq(r.chunks, 2);
    cr_expect_gt(r.bytes, 0);
    ingest_report_done(&r);

    cr_assert(library_find(&w, "a.md", mem, &row));
    cr_expect(str_eq(row.title, STR_LIT("Capital")));
    cr_expect(str_ends(row.root, STR_LIT("/docs")));
    cr_expect(str_ends(row.uri, STR_LIT("/docs/a.md")));
    cr_assert(library_find(&w, "sub/b.txt", mem, &row));
    cr_expect(str_eq(row.title, STR_LIT("b.txt")));

    OK(&w, "docs", &r);
    cr_expect_eq(r.documents, 0);
    cr_expect_eq(r.unchanged, 2);
    ingest_report_done(&r);

    library_put(&w, "docs/a.md", "# Capital\n\nBanks hold no capital.\n");
    OK(&w, "docs", &r);
    cr_expect_eq(r.documents, 1);
    cr_expect_eq(r.unchanged, 1);
    ingest_report_done(&r);
    cr_assert(library_find(&w, "a.md", mem, &row));
    cr_expect_not_null(memmem(row.text.p, row.text.n, "no capital", 10));
    arena_free(mem);
    world_close(&w);
}

Test(ingest, of_a_changed_setting_reads_anew)
{
    struct world w;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;

    WORLD_OPEN(&w);
    library_put(&w, "docs/a.txt", "Banks hold capital. Banks hold cash. They lend the rest of it.");
    OK(&w, "docs", &r);
    ingest_report_done(&r);
    o.chunk_chars = 25;
    cr_assert_eq(library_ingest_as(&w, "docs", o, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.documents, 1);
    cr_expect_eq(r.chunks, 3);
    ingest_report_done(&r);
    world_close(&w);
}

/* A document of a dozen chunks about one thing. */
static void put_long(struct world *w)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 12; i++)
        buf_addf(&b, "# Part %d\n\nThe bank must hold capital against losses of kind %d. %s\n\n", i,
                 i,
                 "Its board reviews the ratios of capital each year and tells the supervisor what "
                 "it has found, what it will do about it, and by when that will be done.");
    library_put(w, "docs/long.md", b.p);
    library_put(w, "docs/short.md", "Short ones need none.");
    buf_done(&b);
}

static struct str stored_summary(struct world *w, const char *key, struct arena *mem)
{
    struct store_reader *reader = store_reader_get(w->engine->store);
    struct str summary = STR_LIT("");
    struct document_row row;
    struct chunk_row *chunks;
    size_t n;

    cr_assert(library_find(w, key, mem, &row));
    cr_assert_eq(store_document_chunks(reader, row.id, mem, &chunks, &n), ERR_OK);
    for (size_t i = 0; i < n; i++)
        if (chunks[i].kind == CHUNK_SUMMARY)
            summary = chunks[i].text;
    cr_expect_eq((size_t)row.n_chunks, n - (summary.n > 0));
    store_reader_put(w->engine->store, reader);
    return summary;
}

Test(ingest, gives_a_longer_document_a_summary_that_is_no_chunk_of_it)
{
    struct world w;
    struct ingest_report r;
    struct arena *mem = arena_new(0);
    struct snapshot *snap;
    struct str summary;

    WORLD_OPEN(&w);
    w.config.chunk.chars = 250;
    w.config.chunk.overlap = 0;
    world_reopen(&w);
    put_long(&w);
    OK(&w, "docs", &r);
    summary = stored_summary(&w, "long.md", mem);
    cr_expect_not_null(strstr(summary.p, "The bank must hold capital"));
    cr_expect_eq(stored_summary(&w, "short.md", mem).n, 0);
    for (int again = 0; again < 2; again++) { /* as ingested, and as loaded */
        cr_assert_eq(retriever_snapshot(w.engine->retriever, "default", "default", &snap), ERR_OK);
        cr_expect_eq(snapshot_chunks(snap), r.chunks);
        snapshot_unref(snap);
        world_reopen(&w);
    }
    ingest_report_done(&r);
    OK(&w, "docs", &r);
    cr_expect_eq(r.unchanged, 2);
    ingest_report_done(&r);
    arena_free(mem);
    world_close(&w);
}

Test(ingest, makes_and_drops_summaries_when_the_setting_changes)
{
    struct world w;
    struct ingest_report r;
    struct arena *mem = arena_new(0);

    WORLD_OPEN(&w);
    w.config.chunk.chars = 250;
    w.config.chunk.overlap = 0;
    w.config.ingest.summaries = false;
    world_reopen(&w);
    put_long(&w);
    OK(&w, "docs", &r);
    cr_expect_eq(stored_summary(&w, "long.md", mem).n, 0);
    ingest_report_done(&r);
    w.config.ingest.summaries = true;
    world_reopen(&w);
    OK(&w, "docs", &r);
    cr_expect_eq(r.documents, 2);
    cr_expect_gt(stored_summary(&w, "long.md", mem).n, 0);
    ingest_report_done(&r);
    arena_free(mem);
    world_close(&w);
}

Test(ingest, of_one_file_uses_its_name_as_key)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    library_put(&w, "docs/sub/b.txt", "Banks hold cash.\n");
    OK(&w, "docs/sub/b.txt", &r);
    cr_expect_eq(r.documents, 1);
    cr_expect(library_has(&w, "b.txt"));
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, of_a_file_named_twice_takes_it_once)
{
    struct world w;
    struct ingest_report r;
    const char *paths[3];
    struct ingest_options o = USUAL_OPTIONS;

    WORLD_OPEN(&w);
    library_put(&w, "docs/a.txt", "Banks hold capital.");
    library_put(&w, "docs/b.png", "");
    paths[0] = library_path(&w, "docs");
    paths[1] = library_path(&w, "docs/a.txt");
    paths[2] = library_path(&w, "docs/");
    ingest_report_init(&r);
    cr_assert_eq(ingest_paths(w.engine, paths, 3, &o, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.documents, 1);
    cr_expect_eq(r.n_refused, 0);
    cr_expect_eq(r.n_skipped, 1);
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, stores_the_root_under_another_name)
{
    struct world w;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;
    struct arena *mem = arena_new(0);
    struct document_row row;

    WORLD_OPEN(&w);
    library_put(&w, "docs/a.txt", "Banks hold capital.");
    o.root_name = "handbook";
    cr_assert_eq(library_ingest_as(&w, "docs", o, &r), ERR_OK, "%s", err_text());
    ingest_report_done(&r);
    cr_assert(library_find(&w, "a.txt", mem, &row));
    cr_expect(str_eq(row.root, STR_LIT("handbook")));
    cr_expect(str_ends(row.uri, STR_LIT("/docs/a.txt")), "where it lies is still told");
    arena_free(mem);
    world_close(&w);
}

Test(ingest, of_a_moved_folder_tells_where_it_lies_now)
{
    struct world w;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;
    struct arena *mem = arena_new(0);
    struct document_row row;

    WORLD_OPEN(&w);
    o.root_name = "handbook";
    library_put(&w, "docs/a.txt", "Banks hold capital.");
    cr_assert_eq(library_ingest_as(&w, "docs", o, &r), ERR_OK, "%s", err_text());
    ingest_report_done(&r);
    cr_assert_eq(rename(library_path(&w, "docs"), library_path(&w, "moved")), 0);
    cr_assert_eq(library_ingest_as(&w, "moved", o, &r), ERR_OK, "%s", err_text());
    ingest_report_done(&r);
    cr_assert(library_find(&w, "a.txt", mem, &row));
    cr_expect(str_ends(row.uri, STR_LIT("/moved/a.txt")), "%.*s", STR_ARGS(row.uri));
    arena_free(mem);
    world_close(&w);
}

Test(ingest, of_records_uses_their_ids_as_keys)
{
    struct world w;
    struct ingest_report r;
    struct arena *mem = arena_new(0);
    struct document_row row;

    WORLD_OPEN(&w);
    library_put(&w, "c.jsonl",
                "{\"id\":\"one\",\"title\":\"First\",\"text\":\"Banks hold capital.\","
                "\"metadata\":{\"year\":2020}}\n"
                "{\"id\":\"two\",\"title\":\"\",\"text\":\"Banks hold cash.\"}\n"
                "{\"id\":\"three\"}\n"
                "{\"id\":\"fo\\u0000ur\",\"text\":\"Cut short.\"}\n"
                "not json\n");
    OK(&w, "c.jsonl", &r);
    cr_expect(!library_has(&w, "fo"));
    cr_expect_eq(r.documents, 2);
    cr_expect_geq(r.n_refused, 1);
    ingest_report_done(&r);
    cr_assert(library_find(&w, "one", mem, &row));
    cr_expect(str_eq(row.title, STR_LIT("First")));
    cr_expect(str_eq(row.metadata, STR_LIT("{\"year\":2020}")));
    cr_assert(library_find(&w, "two", mem, &row));
    cr_expect_eq(row.title.n, 0, "a record without a title has none");

    OK(&w, "c.jsonl", &r);
    cr_expect_eq(r.unchanged, 2);
    cr_expect_eq(r.documents, 0);
    ingest_report_done(&r);
    arena_free(mem);
    world_close(&w);
}

Test(ingest, merges_metadata_later_wins)
{
    struct world w;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;
    struct arena *mem = arena_new(0);
    struct document_row row;
    char meta_file[128];
    json_t *given = json_pack("{s:s}", "team", "risk");

    WORLD_OPEN(&w);
    library_put(&w, "docs/a.md",
                "---\ntype: policy\nyear: 2019\nteam: x\n---\nBanks hold capital.\n");
    library_put(&w, "meta.jsonl", "{\"path\":\"a.md\",\"year\":2020,\"team\":\"y\"}\n");
    snprintf(meta_file, sizeof meta_file, "%s/meta.jsonl", w.dir);
    o.meta_file = meta_file;
    o.metadata = given;
    cr_assert_eq(library_ingest_as(&w, "docs", o, &r), ERR_OK, "%s", err_text());
    ingest_report_done(&r);
    cr_assert(library_find(&w, "a.md", mem, &row));
    cr_expect(
        str_eq(row.metadata, STR_LIT("{\"team\":\"risk\",\"type\":\"policy\",\"year\":2020}")),
        "%.*s", STR_ARGS(row.metadata));

    cr_assert_eq(library_ingest_as(&w, "docs", o, &r), ERR_OK);
    cr_expect_eq(r.unchanged, 1);
    ingest_report_done(&r);
    library_put(&w, "meta.jsonl", "{\"path\":\"a.md\",\"year\":2021}\n");
    cr_assert_eq(library_ingest_as(&w, "docs", o, &r), ERR_OK);
    cr_expect_eq(r.documents, 1, "another row is a change");
    ingest_report_done(&r);
    json_decref(given);
    arena_free(mem);
    world_close(&w);
}

Test(ingest, refuses_a_key_of_another_root_with_both_names)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    library_put(&w, "one/a.txt", "Banks hold capital.");
    library_put(&w, "two/a.txt", "Banks hold cash.");
    OK(&w, "one", &r);
    ingest_report_done(&r);
    OK(&w, "two", &r);
    cr_expect_eq(r.documents, 0);
    cr_assert_eq(r.n_refused, 1);
    cr_expect_not_null(strstr(r.refused[0].reason, "/one'"));
    cr_expect_not_null(strstr(r.refused[0].reason, "/two'"));
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, of_two_roots_with_one_key_in_one_run_refuses_the_second)
{
    struct world w;
    struct ingest_report r;
    const char *paths[2];
    struct ingest_options o = USUAL_OPTIONS;

    WORLD_OPEN(&w);
    library_put(&w, "one/a.txt", "Banks hold capital.");
    library_put(&w, "two/a.txt", "Banks hold cash.");
    paths[0] = library_path(&w, "one");
    paths[1] = library_path(&w, "two");
    ingest_report_init(&r);
    cr_assert_eq(ingest_paths(w.engine, paths, 2, &o, &r), ERR_OK);
    cr_expect_eq(r.documents, 1);
    cr_expect(REFUSED(&r, "two/a.txt", "twice"));
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, of_a_path_that_is_not_there_fails)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    cr_expect_eq(library_ingest_as(&w, "nothing", USUAL_OPTIONS, &r), ERR_NOT_FOUND);
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, of_a_file_over_the_limit_refuses_it)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    w.config.extract.file_bytes = 20;
    world_reopen(&w);
    library_put(&w, "docs/a.txt", "Banks hold capital and more.");
    library_put(&w, "docs/b.txt", "Banks hold cash.");
    OK(&w, "docs", &r);
    cr_expect_eq(r.documents, 1);
    cr_expect(REFUSED(&r, "a.txt", "limit of 20 bytes"));
    ingest_report_done(&r);
    world_close(&w);
}

static void stop(void *arg, const struct ingest_progress *p)
{
    if (p->n_files_done == 1)
        atomic_store((atomic_bool *)arg, true);
}

Test(ingest, can_be_cancelled)
{
    struct world w;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;
    atomic_bool cancel = false;

    WORLD_OPEN(&w);
    for (int i = 0; i < 8; i++) {
        char name[32];

        snprintf(name, sizeof name, "docs/%d.txt", i);
        library_put(&w, name, "Banks hold capital.");
    }
    o.cancel = &cancel;
    o.progress = stop;
    o.progress_arg = &cancel;
    cr_expect_eq(library_ingest_as(&w, "docs", o, &r), ERR_CANCELLED);
    cr_expect_eq(r.documents, 0, "nothing was written yet, and nothing is claimed");
    ingest_report_done(&r);
    world_close(&w);
}

/* ---- prune ---- */

static int prune(struct world *w, bool force, struct ingest_report *r)
{
    struct ingest_options o = USUAL_OPTIONS;

    o.prune = true;
    o.prune_force = force;
    return library_ingest_as(w, "docs", o, r);
}

static void put_three(struct world *w, struct ingest_report *r)
{
    library_put(w, "docs/a.txt", "Banks hold capital.");
    library_put(w, "docs/b.txt", "Banks hold cash.");
    library_put(w, "docs/c.txt", "Banks lend money.");
    OK(w, "docs", r);
    ingest_report_done(r);
}

Test(ingest, prunes_what_is_gone)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    put_three(&w, &r);
    world_put(&w, "by-id", "This one came by its id.", NULL);
    unlink(library_path(&w, "docs/b.txt"));
    cr_assert_eq(prune(&w, false, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.removed, 1);
    cr_expect_eq(r.unchanged, 2);
    cr_expect(!library_has(&w, "b.txt"));
    cr_expect(library_has(&w, "a.txt"));
    cr_expect(library_has(&w, "by-id"), "what came by id is nobody's file");
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, prunes_more_than_half_only_by_force)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    put_three(&w, &r);
    unlink(library_path(&w, "docs/a.txt"));
    unlink(library_path(&w, "docs/b.txt"));
    cr_expect_lt(prune(&w, false, &r), 0);
    cr_expect_not_null(strstr(err_text(), "2 of 3"), "%s", err_text());
    cr_expect_not_null(strstr(err_text(), "more than half"), "%s", err_text());
    cr_expect_eq(r.removed, 0);
    ingest_report_done(&r);
    cr_expect_eq(prune(&w, true, &r), ERR_OK);
    cr_expect_eq(r.removed, 2);
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, prunes_an_empty_or_missing_folder_only_by_force)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    put_three(&w, &r);
    unlink(library_path(&w, "docs/a.txt"));
    unlink(library_path(&w, "docs/b.txt"));
    unlink(library_path(&w, "docs/c.txt"));
    cr_expect_lt(prune(&w, false, &r), 0);
    cr_expect_not_null(strstr(err_text(), "no documents"), "%s", err_text());
    ingest_report_done(&r);
    rmdir(library_path(&w, "docs"));
    cr_expect_lt(prune(&w, false, &r), 0,
                 "a folder that is gone is more likely a disk that is gone");
    cr_expect(library_has(&w, "a.txt"));
    ingest_report_done(&r);
    cr_expect_eq(prune(&w, true, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.removed, 3);
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, never_prunes_a_document_whose_file_is_there_but_bad)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    put_three(&w, &r);
    library_put(&w, "docs/b.txt", "");
    cr_assert_eq(prune(&w, false, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.removed, 0);
    cr_expect(REFUSED(&r, "b.txt", "empty"));
    cr_expect(library_has(&w, "b.txt"));
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, prunes_records_only_when_their_file_could_be_read)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    put_three(&w, &r);
    library_put(&w, "docs/r.jsonl",
                "{\"id\":\"one\",\"text\":\"First.\"}\n{\"id\":\"two\",\"text\":\"Second.\"}\n");
    OK(&w, "docs", &r);
    ingest_report_done(&r);
    library_put(&w, "docs/r.jsonl", "{\"id\":\"one\",\"text\":\"First.\"}\n{\"id\":\"two\",\n");
    cr_expect_lt(prune(&w, false, &r), 0);
    cr_expect(library_has(&w, "two"));
    ingest_report_done(&r);
    library_put(&w, "docs/r.jsonl", "{\"id\":\"one\",\"text\":\"First.\"}\n");
    cr_expect_eq(prune(&w, false, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.removed, 1);
    cr_expect(!library_has(&w, "two"));
    ingest_report_done(&r);
    world_close(&w);
}

/* ---- files of records where one has no id: it is called like the file ---- */

#define ONE_WITHOUT_ID                                                                             \
    "{\"text\":\"The one without an id.\"}\n"                                                      \
    "{\"id\":\"one\",\"text\":\"First.\"}\n"                                                       \
    "{\"id\":\"two\",\"text\":\"Second.\"}\n"                                                      \
    "{\"id\":\"three\",\"text\":\"Third.\"}\n"

/* As if a run had been killed before it wrote the record. */
static void lose(struct world *w, const char *key)
{
    struct str k = str_of(key);
    size_t n;

    cr_assert_eq(retriever_remove(w->engine->retriever, "default", "default", &k, 1, &n), ERR_OK,
                 "%s", err_text());
    cr_assert_eq(n, 1);
}

Test(ingest, of_a_record_without_an_id_never_stands_for_the_others)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    library_put(&w, "docs/r.jsonl", ONE_WITHOUT_ID);
    OK(&w, "docs", &r);
    cr_expect_eq(r.documents, 4);
    ingest_report_done(&r);
    lose(&w, "two");
    OK(&w, "docs", &r);
    cr_expect_eq(r.documents, 1);
    cr_expect_eq(r.unchanged, 3);
    cr_expect(library_has(&w, "two"), "it came in when the run was repeated");
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, prunes_no_record_beside_one_without_an_id)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    library_put(&w, "docs/a.txt", "Banks hold capital.");
    library_put(&w, "docs/r.jsonl", ONE_WITHOUT_ID);
    OK(&w, "docs", &r);
    ingest_report_done(&r);
    cr_expect_eq(prune(&w, true, &r), ERR_OK, "%s", err_text());
    cr_expect_eq(r.removed, 0);
    cr_expect(library_has(&w, "one"));
    cr_expect(library_has(&w, "three"));
    ingest_report_done(&r);
    world_close(&w);
}

Test(ingest, names_refused_lines_in_every_run)
{
    struct world w;
    struct ingest_report r;

    WORLD_OPEN(&w);
    library_put(&w, "docs/r.jsonl", "{\"text\":\"The one without an id.\"}\n{\"id\":\n");
    for (int i = 0; i < 2; i++) {
        OK(&w, "docs", &r);
        cr_expect(REFUSED(&r, "r.jsonl", "line 2"), "run %d", i);
        cr_expect_eq(r.unchanged, (size_t)i);
        ingest_report_done(&r);
    }
    world_close(&w);
}

Test(ingest, of_bytes_with_records_takes_what_is_missing)
{
    struct world w;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;
    struct str bytes = STR_LIT(ONE_WITHOUT_ID "not json\n");

    WORLD_OPEN(&w);
    for (int i = 0; i < 2; i++) {
        ingest_report_init(&r);
        cr_assert_eq(ingest_file_bytes(w.engine, "r.jsonl", bytes, &o, &r), ERR_OK);
        cr_expect_eq(r.documents, i == 0 ? 4 : 1);
        cr_expect(REFUSED(&r, "r.jsonl", "line 5"));
        cr_expect(library_has(&w, "one"));
        ingest_report_done(&r);
        if (i == 0)
            lose(&w, "one");
    }
    world_close(&w);
}

/* ---- documents and bytes ---- */

Test(ingest, of_documents_gives_each_its_result)
{
    struct world w;
    json_t *reserved = json_pack("{s:i}", "_page", 1);
    struct ingest_document docs[] = {
        {.id = STR_LIT("a"), .text = STR_LIT("Banks hold capital."), .title = STR_LIT("A")},
        {.id = STR_LIT("a"), .text = STR_LIT("The same id again.")},
        {.id = STR_LIT(""), .text = STR_LIT("No id.")},
        {.id = STR_LIT("b"), .text = STR_LIT("  ")},
        {.id = STR_LIT("c"), .text = STR_LIT("bad \xFF bytes")},
        {.id = STR_LIT("d"), .text = STR_LIT("Reserved name."), .metadata = reserved},
        {.id = STR_LIT("e"), .text = STR_LIT("Banks hold capital.")},
    };
    enum { N = sizeof docs / sizeof *docs };
    static const char *const reasons[N] = {NULL, "twice", "no id", "no text", "UTF-8", "reserved"};
    struct ingest_result results[N];
    struct ingest_options o = USUAL_OPTIONS;

    WORLD_OPEN(&w);
    cr_assert_eq(ingest_documents(w.engine, docs, N, &o, results), ERR_OK, "%s", err_text());
    for (int i = 0; i < N; i++) {
        cr_expect_eq(results[i].status, reasons[i] ? INGEST_REFUSED : INGEST_INGESTED, "%d", i);
        cr_expect_eq(results[i].chunks, reasons[i] ? 0 : 1);
        if (reasons[i])
            cr_expect_not_null(strstr(results[i].reason, reasons[i]), "%s", results[i].reason);
        mem_free(results[i].reason);
    }
    cr_assert_eq(ingest_documents(w.engine, docs, 1, &o, results), ERR_OK);
    cr_expect_eq(results[0].status, INGEST_UNCHANGED);
    json_decref(reserved);
    world_close(&w);
}

struct stopper {
    atomic_bool cancel;
    size_t n_done, n_total, documents;
};

/* Says stop when the first documents are in. */
static void stop_after_some(void *arg, const struct ingest_progress *p)
{
    struct stopper *s = arg;

    s->n_done = p->n_files_done;
    s->n_total = p->n_files;
    s->documents = p->report->documents;
    if (s->documents)
        atomic_store(&s->cancel, true);
}

Test(ingest, of_documents_that_is_cancelled_keeps_what_is_in_and_says_what_is_not)
{
    enum { N = 600 };
    static struct ingest_document docs[N];
    static struct ingest_result results[N];
    static char texts[N][32];
    struct stopper s = {0};
    struct ingest_options o = USUAL_OPTIONS;
    struct world w;
    size_t n_in = 0, n_left = 0;

    WORLD_OPEN(&w);
    for (int i = 0; i < N; i++) {
        snprintf(texts[i], sizeof texts[i], "Passage number %d.", i);
        docs[i] = (struct ingest_document){.id = str_of(texts[i]), .text = str_of(texts[i])};
    }
    o.progress = stop_after_some;
    o.progress_arg = &s;
    o.cancel = &s.cancel;
    cr_assert_eq(ingest_documents(w.engine, docs, N, &o, results), ERR_CANCELLED);
    for (int i = 0; i < N; i++) {
        n_in += results[i].status == INGEST_INGESTED;
        n_left += results[i].status == INGEST_LEFT;
        cr_expect_eq(library_has(&w, texts[i]), results[i].status == INGEST_INGESTED, "%d", i);
    }
    cr_expect_gt(n_in, 0);
    cr_expect_gt(n_left, 0);
    cr_expect_eq(n_in + n_left, N);
    cr_expect_eq(s.documents, n_in);
    cr_expect_eq(s.n_done, n_in);
    cr_expect_eq(s.n_total, N);
    world_close(&w);
}

Test(ingest, of_bytes_takes_the_kind_from_the_name)
{
    struct world w;
    struct ingest_report r;
    struct ingest_options o = USUAL_OPTIONS;
    struct str text = STR_LIT("# Title\n\nBanks hold capital.\n");

    WORLD_OPEN(&w);
    ingest_report_init(&r);
    cr_assert_eq(ingest_file_bytes(w.engine, "up.md", text, &o, &r), ERR_OK, "%s", err_text());
    cr_assert_eq(ingest_file_bytes(w.engine, "up.md", text, &o, &r), ERR_OK);
    cr_assert_eq(ingest_file_bytes(w.engine, "up.exe", text, &o, &r), ERR_OK);
    cr_assert_eq(ingest_file_bytes(w.engine, "up.json", STR_LIT("{"), &o, &r), ERR_OK);
    cr_expect_eq(r.documents, 1);
    cr_expect_eq(r.unchanged, 1);
    cr_expect(SKIPPED(&r, "up.exe", "kind"));
    cr_expect(REFUSED(&r, "up.json", ""));
    cr_expect(library_has(&w, "up.md"));
    ingest_report_done(&r);
    world_close(&w);
}
