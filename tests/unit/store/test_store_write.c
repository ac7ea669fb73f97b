#include "unit/store/store_fixture.h"

static struct fixture f;

static void up(void)
{
    fix_up(&f);
}

static void down(void)
{
    fix_down(&f);
}

TestSuite(store_write, .init = up, .fini = down);

static struct collection_row counts(void)
{
    struct store_reader *r = store_reader_get(f.store);
    struct collection_row row;

    MUST(store_find_collection(r, "default", "default", f.mem, &row));
    store_reader_put(f.store, r);
    return row;
}

static bool has_vector(const struct digest *text_hash)
{
    struct store_reader *r = store_reader_get(f.store);
    struct vector_row row;
    int rc = store_find_vector(r, &fix_model, text_hash, f.mem, &row);

    store_reader_put(f.store, r);
    return rc == ERR_OK;
}

Test(store_write, a_document_comes_back_as_it_was_put)
{
    struct fix_document d = fix_document(&f, "a.md", 3, 7, 0);
    struct store_reader *r;
    struct document_row back;
    struct chunk_row *chunks;
    size_t n;

    MUST(fix_put(&f, &d));
    r = store_reader_get(f.store);
    MUST(store_find_document(r, f.collection, STR_LIT("a.md"), true, f.mem, &back));
    cr_expect(str_eq(back.text, d.row.text));
    cr_expect(str_eq(back.title, d.row.title));
    cr_expect(str_eq(back.metadata, d.row.metadata));
    cr_expect(digest_eq(&back.hash, &d.row.hash));
    MUST(store_document_chunks(r, back.id, f.mem, &chunks, &n));
    cr_assert_eq(n, 3);
    for (size_t i = 0; i < n; i++) {
        cr_expect_eq(chunks[i].id, d.chunks[i].id);
        cr_expect(str_eq(chunks[i].text, d.chunks[i].text));
        cr_expect(str_eq(chunks[i].heading, STR_LIT("Part > Section")));
    }
    store_reader_put(f.store, r);
    cr_expect_eq(fix_check(&f), 0);
}

Test(store_write, replacing_keeps_the_row_and_the_counts_right)
{
    struct fix_document a = fix_document(&f, "a", 5, 1, 0), b = fix_document(&f, "a", 2, 2, 0);

    MUST(fix_put(&f, &a));
    MUST(fix_put(&f, &b));
    cr_expect_eq(a.row.id, b.row.id);
    cr_expect_eq(counts().n_documents, 1);
    cr_expect_eq(counts().n_chunks, 2);
    cr_expect_eq(fix_check(&f), 0);
}

Test(store_write, the_same_chunk_ids_again_are_no_clash)
{
    struct fix_document a = fix_document(&f, "a", 3, 1, 0);

    MUST(fix_put(&f, &a));
    MUST(fix_put(&f, &a)); /* a new title changes the row, not the chunks' ids */
    cr_expect_eq(fix_check(&f), 0);
}

Test(store_write, a_key_from_another_root_is_refused_with_both_names)
{
    struct fix_document a = fix_document(&f, "same.md", 1, 1, 0);
    struct fix_document b = fix_document(&f, "same.md", 1, 2, 1);

    MUST(fix_put(&f, &a));
    b.row.root = STR_LIT("/other");
    cr_assert_eq(fix_put(&f, &b), ERR_EXISTS);
    cr_expect_not_null(strstr(err_text(), "'/docs'"));
    cr_expect_not_null(strstr(err_text(), "'/other'"));
    b.row.root = STR_LIT("");
    cr_assert_eq(fix_put(&f, &b), ERR_EXISTS);
    cr_expect_not_null(strstr(err_text(), "given by id"));
    cr_expect_eq(fix_check(&f), 0, "and its vectors went with it");
}

struct two {
    struct fix_document *refused, *stays;
    int rc;
};

/* As an index does: a document that is refused does not end the transaction. */
static int put_both_in(struct store_tx *tx, void *arg)
{
    struct two *t = arg;

    t->rc = store_tx_put_document(tx, f.collection, &t->refused->row, t->refused->chunks,
                                  t->refused->n);
    return fix_put_in(tx, t->stays);
}

Test(store_write, a_document_refused_half_way_leaves_no_half)
{
    struct fix_document a = fix_document(&f, "a", 3, 1, 0), b = fix_document(&f, "b", 3, 2, 0);
    struct fix_document b2 = fix_document(&f, "b", 3, 3, 0), c = fix_document(&f, "c", 1, 4, 0);
    struct two both = {&b2, &c, 0};
    struct document_row row;
    struct store_reader *r;

    MUST(fix_put(&f, &a));
    MUST(fix_put(&f, &b));
    b2.chunks[1].id = a.chunks[1].id;
    MUST(store_write(f.store, put_both_in, NULL, &both));
    cr_expect_eq(both.rc, ERR_EXISTS);
    r = store_reader_get(f.store);
    MUST(store_find_document(r, f.collection, STR_LIT("b"), true, f.mem, &row));
    cr_expect(str_eq(row.text, b.row.text), "b is what it was");
    store_reader_put(f.store, r);
    cr_expect_eq(counts().n_documents, 3);
    cr_expect_eq(counts().n_chunks, 7);
    cr_expect_eq(fix_check(&f), 0);
    cr_expect_eq(fix_put(&f, &b2), ERR_EXISTS);
    cr_expect_not_null(strstr(err_text(), "document 'b': the id of chunk 1"), "%s", err_text());
}

