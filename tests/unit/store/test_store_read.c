#include "unit/store/store_fixture.h"

static struct fixture f;
static struct store_reader *r;

static void up(void)
{
    fix_up(&f);
    r = store_reader_get(f.store);
}

static void down(void)
{
    store_reader_put(f.store, r);
    fix_down(&f);
}

TestSuite(store_read, .init = up, .fini = down);

struct names {
    char text[256];
    int stop_after;
};

static int add_key(void *arg, const struct document_row *row)
{
    struct names *n = arg;

    strncat(n->text, row->key.p, row->key.n);
    cr_expect_eq(row->text.n, 0, "no text unless asked for");
    if (n->stop_after && --n->stop_after == 0)
        return FAIL(ERR_CANCELLED, "enough");
    return ERR_OK;
}

static void put_letters(const char *letters)
{
    for (const char *p = letters; *p; p++) {
        char key[2] = {*p, '\0'};
        struct fix_document d = fix_document(&f, key, 2, (unsigned)*p, 0);

        MUST(fix_put(&f, &d));
    }
}

Test(store_read, documents_come_in_key_order_and_in_pages)
{
    struct names all = {0}, page = {0}, rest = {0};

    put_letters("dbace");
    MUST(store_each_document(r, f.collection, STR_LIT(""), 0, add_key, &all));
    cr_expect_str_eq(all.text, "abcde");
    MUST(store_each_document(r, f.collection, STR_LIT("b"), 2, add_key, &page));
    cr_expect_str_eq(page.text, "cd");
    MUST(store_each_document(r, f.collection, STR_LIT("e"), 2, add_key, &rest));
    cr_expect_str_eq(rest.text, "");
}

Test(store_read, chunks_written_after_a_time_are_counted)
{
    uint64_t n = 42;

    for (int i = 1; i <= 3; i++) {
        char key[] = {(char)('a' + i), '\0'};
        struct fix_document d = fix_document(&f, key, (size_t)i, (unsigned)i, 0);

        d.row.ingested_ms = 1000 * i;
        MUST(fix_put(&f, &d));
    }
    MUST(store_count_chunks_since(r, f.collection, 1000, &n));
    cr_expect_eq(n, 2 + 3, "those of that very moment are not after it");
    MUST(store_count_chunks_since(r, f.collection, 3000, &n));
    cr_expect_eq(n, 0);
    MUST(store_count_chunks_since(r, f.collection + 1, 0, &n));
    cr_expect_eq(n, 0, "another collection has none");
}

Test(store_read, a_callbacks_error_stops_the_walk_and_comes_back)
{
    struct names n = {.stop_after = 2};

    put_letters("abc");
    cr_expect_eq(store_each_document(r, f.collection, STR_LIT(""), 0, add_key, &n), ERR_CANCELLED);
    cr_expect_str_eq(err_text(), "enough");
    cr_expect_str_eq(n.text, "ab");
    n.text[0] = '\0';
    MUST(store_each_document(r, f.collection, STR_LIT(""), 0, add_key, &n)); /* usable again */
    cr_expect_str_eq(n.text, "abc");
}

static int add_name(void *arg, const struct collection_row *row)
{
    strcat(strcat(arg, row->tenant), "/");
    strcat(strcat(arg, row->name), " ");
    cr_expect_str_eq(row->settings, "{}");
    return ERR_OK;
}

static int make_others_in(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    int64_t id;
    bool made = false;

    (void)arg;
    TRY(store_tx_collection(tx, "zoo", "a", &id, &made));
    cr_expect(made);
    TRY(store_tx_collection(tx, "zoo", "a", &id, &made));
    cr_expect(!made);
    TRY(store_tx_collection(tx, "art", "default", &id, NULL));
out:
    return rc;
}

Test(store_read, collections_are_known_by_tenant_and_name)
{
    char names[200] = "";
    struct collection_row row;

    MUST(store_write(f.store, make_others_in, NULL, NULL));
    MUST(store_each_collection(r, add_name, names));
    cr_expect_str_eq(names, "art/default default/default zoo/a ");
    MUST(store_find_collection(r, "zoo", "a", f.mem, &row));
    cr_expect_geq(row.epoch, 1, "0 means that there is none");
    cr_expect_eq(store_find_collection(r, "art", "a", f.mem, &row), ERR_NOT_FOUND);
}

static int settings_in(struct store_tx *tx, void *arg)
{
    return store_tx_collection_settings(tx, f.collection, arg);
}

