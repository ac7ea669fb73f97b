#include "store/store_answers.h"

#include <sys/stat.h>

#include "store/db.h"
#include "unit/store/store_fixture.h"

static struct fixture f;
static int64_t epoch; /* of the collection */

/* ---- documents, as the retriever writes them: the change, then the epoch ---- */

static int put_and_move(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct fix_document *d = arg;

    TRY(fix_put_in(tx, d));
    TRY(store_tx_bump_epoch(tx, d->collection, &epoch));
out:
    return rc;
}

static int64_t put_document(const char *key, unsigned seed)
{
    struct fix_document d = fix_document(&f, key, 2, seed, seed);

    MUST(store_write(f.store, put_and_move, NULL, &d));
    return d.row.id;
}

static int delete_and_move(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;

    TRY(store_tx_delete_document(tx, *(int64_t *)arg));
    TRY(store_tx_bump_epoch(tx, f.collection, &epoch));
out:
    return rc;
}

static void delete_document(int64_t id)
{
    MUST(store_write(f.store, delete_and_move, NULL, &id));
}

static int64_t id_a, id_b;

static void up(void)
{
    fix_up(&f);
    id_a = put_document("a", 1);
    id_b = put_document("b", 2);
}

static void down(void)
{
    fix_down(&f);
}

TestSuite(store_answers, .init = up, .fini = down);

/* ---- answers ---- */

static const struct str both[] = {{"a", 1}, {"b", 1}};

static struct digest named(const char *s)
{
    return digest_of(s, strlen(s));
}

/* Stored at 1000 for 500 ms; shows "a". */
static struct answer_row made(const char *prompt, const char *body)
{
    return (struct answer_row){.prompt_hash = named(prompt),
                               .collection = f.collection,
                               .stored_ms = 1000,
                               .ttl_ms = 500,
                               .tokens_in = 100,
                               .tokens_out = 20,
                               .body = str_of(body),
                               .documents = both,
                               .n_documents = 1};
}

struct put {
    const struct answer_row *row;
    int64_t epoch;
};

static int put_in(struct store_tx *tx, void *arg)
{
    struct put *p = arg;

    return store_tx_put_answer(tx, p->row, p->epoch);
}

static int put_at(const struct answer_row *row, int64_t at_epoch)
{
    return store_write(f.store, put_in, NULL, &(struct put){row, at_epoch});
}

static int put(const char *prompt, const char *body)
{
    struct answer_row row = made(prompt, body);

    return put_at(&row, epoch);
}

static int find_at(const char *prompt, int64_t collection, int64_t now_ms, struct answer_row *out)
{
    struct store_reader *r = store_reader_get(f.store);
    struct digest p = named(prompt);
    int rc = store_find_answer(r, collection, &p, now_ms, f.mem, out);

    store_reader_put(f.store, r);
    return rc;
}

static bool there(const char *prompt)
{
    struct answer_row row;

    return find_at(prompt, f.collection, 1200, &row) == ERR_OK;
}

static int count_row(void *arg, const struct answer_row *row)
{
    (void)row;
    ++*(int *)arg;
    return ERR_OK;
}

static int count_answers(void)
{
    struct store_reader *r = store_reader_get(f.store);
    int n = 0;

    MUST(store_each_answer(r, 0, 0, count_row, &n));
    store_reader_put(f.store, r);
    return n;
}

static int64_t rows_of(const char *table)
{
    char path[128], sql[64];
    struct db db;
    int64_t n;

    snprintf(path, sizeof path, "%s/ragd.db", f.dir);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    MUST(db_open(&db, path, DB_READ));
    MUST(db_int(&db, sql, &n));
    db_close(&db);
    return n;
}

Test(store_answers, come_back_as_they_went_and_after_a_restart)
{
    struct answer_row row = made("p", "{\"answer\":\"4.5 %\"}"), out;

    row.kind = ANSWER_PRECOMPUTED;
    row.documents = both;
    row.n_documents = 2;
    MUST(put_at(&row, epoch));
    store_close(f.store);
    fix_open(&f);
    MUST(find_at("p", f.collection, 1200, &out));
    cr_expect(str_eq(out.body, row.body));
    cr_expect(digest_eq(&out.prompt_hash, &row.prompt_hash));
    cr_expect_eq(out.kind, ANSWER_PRECOMPUTED);
    cr_expect_eq(out.stored_ms, 1000);
    cr_expect_eq(out.ttl_ms, 500);
    cr_expect_eq(out.tokens_in, 100);
    cr_expect_eq(out.tokens_out, 20);
    cr_expect_eq(out.hits, 0);
    cr_assert_eq(out.n_documents, 2);
    cr_expect(str_eq(out.documents[0], both[0]));
    cr_expect(str_eq(out.documents[1], both[1]));
    cr_expect_eq(fix_check(&f), 0);
}