Test(store_write, vectors_go_with_their_last_chunk)
{
    struct fix_document a = fix_document(&f, "a", 2, 1, 0), b = fix_document(&f, "b", 2, 1, 1);

    MUST(fix_put(&f, &a));
    MUST(fix_put(&f, &b));
    MUST(fix_delete(&f, a.row.id));
    cr_expect(has_vector(&a.chunks[0].text_hash), "b still has that text");
    MUST(fix_delete(&f, b.row.id));
    cr_expect(!has_vector(&a.chunks[0].text_hash));
    cr_expect_eq(counts().n_documents, 0);
    cr_expect_eq(counts().n_chunks, 0);
    cr_expect_eq(fix_check(&f), 0);
}

Test(store_write, vectors_of_text_that_stays_are_kept_when_a_document_is_replaced)
{
    struct fix_document a = fix_document(&f, "a", 3, 1, 0), b = fix_document(&f, "a", 2, 1, 9);

    MUST(fix_put(&f, &a));
    MUST(fix_put(&f, &b)); /* the same text, one part less */
    cr_expect(has_vector(&a.chunks[1].text_hash));
    cr_expect(!has_vector(&a.chunks[2].text_hash));
    cr_expect_eq(fix_check(&f), 0);
}

static int move_in(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct fix_document *d = arg;

    TRY(store_tx_delete_document(tx, d[0].row.id));
    TRY(store_tx_put_document(tx, f.collection, &d[1].row, d[1].chunks, d[1].n));
out:
    return rc;
}

Test(store_write, a_document_moved_to_another_key_keeps_its_vectors)
{
    struct fix_document d[2] = {fix_document(&f, "a", 2, 1, 0), fix_document(&f, "b", 2, 1, 1)};

    MUST(fix_put(&f, &d[0]));
    MUST(store_write(f.store, move_in, NULL, d));
    cr_expect(has_vector(&d[1].chunks[0].text_hash));
    cr_expect_eq(fix_check(&f), 0);
}

static int drop_in(struct store_tx *tx, void *arg)
{
    return store_tx_drop_collection(tx, *(int64_t *)arg);
}

static int bump_in(struct store_tx *tx, void *arg)
{
    return store_tx_bump_epoch(tx, f.collection, arg);
}

Test(store_write, an_epoch_moves_by_one)
{
    int64_t first, second;

    MUST(store_write(f.store, bump_in, NULL, &first));
    MUST(store_write(f.store, bump_in, NULL, &second));
    cr_expect_eq(second, first + 1);
    cr_expect_eq(counts().epoch, second);
    f.collection = 99;
    cr_expect_eq(store_write(f.store, bump_in, NULL, &first), ERR_NOT_FOUND);
}

Test(store_write, a_collection_made_anew_starts_above_its_old_epoch)
{
    struct fix_document a = fix_document(&f, "a", 2, 1, 0);
    int64_t epoch, old = f.collection;

    MUST(fix_put(&f, &a));
    for (int i = 0; i < 5; i++)
        MUST(store_write(f.store, bump_in, NULL, &epoch));
    MUST(store_write(f.store, drop_in, NULL, &f.collection));
    cr_expect(!has_vector(&a.chunks[0].text_hash));
    cr_expect_eq(fix_check(&f), 0);
    MUST(store_write(f.store, fix_make_collection, NULL, &f.collection));
    cr_expect_neq(f.collection, old);
    cr_expect_gt(counts().epoch, epoch);
    cr_expect_eq(counts().n_chunks, 0);
}

Test(store_write, chunk_ids_use_all_64_bits)
{
    struct fix_document a = fix_document(&f, "a", 1, 1, 0);
    struct store_reader *r;
    struct chunk_full full;

    a.chunks[0].id = 0xfedcba9876543210u;
    MUST(fix_put(&f, &a));
    r = store_reader_get(f.store);
    MUST(store_fetch_chunk(r, 0xfedcba9876543210u, &fix_model, f.mem, &full));
    cr_expect_eq(full.chunk.id, 0xfedcba9876543210u);
    store_reader_put(f.store, r);
}

Test(store_write, keys_are_bytes_and_sort_as_bytes)
{
    static const char *const keys[] = {"a", "B", "\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac.md", "\xff"};
    struct store_reader *r;
    struct document_row row;

    for (unsigned i = 0; i < 5; i++) {
        struct fix_document d = fix_document(&f, keys[i], 1, i, 0);

        MUST(fix_put(&f, &d));
    }
    r = store_reader_get(f.store);
    for (int i = 0; i < 5; i++)
        MUST(store_find_document(r, f.collection, str_of(keys[i]), false, f.mem, &row));
    cr_expect_eq(store_find_document(r, f.collection, STR_LIT("A"), false, f.mem, &row),
                 ERR_NOT_FOUND, "case counts");
    store_reader_put(f.store, r);
}