Test(store_read, settings_come_back)
{
    char settings[] = "{\"volatile\":true}";
    struct collection_row row;

    MUST(store_write(f.store, settings_in, NULL, settings));
    MUST(store_find_collection(r, "default", "default", f.mem, &row));
    cr_expect_str_eq(row.settings, settings);
}

struct tally {
    int n, n_without;
    int64_t last_document;
    int32_t last_ordinal;
};

static int tally_chunk(void *arg, const struct document_row *doc, const struct chunk_row *c,
                       const float *vector, uint32_t dim)
{
    struct tally *t = arg;

    if (doc->id == t->last_document)
        cr_expect_eq(c->ordinal, t->last_ordinal + 1);
    else
        cr_expect_eq(c->ordinal, 0);
    t->last_document = doc->id;
    t->last_ordinal = c->ordinal;
    t->n++;
    t->n_without += vector == NULL;
    if (vector) {
        cr_expect_eq(dim, FIX_DIM);
        cr_expect_eq(vector[1] - vector[0], 1.0f);
    }
    return ERR_OK;
}

Test(store_read, all_chunks_come_document_by_document_with_their_vectors)
{
    static const struct digest other = {{9}};
    struct tally t = {0}, none = {0};

    put_letters("cab");
    MUST(store_each_chunk(r, f.collection, &fix_model, tally_chunk, &t));
    cr_expect_eq(t.n, 6);
    cr_expect_eq(t.n_without, 0);
    MUST(store_each_chunk(r, f.collection, &other, tally_chunk, &none));
    cr_expect_eq(none.n, 6);
    cr_expect_eq(none.n_without, 6, "vectors of two models never mix");
}

Test(store_read, a_chunk_comes_with_its_document_and_its_sentences)
{
    struct fix_document d = fix_document(&f, "a", 3, 5, 0);
    struct chunk_full full;

    MUST(fix_put(&f, &d));
    MUST(store_fetch_chunk(r, d.chunks[1].id, &fix_model, f.mem, &full));
    cr_expect(str_eq(full.document.key, STR_LIT("a")));
    cr_expect(str_eq(full.document.metadata, STR_LIT("{\"year\":2024}")));
    cr_expect(str_eq(full.chunk.text, d.chunks[1].text));
    cr_expect_eq(full.chunk.page, 2);
    cr_expect_eq(full.n_sentences, 2);
    cr_expect_eq(full.dim, FIX_DIM);
    cr_expect_eq(full.sentence_vectors[2 * FIX_DIM - 1], 5);
}

Test(store_read, a_chunk_without_sentences_is_fine_and_a_missing_one_is_gone)
{
    struct fix_document d = fix_document(&f, "a", 1, 5, 0);
    struct chunk_full full;

    d.vectors[0].n_sentences = 0;
    MUST(fix_put(&f, &d));
    MUST(store_fetch_chunk(r, d.chunks[0].id, &fix_model, f.mem, &full));
    cr_expect_null(full.sentence_vectors);
    cr_expect_eq(full.n_sentences, 0);
    MUST(store_fetch_chunk(r, d.chunks[0].id, NULL, f.mem, &full));
    cr_expect_eq(store_fetch_chunk(r, 1, &fix_model, f.mem, &full), ERR_GONE);
}

Test(store_read, chunks_come_by_their_place_with_their_document)
{
    struct fix_document d = fix_document(&f, "a", 5, 5, 0), other = fix_document(&f, "b", 2, 6, 0);
    struct chunk_full *rows;
    size_t n;

    d.chunks[4].kind = CHUNK_SUMMARY;
    MUST(fix_put(&f, &d));
    MUST(fix_put(&f, &other));
    MUST(store_fetch_range(r, d.row.id, 1, 2, &fix_model, f.mem, &rows, &n));
    cr_assert_eq(n, 2);
    for (size_t i = 0; i < n; i++) {
        cr_expect_eq(rows[i].chunk.id, d.chunks[i + 1].id);
        cr_expect(str_eq(rows[i].document.key, STR_LIT("a")));
        cr_expect_eq(rows[i].n_sentences, 2);
    }
    MUST(store_fetch_range(r, d.row.id, -3, 9, &fix_model, f.mem, &rows, &n));
    cr_expect_eq(n, 4, "a summary has no place among them");
    MUST(store_fetch_range(r, 999, 0, 3, &fix_model, f.mem, &rows, &n));
    cr_expect_eq(n, 0);
    cr_expect_eq(store_fetch_range(r, d.row.id, 0, STORE_RANGE_MAX, &fix_model, f.mem, &rows, &n),
                 ERR_LIMIT);
}