Test(store_answers, of_another_collection_or_over_their_time_are_none)
{
    struct answer_row out;

    MUST(put("p", "x"));
    cr_expect_eq(find_at("q", f.collection, 1200, &out), ERR_NOT_FOUND);
    cr_expect_eq(find_at("p", f.collection + 1, 1200, &out), ERR_NOT_FOUND);
    cr_expect_eq(find_at("p", f.collection, 1500, &out), ERR_NOT_FOUND);
    cr_expect_eq(find_at("p", f.collection, 1499, &out), ERR_OK);
}

Test(store_answers, a_later_one_takes_the_place_of_the_first)
{
    struct answer_row out;

    MUST(put("p", "first"));
    MUST(put("p", "second"));
    MUST(find_at("p", f.collection, 1200, &out));
    cr_expect(str_eq(out.body, STR_LIT("second")));
    cr_expect_eq(count_answers(), 1);
    cr_expect_eq(rows_of("answer_bodies"), 1);
}

Test(store_answers, leave_when_a_document_of_theirs_does)
{
    struct answer_row row = made("p", "of both");

    row.n_documents = 2;
    MUST(put_at(&row, epoch));
    MUST(put("q", "of a"));
    delete_document(id_b);
    cr_expect(!there("p"));
    cr_expect(there("q"));
    cr_expect_eq(rows_of("answer_bodies"), 1);
    cr_expect_eq(rows_of("answer_documents"), 1);
    cr_expect_eq(fix_check(&f), 0);
}

Test(store_answers, leave_when_a_document_of_theirs_is_replaced)
{
    MUST(put("p", "of a"));
    put_document("b", 3);
    cr_expect(there("p"));
    put_document("a", 3);
    cr_expect(!there("p"));
    cr_expect_eq(rows_of("answers"), 0);
    cr_expect_eq(rows_of("answer_documents"), 0);
}

static int fail_after_delete(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;

    TRY(delete_and_move(tx, arg));
    rc = FAIL(ERR_CANCELLED, "after all not");
out:
    return rc;
}

Test(store_answers, stay_when_the_transaction_that_took_them_fails)
{
    MUST(put("p", "of a"));
    cr_expect_eq(store_write(f.store, fail_after_delete, NULL, &id_a), ERR_CANCELLED);
    cr_expect(there("p"));
}

static int drop_in(struct store_tx *tx, void *arg)
{
    return store_tx_drop_collection(tx, *(int64_t *)arg);
}

Test(store_answers, leave_with_their_collection)
{
    struct answer_row row;

    MUST(put("p", "of a"));
    MUST(store_write(f.store, drop_in, NULL, &f.collection));
    cr_expect_eq(count_answers(), 0);
    cr_expect_eq(rows_of("answer_bodies"), 0);
    row = made("p", "of a");
    cr_expect_eq(put_at(&row, epoch), ERR_NOT_FOUND);
}

Test(store_answers, a_run_from_before_a_change_does_not_bring_one_back)
{
    struct answer_row row = made("p", "of the a that was");
    int64_t before = epoch;

    put_document("a", 3);
    cr_expect_eq(put_at(&row, before), ERR_GONE);
    cr_expect_not_null(strstr(err_text(), "'a'"));
    cr_expect_eq(put_at(&row, epoch), ERR_OK);
    before = epoch;
    delete_document(id_a);
    cr_expect_eq(put_at(&row, before), ERR_GONE);
    cr_expect_eq(put_at(&row, epoch), ERR_GONE, "there is no a");
    cr_expect(!there("p"));
    row.documents = &both[1];
    cr_expect_eq(put_at(&row, before), ERR_OK, "b has not changed");
}

Test(store_answers, one_that_is_refused_leaves_the_one_that_was)
{
    struct answer_row row = made("p", "other"), out;
    struct str gone = STR_LIT("gone");

    MUST(put("p", "x"));
    row.documents = &gone;
    cr_expect_eq(put_at(&row, epoch), ERR_GONE);
    MUST(find_at("p", f.collection, 1200, &out));
    cr_expect(str_eq(out.body, STR_LIT("x")));
}

Test(store_answers, are_overwritten_when_they_leave)
{
    MUST(put("p", "sesameXopensYthe-door"));
    cr_expect(fix_on_disk(&f, "sesameXopensYthe-door"));
    delete_document(id_a);
    store_close(f.store); /* empties the log */
    f.store = NULL;
    cr_expect(!fix_on_disk(&f, "sesameXopensYthe-door"));
}

static struct digest hit_prompt;

static int hit_in(struct store_tx *tx, void *arg)
{
    return store_tx_answer_hits(tx, &hit_prompt, *(int64_t *)arg);
}

