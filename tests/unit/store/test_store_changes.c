#include "base/buf.h"
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

TestSuite(store_changes, .init = up, .fini = down);

/* A change as the retriever makes it: the document, then the epoch. */
static int put_and_move(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct fix_document *d = arg;
    int64_t epoch;

    TRY(fix_put_in(tx, d));
    TRY(store_tx_bump_epoch(tx, d->collection, &epoch));
out:
    return rc;
}

static int64_t put(const char *key, unsigned seed)
{
    struct fix_document d = fix_document(&f, key, 2, seed, seed);

    MUST(store_write(f.store, put_and_move, NULL, &d));
    return d.row.id;
}

static int delete_and_move(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    int64_t epoch;

    TRY(store_tx_delete_document(tx, *(int64_t *)arg));
    TRY(store_tx_bump_epoch(tx, f.collection, &epoch));
out:
    return rc;
}

static int64_t epoch_now(void)
{
    struct store_reader *r = store_reader_get(f.store);
    struct collection_row row;

    MUST(store_find_collection(r, "default", "default", f.mem, &row));
    store_reader_put(f.store, r);
    return row.epoch;
}

static int add_key(void *arg, struct str key)
{
    struct buf *b = arg;

    buf_add_view(b, key);
    buf_add_char(b, ' ');
    return ERR_OK;
}

static void expect_changes(int64_t since, const char *keys)
{
    struct store_reader *r = store_reader_get(f.store);
    struct buf b;

    buf_init(&b);
    buf_add_str(&b, "");
    MUST(store_each_change(r, f.collection, since, add_key, &b));
    cr_expect_str_eq(b.p, keys);
    store_reader_put(f.store, r);
    buf_done(&b);
}

struct stand {
    const char *name;
    int64_t epoch;
};

static int stand_in(struct store_tx *tx, void *arg)
{
    const struct stand *s = arg;

    return store_tx_index_is(tx, f.collection, str_of(s->name), s->epoch);
}

Test(store_changes, tell_what_came_changed_and_went_since_an_epoch)
{
    int64_t start = epoch_now(), a, later;

    a = put("a", 1);
    put("b", 2);
    expect_changes(start, "a b ");
    later = epoch_now();
    put("b", 3);
    put("c", 4);
    MUST(store_write(f.store, delete_and_move, NULL, &a));
    expect_changes(later, "b c a ");
    expect_changes(start, "b c a ");
    expect_changes(epoch_now(), "");
}

Test(store_changes, are_forgotten_when_index_files_hold_them)
{
    struct stand s = {"one", 0};
    struct store_reader *r;
    struct str name;
    int64_t epoch;

    r = store_reader_get(f.store);
    cr_expect_eq(store_find_index(r, f.collection, f.mem, &name, &epoch), ERR_NOT_FOUND);
    put("a", 1);
    s.epoch = epoch_now();
    put("b", 2);
    MUST(store_write(f.store, stand_in, NULL, &s));
    expect_changes(0, "b ");
    MUST(store_find_index(r, f.collection, f.mem, &name, &epoch));
    cr_expect(str_eq(name, STR_LIT("one")));
    cr_expect_eq(epoch, s.epoch);
    s = (struct stand){"two", epoch_now()};
    MUST(store_write(f.store, stand_in, NULL, &s));
    MUST(store_find_index(r, f.collection, f.mem, &name, &epoch));
    cr_expect(str_eq(name, STR_LIT("two")));
    expect_changes(0, "");
    store_reader_put(f.store, r);
}

static int put_and_fail(struct store_tx *tx, void *arg)
{
    put_and_move(tx, arg);
    return FAIL(ERR_ARGUMENT, "changed its mind");
}

Test(store_changes, of_what_was_rolled_back_are_none)
{
    struct fix_document d = fix_document(&f, "a", 1, 1, 1);

    cr_expect_eq(store_write(f.store, put_and_fail, NULL, &d), ERR_ARGUMENT);
    expect_changes(0, "");
}

static int drop_in(struct store_tx *tx, void *arg)
{
    (void)arg;
    return store_tx_drop_collection(tx, f.collection);
}

Test(store_changes, go_with_their_collection)
{
    struct stand s = {"one", 0};
    struct store_reader *r;
    struct str name;
    int64_t epoch;

    put("a", 1);
    MUST(store_write(f.store, stand_in, NULL, &s));
    MUST(store_write(f.store, drop_in, NULL, NULL));
    expect_changes(0, "");
    r = store_reader_get(f.store);
    cr_expect_eq(store_find_index(r, f.collection, f.mem, &name, &epoch), ERR_NOT_FOUND);
    store_reader_put(f.store, r);
}

static int count_chunk(void *arg, const struct document_row *doc, const struct chunk_row *chunk,
                       const float *vector, uint32_t dim)
{
    (void)chunk;
    cr_expect(str_eq(doc->key, STR_LIT("a")));
    cr_expect_not_null(vector);
    cr_expect_eq(dim, FIX_DIM);
    ++*(int *)arg;
    return ERR_OK;
}

Test(store_changes, chunks_of_one_document_come_with_their_vectors)
{
    struct store_reader *r;
    struct document_row row;
    int n = 0;

    put("a", 1);
    put("b", 2);
    r = store_reader_get(f.store);
    MUST(store_find_document(r, f.collection, STR_LIT("a"), false, f.mem, &row));
    MUST(store_each_chunk_of(r, &row, &fix_model, count_chunk, &n));
    cr_expect_eq(n, 2);
    store_reader_put(f.store, r);
}

static int index_is_in(struct store_tx *tx, void *arg)
{
    return store_tx_index_is(tx, *(int64_t *)arg, STR_LIT("some.manifest"), 1);
}

static int forget_in(struct store_tx *tx, void *arg)
{
    (void)arg;
    return store_tx_forget_indexes(tx);
}

Test(store_changes, forgotten_index_files_stand_for_nothing)
{
    struct store_reader *r;
    struct str name;
    int64_t epoch;

    MUST(store_write(f.store, index_is_in, NULL, &f.collection));
    r = store_reader_get(f.store);
    MUST(store_find_index(r, f.collection, f.mem, &name, &epoch));
    MUST(store_write(f.store, forget_in, NULL, NULL));
    cr_expect_eq(store_find_index(r, f.collection, f.mem, &name, &epoch), ERR_NOT_FOUND);
    store_reader_put(f.store, r);
}