Test(store_read, a_vector_of_the_cache_is_found_by_model_and_text)
{
    struct fix_document d = fix_document(&f, "a", 1, 5, 0);
    struct vector_row v;

    MUST(fix_put(&f, &d));
    MUST(store_find_vector(r, &fix_model, &d.chunks[0].text_hash, f.mem, &v));
    cr_expect_eq(v.dim, FIX_DIM);
    cr_expect_eq(v.n_sentences, 2);
    cr_expect_eq(memcmp(v.vector, d.vectors[0].vector, FIX_DIM * sizeof(float)), 0);
    cr_expect_eq(store_find_vector(r, &d.row.hash, &d.chunks[0].text_hash, f.mem, &v),
                 ERR_NOT_FOUND);
    cr_expect_eq(store_find_vector(r, &fix_model, &fix_model, f.mem, &v), ERR_NOT_FOUND);
}

static void damage(const char *sql)
{
    store_reader_put(f.store, r);
    fix_damage(&f, sql);
    r = store_reader_get(f.store);
}

static int count_vectors(void *arg, const struct document_row *doc, const struct chunk_row *chunk,
                         const float *vector, uint32_t dim)
{
    (void)doc, (void)chunk;
    cr_expect_eq(dim, vector ? FIX_DIM : 0);
    *(int *)arg += vector != NULL;
    return ERR_OK;
}

Test(store_read, a_damaged_vector_counts_as_missing)
{
    struct fix_document a = fix_document(&f, "a", 3, 1, 0);
    struct vector_row v = {0};
    struct chunk_full full;
    int n = 0;

    MUST(fix_put(&f, &a));
    damage("UPDATE vectors SET vector = zeroblob(32) WHERE id = 1;"
           "UPDATE vectors SET vector = zeroblob(31) WHERE id = 2;"
           "UPDATE sentence_vectors SET vectors = zeroblob(16) WHERE vector = 3");
    MUST(store_each_chunk(r, f.collection, &fix_model, count_vectors, &n));
    cr_expect_eq(n, 1);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(store_find_vector(r, &fix_model, &a.chunks[i].text_hash, f.mem, &v),
                     ERR_NOT_FOUND);
    MUST(store_fetch_chunk(r, a.chunks[2].id, &fix_model, f.mem, &full));
    cr_expect_null(full.sentence_vectors);
    cr_expect_eq(full.n_sentences, 0);
    cr_expect(str_eq(full.chunk.text, a.chunks[2].text));

    MUST(fix_put(&f, &a)); /* made again from its text */
    cr_expect_eq(fix_check(&f), 0);
    MUST(store_find_vector(r, &fix_model, &a.chunks[0].text_hash, f.mem, &v));
    cr_expect_arr_eq(v.vector, a.vectors[0].vector, FIX_DIM * sizeof(float));
}

Test(store_read, a_damaged_row_is_an_error_that_names_the_document)
{
    struct fix_document a = fix_document(&f, "a.md", 2, 1, 0);
    struct chunk_full full;
    int n = 0;

    MUST(fix_put(&f, &a));
    damage("UPDATE chunks SET text = 'seed 000001, part 000009. ' WHERE ordinal = 1");
    cr_expect_eq(store_each_chunk(r, f.collection, &fix_model, count_vectors, &n), ERR_DATABASE);
    cr_expect_not_null(strstr(err_text(), "document 'a.md'"), "%s", err_text());
    cr_expect_eq(store_fetch_chunk(r, a.chunks[1].id, NULL, f.mem, &full), ERR_DATABASE);
    cr_expect_not_null(strstr(err_text(), "document 'a.md'"), "%s", err_text());
    damage("UPDATE documents SET title = 'Another'");
    cr_expect_eq(store_each_chunk(r, f.collection, &fix_model, count_vectors, &n), ERR_DATABASE);
    cr_expect_not_null(strstr(err_text(), "document 'a.md'"), "%s", err_text());
}