static void hit(const char *prompt, int64_t n)
{
    hit_prompt = named(prompt);
    MUST(store_write(f.store, hit_in, NULL, &n));
}

static int trim_in(struct store_tx *tx, void *arg)
{
    int64_t n;

    return store_tx_trim_answers(tx, *(int64_t *)arg, &n);
}

static void trim(int64_t n_bytes)
{
    MUST(store_write(f.store, trim_in, NULL, &n_bytes));
}

Test(store_answers, the_least_asked_and_the_oldest_make_room)
{
    struct answer_row row, out;
    int64_t size;

    MUST(put("popular", "xxxxxxxx"));
    MUST(put("old", "xxxxxxxx"));
    row = made("young", "xxxxxxxx");
    row.stored_ms = 1100;
    MUST(put_at(&row, epoch));
    row = made("computed", "xxxxxxxx");
    row.kind = ANSWER_PRECOMPUTED;
    MUST(put_at(&row, epoch));
    hit("popular", 7);
    hit("nobody", 7);
    MUST(find_at("popular", f.collection, 1200, &out));
    cr_expect_eq(out.hits, 7);
    size = out.n_packed;
    trim(4 * size);
    cr_expect_eq(count_answers(), 4);
    trim(4 * size - 1);
    cr_expect(!there("old"));
    trim(2 * size);
    cr_expect(!there("young"));
    cr_expect(there("popular"));
    trim(size);
    cr_expect(!there("popular"));
    cr_expect(there("computed"));
    trim(0);
    cr_expect_eq(count_answers(), 0);
}

static int64_t n_gone;

static int expire_in(struct store_tx *tx, void *arg)
{
    return store_tx_forget_expired(tx, *(int64_t *)arg, &n_gone);
}

static int clear_in(struct store_tx *tx, void *arg)
{
    (void)arg;
    return store_tx_clear_answers(tx);
}

Test(store_answers, whose_time_is_over_are_forgotten_and_all_can_be)
{
    struct answer_row row = made("long", "x");
    int64_t now = 1500;

    row.ttl_ms = 501;
    MUST(put_at(&row, epoch));
    MUST(put("p", "x"));
    MUST(store_write(f.store, expire_in, NULL, &now));
    cr_expect_eq(n_gone, 1);
    cr_expect_eq(count_answers(), 1);
    MUST(store_write(f.store, clear_in, NULL, NULL));
    cr_expect_eq(count_answers(), 0);
    cr_expect_eq(rows_of("answer_bodies"), 0);
    cr_expect_eq(rows_of("answer_documents"), 0);
}

static int stop_at_second(void *arg, const struct answer_row *row)
{
    int *n = arg;

    cr_expect_eq(row->body.n, 0);
    return ++*n == 2 ? ERR_CANCELLED : ERR_OK;
}

Test(store_answers, are_told_most_asked_first_and_the_walk_can_stop)
{
    struct store_reader *r;
    int n = 0;

    MUST(put("p", "x"));
    MUST(put("q", "x"));
    MUST(put("r", "x"));
    r = store_reader_get(f.store);
    cr_expect_eq(store_each_answer(r, f.collection, 0, stop_at_second, &n), ERR_CANCELLED);
    n = 0;
    MUST(store_each_answer(r, f.collection, 2, count_row, &n));
    cr_expect_eq(n, 2);
    n = 0;
    MUST(store_each_answer(r, f.collection + 1, 0, count_row, &n));
    cr_expect_eq(n, 0);
    store_reader_put(f.store, r);
}

Test(store_answers, what_is_damaged_is_none_and_is_told)
{
    static const char *const damages[] = {"UPDATE answer_bodies SET zstd = zeroblob(9)",
                                          "UPDATE answer_bodies SET zstd = x''",
                                          "UPDATE answers SET n_body = n_body + 1",
                                          "UPDATE answers SET n_body = -1",
                                          "UPDATE answers SET ttl_ms = -9223372036854775807",
                                          "UPDATE answers SET stored_ms = 1001",
                                          "UPDATE answers SET kind = 1",
                                          "DELETE FROM answer_bodies"};

    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        MUST(put("p", "an answer, an answer"));
        cr_expect(there("p"));
        fix_damage(&f, damages[i]);
        cr_expect(!there("p"), "%s", damages[i]);
        cr_expect_eq(fix_check(&f), 1, "%s", damages[i]);
    }
}

