#include "unit/store/store_fixture.h"

static struct fixture f;
static const struct digest other = {{9}};

static void up(void)
{
    fix_up(&f);
}

static void down(void)
{
    fix_down(&f);
}

TestSuite(store_model, .init = up, .fini = down);

static int set_in(struct store_tx *tx, void *arg)
{
    return store_tx_set_model(tx, arg);
}

static int find(struct store_model *out)
{
    struct store_reader *r = store_reader_get(f.store);
    int rc = store_find_model(r, f.mem, out);

    store_reader_put(f.store, r);
    return rc;
}

Test(store_model, a_new_store_is_of_none_until_somebody_says)
{
    struct store_model m = {.fingerprint = fix_model, .name = "small", .path = "/models/small"};
    struct store_model found;

    cr_expect_eq(find(&found), ERR_NOT_FOUND);
    MUST(store_write(f.store, set_in, NULL, &m));
    MUST(find(&found));
    cr_expect(digest_eq(&found.fingerprint, &fix_model));
    cr_expect_str_eq(found.name, "small");
    cr_expect_str_eq(found.path, "/models/small");
    cr_expect(!found.in_use);
    m.name = "large";
    m.fingerprint = other;
    MUST(store_write(f.store, set_in, NULL, &m));
    MUST(find(&found));
    cr_expect(digest_eq(&found.fingerprint, &other));
    cr_expect_str_eq(found.name, "large", "the last word counts");
}

Test(store_model, is_read_without_opening_the_store)
{
    struct store_model m = {.fingerprint = fix_model, .name = "small", .path = ""};
    struct store_model found;
    struct fix_document d = fix_document(&f, "a", 1, 1, 0);

    cr_expect_eq(store_model_of("/nowhere", f.mem, &found), ERR_NOT_FOUND);
    cr_expect_eq(store_model_of(f.dir, f.mem, &found), ERR_NOT_FOUND, "it does not say yet");
    MUST(store_write(f.store, set_in, NULL, &m));
    MUST(store_model_of(f.dir, f.mem, &found)); /* while it is open elsewhere */
    cr_expect_str_eq(found.name, "small");
    store_close(f.store);
    MUST(store_model_of(f.dir, f.mem, &found));
    cr_expect_str_eq(found.path, "");
    fix_open(&f);
    MUST(fix_put(&f, &d));
    MUST(store_model_of(f.dir, f.mem, &found));
    cr_expect(found.in_use);
}

Test(store_model, a_damaged_row_is_an_error)
{
    struct store_model m = {.fingerprint = fix_model, .name = "small", .path = ""};

    MUST(store_write(f.store, set_in, NULL, &m));
    fix_damage(&f, "UPDATE meta SET value = 'x' WHERE key = 'model'");
    cr_expect_eq(find(&m), ERR_DATABASE);
}

struct drop {
    size_t limit, n;
    int64_t cursor;
};

static int drop_in(struct store_tx *tx, void *arg)
{
    struct drop *d = arg;

    return store_tx_drop_vectors(tx, &fix_model, d->limit, &d->cursor, &d->n);
}

static int put_others_in(struct store_tx *tx, void *arg)
{
    struct fix_document *d = arg;

    return store_tx_put_vectors(tx, &other, d->vectors, d->n);
}

static int count_model(void *arg, const struct digest *fingerprint, uint32_t dim)
{
    (void)fingerprint, (void)dim;
    ++*(size_t *)arg;
    return ERR_OK;
}

Test(store_model, vectors_of_other_models_go_slice_by_slice_and_no_others)
{
    struct fix_document d = fix_document(&f, "a", 5, 1, 0);
    struct drop drop = {.limit = 2};
    struct store_reader *r;
    struct vector_row row;
    size_t n_models = 0, n = 0;

    MUST(fix_put(&f, &d));
    MUST(store_write(f.store, put_others_in, NULL, &d));
    for (int i = 0; i < 3; i++) {
        MUST(store_write(f.store, drop_in, NULL, &drop));
        cr_expect_eq(drop.n, i < 2 ? 2 : 1);
        n += drop.n;
    }
    MUST(store_write(f.store, drop_in, NULL, &drop));
    cr_expect_eq(drop.n, 0);
    cr_expect_eq(n, 5);
    r = store_reader_get(f.store);
    cr_expect_eq(store_find_vector(r, &other, &d.vectors[0].text_hash, f.mem, &row), ERR_NOT_FOUND);
    MUST(store_find_vector(r, &fix_model, &d.vectors[0].text_hash, f.mem, &row));
    cr_expect_eq(row.n_sentences, 2);
    MUST(store_each_model(r, count_model, &n_models));
    cr_expect_eq(n_models, 1, "the model is forgotten with its last vector");
    store_reader_put(f.store, r);
    cr_expect_eq(fix_check(&f), 0);
}