Test(store_read, a_transaction_sees_one_state)
{
    struct fix_document a = fix_document(&f, "a", 1, 1, 0);
    struct document_row row;

    MUST(store_read_begin(r));
    MUST(fix_put(&f, &a)); /* after the transaction began, before it looked */
    cr_expect_eq(store_find_document(r, f.collection, STR_LIT("a"), false, f.mem, &row),
                 ERR_NOT_FOUND);
    store_read_end(r);
    MUST(store_find_document(r, f.collection, STR_LIT("a"), false, f.mem, &row));
}

static int read_own_in(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct fix_document *d = arg;
    struct document_row row;
    struct chunk_row *chunks;
    size_t n;

    TRY(fix_put_in(tx, d));
    TRY(store_find_document(store_tx_reader(tx), d->collection, d->row.key, true, f.mem, &row));
    TRY(store_document_chunks(store_tx_reader(tx), row.id, f.mem, &chunks, &n));
    cr_expect_eq(n, d->n);
out:
    return rc;
}

/* However little memory there is when it ends. */
Test(store_read, a_transaction_that_ends_without_memory_has_ended)
{
    cr_assert_eq(store_read_begin(r), ERR_OK);
    sqlite3_hard_heap_limit64(1);
    store_read_end(r);
    sqlite3_hard_heap_limit64(0);
    cr_expect_eq(store_read_begin(r), ERR_OK, "%s", err_text());
    store_read_end(r);
}

Test(store_read, a_transaction_reads_its_own_writes)
{
    struct fix_document a = fix_document(&f, "a", 3, 1, 0);

    cr_expect_eq(store_write(f.store, read_own_in, NULL, &a), ERR_OK, "%s", err_text());
}

Test(store_read, a_document_of_no_text_is_still_one)
{
    struct fix_document a = fix_document(&f, "a", 0, 1, 0);
    struct document_row row;
    struct chunk_row *chunks;
    size_t n = 9;

    MUST(fix_put(&f, &a));
    MUST(store_find_document(r, f.collection, STR_LIT("a"), true, f.mem, &row));
    cr_expect_eq(row.text.n, 0);
    MUST(store_document_chunks(r, row.id, f.mem, &chunks, &n));
    cr_expect_eq(n, 0);
    cr_expect_eq(fix_check(&f), 0);
}

static int add_dim(void *arg, const struct digest *fingerprint, uint32_t dim)
{
    (void)fingerprint;
    *(uint32_t *)arg += dim;
    return dim == 7 ? FAIL(ERR_CANCELLED, "enough") : ERR_OK;
}

Test(store_read, knows_the_models_that_stored_a_vector)
{
    struct fix_document a = fix_document(&f, "a", 2, 1, 0);
    uint32_t sum = 0;

    MUST(store_each_model(r, add_dim, &sum));
    cr_expect_eq(sum, 0);
    MUST(fix_put(&f, &a));
    MUST(store_each_model(r, add_dim, &sum));
    cr_expect_gt(sum, 0);
}

static int count_chunk(void *arg, const struct document_row *doc, const struct chunk_row *chunk,
                       const float *vector, uint32_t dim)
{
    cr_expect(str_eq(doc->key, STR_LIT("a")) || str_eq(doc->key, STR_LIT("b")));
    cr_expect_eq(chunk->text.n, FIX_PART);
    cr_expect_null(vector);
    cr_expect_eq(dim, 0);
    ++*(size_t *)arg;
    return ERR_OK;
}

Test(store_read, chunks_without_a_vector_come_page_by_page)
{
    static const struct digest other = {{7}};
    struct fix_document a = fix_document(&f, "a", 3, 1, 0), b = fix_document(&f, "b", 2, 2, 0);
    struct store_reader *reader;
    int64_t row = 0;
    size_t n = 0;
    uint64_t missing = 9;

    MUST(fix_put(&f, &a));
    MUST(fix_put(&f, &b));
    reader = store_reader_get(f.store);
    MUST(store_each_missing(reader, &fix_model, &row, 10, count_chunk, &n));
    cr_expect_eq(n, 0);
    cr_expect_eq(row, 0);
    MUST(store_count_missing(reader, &fix_model, &missing));
    cr_expect_eq(missing, 0);
    MUST(store_count_missing(reader, &other, &missing));
    cr_expect_eq(missing, 5);
    MUST(store_each_missing(reader, &other, &row, 4, count_chunk, &n));
    cr_expect_eq(n, 4);
    MUST(store_each_missing(reader, &other, &row, 4, count_chunk, &n));
    cr_expect_eq(n, 5, "the next page begins where the last one ended");
    store_reader_put(f.store, reader);
}