Test(store_write, a_chunk_that_is_not_its_documents_bytes_is_refused)
{
    struct fix_document a = fix_document(&f, "a", 2, 1, 0);

    a.chunks[1].start--;
    cr_expect_eq(fix_put(&f, &a), ERR_ARGUMENT);
    a.chunks[1].start++;
    a.chunks[1].end = 4000;
    cr_expect_eq(fix_put(&f, &a), ERR_ARGUMENT);
    a.chunks[1].kind = CHUNK_SUMMARY; /* a summary is words of its own */
    cr_expect_eq(fix_put(&f, &a), ERR_OK);
}

Test(store_write, a_summary_is_kept_but_not_counted)
{
    struct fix_document a = fix_document(&f, "a", 3, 1, 0);

    a.chunks[2].kind = CHUNK_SUMMARY;
    MUST(fix_put(&f, &a));
    cr_expect_eq(a.row.n_chunks, 2);
    cr_expect_eq(counts().n_chunks, 2);
    MUST(fix_put(&f, &a));
    cr_expect_eq(counts().n_chunks, 2, "nor when it is replaced");
    MUST(fix_delete(&f, a.row.id));
    cr_expect_eq(counts().n_chunks, 0);
}

Test(store_write, limits_are_named)
{
    struct fix_document a = fix_document(&f, "a", 1, 1, 0);
    char *key = arena_zalloc(f.mem, STORE_KEY_MAX + 1);

    a.row.key = (struct str){memset(key, 'k', STORE_KEY_MAX + 1), STORE_KEY_MAX + 1};
    cr_assert_eq(fix_put(&f, &a), ERR_LIMIT);
    cr_expect_not_null(strstr(err_text(), "4096"));
    a.row.key.n = 0;
    cr_expect_eq(fix_put(&f, &a), ERR_ARGUMENT);
    a.row.key.n = STORE_KEY_MAX;
    cr_expect_eq(fix_put(&f, &a), ERR_OK);
}

Test(store_write, one_model_has_one_dimension)
{
    struct fix_document a = fix_document(&f, "a", 1, 1, 0), b = fix_document(&f, "b", 1, 2, 0);

    MUST(fix_put(&f, &a));
    b.vectors[0].dim = 4;
    cr_assert_eq(fix_put(&f, &b), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "8 dimensions, not 4"));
    b.vectors[0].dim = 0;
    cr_expect_eq(fix_put(&f, &b), ERR_ARGUMENT);
}

static int bad_name_in(struct store_tx *tx, void *arg)
{
    int64_t id;

    return store_tx_collection(tx, "default", arg, &id, NULL);
}

Test(store_write, collection_names_are_plain)
{
    static const char *const bad[] = {
        "", "a b", "a/b", "\xc3\xa9",
        "x2345678901234567890123456789012345678901234567890123456789012345"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(store_write(f.store, bad_name_in, NULL, (void *)(uintptr_t)bad[i]),
                     ERR_ARGUMENT, "%s", bad[i]);
    cr_expect_eq(store_write(f.store, bad_name_in, NULL, (void *)(uintptr_t) "a-b_c.9"), ERR_OK);
}

Test(store_write, a_missing_document_or_collection_is_not_found)
{
    struct fix_document a = fix_document(&f, "a", 1, 1, 0);

    cr_expect_eq(fix_delete(&f, 12345), ERR_NOT_FOUND);
    a.collection = 77;
    cr_expect_eq(fix_put(&f, &a), ERR_NOT_FOUND);
}

static int put_late_in(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct fix_document *d = arg;

    for (size_t i = 0; i < d->n; i++)
        TRY(store_tx_put_late_vector(tx, &fix_model, &d->vectors[i]));
out:
    return rc;
}

Test(store_write, a_late_vector_is_kept_only_while_a_chunk_has_its_text)
{
    struct fix_document there = fix_document(&f, "a", 2, 1, 0);
    struct fix_document gone = fix_document(&f, "b", 2, 2, 0);
    struct store_reader *r;
    struct vector_row row;

    MUST(fix_put(&f, &there));
    MUST(store_write(f.store, put_late_in, NULL, &there));
    MUST(store_write(f.store, put_late_in, NULL, &gone));
    r = store_reader_get(f.store);
    MUST(store_find_vector(r, &fix_model, &there.vectors[0].text_hash, f.mem, &row));
    cr_expect_eq(store_find_vector(r, &fix_model, &gone.vectors[0].text_hash, f.mem, &row),
                 ERR_NOT_FOUND);
    store_reader_put(f.store, r);
    cr_expect_eq(fix_check(&f), 0);
}