Test(store_answers, over_a_limit_are_refused)
{
    struct answer_row row = made("p", "x");
    static struct str many[STORE_ANSWER_DOCUMENTS_MAX + 1];

    row.body.n = STORE_ANSWER_MAX + 1;
    cr_expect_eq(put_at(&row, epoch), ERR_LIMIT);
    row = made("p", "x");
    row.documents = many;
    row.n_documents = STORE_ANSWER_DOCUMENTS_MAX + 1;
    cr_expect_eq(put_at(&row, epoch), ERR_LIMIT);
    row = made("p", "x");
    row.ttl_ms = 0;
    cr_expect_eq(put_at(&row, epoch), ERR_LIMIT);
    row.ttl_ms = STORE_ANSWER_TTL_MAX_MS + 1;
    cr_expect_eq(put_at(&row, epoch), ERR_LIMIT);
}

Test(store_answers, a_copy_of_the_store_has_them_and_its_name)
{
    char file[160], uuid[40], *end = f.dir + strlen(f.dir);

    MUST(put("p", "x"));
    strcpy(uuid, store_uuid(f.store));
    snprintf(file, sizeof file, "%s/c", f.dir);
    cr_assert_eq(mkdir(file, 0700), 0);
    strcat(file, "/ragd.db");
    MUST(store_backup(f.store, file));
    store_close(f.store);
    strcpy(end, "/c");
    fix_open(&f);
    cr_expect(there("p"));
    cr_expect_str_eq(store_uuid(f.store), uuid);
    store_close(f.store);
    f.store = NULL;
    *end = '\0'; /* all of the folder is removed */
}

/* ---- random operations against a plain table ---- */

#define PROMPTS   24
#define DOCUMENTS 8
#define STEPS     2500

static unsigned state = 42;

static unsigned below(unsigned n)
{
    state = state * 1103515245 + 12345;
    return state / 65536 % n;
}

static struct model {
    bool there;
    int64_t until_ms;
    unsigned shows, version;
} model[PROMPTS];
static int64_t ids[DOCUMENTS], changed_at[DOCUMENTS]; /* ids 0: not there */

static void model_put(unsigned step, int64_t now_ms)
{
    unsigned i = below(PROMPTS);
    char prompt[8], body[16], keys[DOCUMENTS][8];
    struct str shown[DOCUMENTS];
    struct answer_row row;
    struct model m = {true, now_ms + 1 + below(500), 0, step};
    int64_t at_epoch = epoch - below(4);
    bool stands = true;

    snprintf(prompt, sizeof prompt, "p%u", i);
    snprintf(body, sizeof body, "v%u", step);
    row = made(prompt, body);
    row.n_documents = 0;
    row.documents = shown;
    row.stored_ms = now_ms;
    row.ttl_ms = m.until_ms - now_ms;
    for (unsigned k = below(4); k > 0; k--) {
        unsigned d = below(DOCUMENTS);

        snprintf(keys[row.n_documents], 8, "d%u", d);
        shown[row.n_documents] = str_of(keys[row.n_documents]);
        row.n_documents++;
        m.shows |= 1u << d;
        stands &= ids[d] && changed_at[d] <= at_epoch;
    }
    cr_assert_eq(put_at(&row, at_epoch), stands ? ERR_OK : ERR_GONE, "step %u", step);
    if (stands)
        model[i] = m;
}

static void model_change(unsigned step)
{
    unsigned d = below(DOCUMENTS);
    char key[8];

    snprintf(key, sizeof key, "d%u", d);
    if (ids[d] && below(2)) {
        delete_document(ids[d]);
        ids[d] = 0;
    } else {
        ids[d] = put_document(key, 1000 + step);
    }
    changed_at[d] = epoch;
    for (int i = 0; i < PROMPTS; i++)
        if (model[i].shows & 1u << d)
            model[i].there = false;
}

static void model_look(unsigned step, int64_t now_ms)
{
    unsigned i = below(PROMPTS);
    char prompt[8], body[16];
    struct answer_row out;
    bool want = model[i].there && model[i].until_ms > now_ms;

    snprintf(prompt, sizeof prompt, "p%u", i);
    snprintf(body, sizeof body, "v%u", model[i].version);
    cr_assert_eq(find_at(prompt, f.collection, now_ms, &out), want ? ERR_OK : ERR_NOT_FOUND,
                 "step %u", step);
    cr_expect(!want || str_eq(out.body, str_of(body)));
}

Test(store_answers, do_what_a_plain_table_does)
{
    int64_t now_ms = 1000;

    for (unsigned step = 1; step <= STEPS; step++) {
        unsigned what = below(100);

        if (what < 30)
            model_put(step, now_ms);
        else if (what < 40)
            model_change(step);
        else if (what < 90)
            model_look(step, now_ms);
        else if (what < 92)
            MUST(store_write(f.store, expire_in, NULL, &now_ms));
        else
            now_ms += below(50);
    }
    cr_expect_eq(fix_check(&f), 0);
}
