#include "store/store_questions.h"

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

TestSuite(store_questions, .init = up, .fini = down);

struct asked {
    int64_t collection;
    struct str text;
    int64_t n, now_ms;
};

static int count_in(struct store_tx *tx, void *arg)
{
    struct asked *a = arg;

    return store_tx_count_question(tx, a->collection, a->text, a->n, a->now_ms);
}

static int ask(const char *text, int64_t n, int64_t now_ms)
{
    return store_write(f.store, count_in, NULL,
                       &(struct asked){f.collection, str_of(text), n, now_ms});
}

static int add_row(void *arg, const struct question_row *row)
{
    char *out = arg;

    snprintf(out + strlen(out), 256 - strlen(out), "%s/%s %.*s %d@%d\n", row->tenant,
             row->collection_name, STR_ARGS(row->text), (int)row->count, (int)row->last_ms);
    return ERR_OK;
}

static const char *top(int64_t collection, size_t limit)
{
    struct store_reader *r = store_reader_get(f.store);
    char *out = arena_zalloc(f.mem, 256);

    MUST(store_top_questions(r, collection, limit, add_row, out));
    store_reader_put(f.store, r);
    return out;
}

Test(store_questions, the_most_asked_come_first)
{
    MUST(ask("rare", 1, 10));
    MUST(ask("often", 1, 20));
    MUST(ask("often", 4, 15));
    MUST(ask("lately", 1, 30));
    cr_expect_str_eq(top(f.collection, 2),
                     "default/default often 5@20\ndefault/default lately 1@30\n");
    cr_expect_str_eq(top(0, 9), "default/default often 5@20\ndefault/default lately 1@30\n"
                                "default/default rare 1@10\n");
    cr_expect_str_eq(top(f.collection + 1, 9), "");
}

static int make_other(struct store_tx *tx, void *arg)
{
    return store_tx_collection(tx, "other", "default", arg, NULL);
}

static int drop_in(struct store_tx *tx, void *arg)
{
    return store_tx_drop_collection(tx, *(int64_t *)arg);
}

static int forget_in(struct store_tx *tx, void *arg)
{
    return store_tx_forget_questions(tx, *(int64_t *)arg);
}

Test(store_questions, are_their_tenants_and_go_with_its_collection)
{
    int64_t mine = f.collection;

    MUST(ask("q", 2, 1));
    MUST(store_write(f.store, make_other, NULL, &f.collection));
    MUST(ask("q", 1, 2));
    cr_expect_str_eq(top(0, 9), "default/default q 2@1\nother/default q 1@2\n");
    MUST(store_write(f.store, drop_in, NULL, &mine));
    cr_expect_str_eq(top(0, 9), "other/default q 1@2\n");
    cr_expect_eq(store_write(f.store, count_in, NULL, &(struct asked){mine, STR_LIT("q"), 1, 1}),
                 ERR_NOT_FOUND);
}

Test(store_questions, are_forgotten_when_told_and_overwritten)
{
    int64_t all = 0, none = f.collection + 1;

    MUST(ask("sesame opens the door", 1, 1));
    MUST(store_write(f.store, forget_in, NULL, &none));
    cr_expect_neq(top(0, 9)[0], '\0');
    MUST(store_write(f.store, forget_in, NULL, &all));
    cr_expect_str_eq(top(0, 9), "");
    store_close(f.store);
    f.store = NULL;
    cr_expect(!fix_on_disk(&f, "sesame opens the door"));
}

static int fill_in(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    int *n = arg;

    for (int i = 0; i < *n; i++) {
        char text[32];

        snprintf(text, sizeof text, "q%d", i);
        TRY(store_tx_count_question(tx, f.collection, str_of(text), i < 1000 ? 1 : 2, i));
    }
out:
    return rc;
}

static int keep_least(void *arg, const struct question_row *row)
{
    struct question_row *r = arg;

    r->count = row->count;
    r->last_ms = row->last_ms;
    r->collection++; /* how many */
    return ERR_OK;
}

Test(store_questions, beyond_the_limit_the_least_asked_go)
{
    struct store_reader *r;
    struct question_row least = {0};
    int n = STORE_QUESTIONS_MAX + 500;

    MUST(store_write(f.store, fill_in, NULL, &n));
    r = store_reader_get(f.store);
    MUST(store_top_questions(r, f.collection, 1000000, keep_least, &least));
    store_reader_put(f.store, r);
    cr_expect_geq(least.collection, STORE_QUESTIONS_MAX);
    cr_expect_leq(least.collection, STORE_QUESTIONS_MAX + 256);
    cr_expect_eq(least.count, 1);
    cr_expect_geq(least.last_ms, 200, "the oldest of them are gone");
}

Test(store_questions, too_long_is_refused)
{
    static char text[STORE_QUESTION_MAX + 2];

    memset(text, 'x', STORE_QUESTION_MAX + 1);
    cr_expect_eq(ask(text, 1, 1), ERR_LIMIT);
    text[STORE_QUESTION_MAX] = '\0';
    cr_expect_eq(ask(text, 1, 1), ERR_OK);
}

static int stop(void *arg, const struct question_row *row)
{
    (void)arg, (void)row;
    return FAIL(ERR_CANCELLED, "enough");
}

Test(store_questions, the_walk_can_stop)
{
    struct store_reader *r;

    MUST(ask("q", 1, 1));
    r = store_reader_get(f.store);
    cr_expect_eq(store_top_questions(r, 0, 9, stop, NULL), ERR_CANCELLED);
    store_reader_put(f.store, r);
}
