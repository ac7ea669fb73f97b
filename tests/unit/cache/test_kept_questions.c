#include "cache/kept_questions.h"

#include "store/store_questions.h"
#include "unit/store/store_fixture.h"

static struct fixture f;
static struct asked *asked;

static void up(void)
{
    fix_up(&f);
    asked = asked_new(1 << 20);
}

static void down(void)
{
    asked_free(asked);
    fix_down(&f);
}

TestSuite(kept_questions, .init = up, .fini = down);

static void ask(const char *collection, const char *text)
{
    struct asked_question q = {
        digest_of(text, strlen(text)), "default", collection, str_of(text), 0, 1};

    if (!asked_again(asked, &q.key))
        asked_add(asked, &q);
}

static int add_row(void *arg, const struct question_row *row)
{
    char *out = arg;

    snprintf(out + strlen(out), 256 - strlen(out), "%.*s:%d ", STR_ARGS(row->text),
             (int)row->count);
    return ERR_OK;
}

static const char *kept(void)
{
    struct store_reader *r = store_reader_get(f.store);
    char *out = arena_zalloc(f.mem, 256);

    MUST(store_top_questions(r, 0, 100, add_row, out));
    store_reader_put(f.store, r);
    return out;
}

Test(kept_questions, are_added_to_those_that_are_there)
{
    ask("default", "b");
    ask("default", "a");
    ask("default", "a");
    kept_questions_write(f.store, asked);
    cr_expect_str_eq(kept(), "a:2 b:1 ");
    ask("default", "b");
    ask("default", "b");
    kept_questions_write(f.store, asked);
    kept_questions_write(f.store, asked);
    cr_expect_str_eq(kept(), "b:3 a:2 ");
}

Test(kept_questions, what_is_left_is_written_at_the_end)
{
    struct kept_questions *k = kept_questions_new(f.store, asked);

    ask("default", "a");
    kept_questions_free(k);
    cr_expect_str_eq(kept(), "a:1 ");
    kept_questions_free(NULL);
}

Test(kept_questions, of_a_collection_that_is_not_there_are_not_kept)
{
    ask("gone", "a");
    ask("default", "b");
    kept_questions_write(f.store, asked);
    cr_expect_str_eq(kept(), "b:1 ");
}

Test(kept_questions, more_than_one_transaction_takes_are_written_too)
{
    struct store_reader *r;
    char text[32], *out = arena_zalloc(f.mem, 256);

    for (int i = 0; i < KEPT_AT_ONCE + 10; i++) {
        snprintf(text, sizeof text, "%d", i);
        ask("default", text);
        ask("default", "a");
    }
    kept_questions_write(f.store, asked);
    r = store_reader_get(f.store);
    MUST(store_top_questions(r, 0, 1, add_row, out));
    store_reader_put(f.store, r);
    snprintf(text, sizeof text, "a:%d ", KEPT_AT_ONCE + 10);
    cr_expect_str_eq(out, text);
    cr_expect_geq(strlen(kept()), 200);
}

Test(kept_questions, forgotten_ones_are_gone_and_do_not_come_back)
{
    ask("default", "a");
    kept_questions_write(f.store, asked);
    ask("default", "b");
    MUST(kept_questions_forget(f.store, asked));
    cr_expect_str_eq(kept(), "");
    kept_questions_write(f.store, asked);
    cr_expect_str_eq(kept(), "", "what was counted before is forgotten too");
    ask("default", "a");
    kept_questions_write(f.store, asked);
    MUST(kept_questions_forget(f.store, NULL));
    cr_expect_str_eq(kept(), "");
}

static int drop(struct store_tx *tx, void *arg)
{
    return store_tx_drop_collection(tx, *(int64_t *)arg);
}

Test(kept_questions, go_with_their_collection)
{
    ask("default", "a");
    kept_questions_write(f.store, asked);
    MUST(store_write(f.store, drop, NULL, &f.collection));
    cr_expect_str_eq(kept(), "");
}
