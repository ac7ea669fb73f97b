#include "index/embedded_rebuild.h"

#include "unit/index/embedded_fixture.h"

TestSuite(embedded_rebuild, .init = setup, .fini = teardown);

/* To no stemming, and what happens meanwhile. */
struct watched {
    int n_rounds;
    const char *put_in_round; /* a document of the first; NULL: none */
    int fail_with;            /* in the transaction */
    bool published;
};

static int without_stemming(void *arg, const struct collection_row *row,
                            const struct index_context **out)
{
    (void)arg, (void)row;
    return context_with(r, context_now(r), &(struct word_settings){"", true}, out);
}

static int prepare(void *arg)
{
    struct watched *w = arg;

    if (w->n_rounds++ == 0 && w->put_in_round)
        cr_assert_eq(put(w->put_in_round, "running late", 2), ERR_OK, "%s", err_text());
    return ERR_OK;
}

static int commit(void *arg, struct store_tx *tx)
{
    struct watched *w = arg;

    (void)tx;
    return w->fail_with ? FAIL(w->fail_with, "as asked") : ERR_OK;
}

static void published(void *arg)
{
    struct watched *w = arg;

    w->published = true;
}

static int rebuild(struct watched *w, const char *one)
{
    struct rebuild how = {.tenant = "t",
                          .collection = one,
                          .context = without_stemming,
                          .prepare = prepare,
                          .commit = commit,
                          .published = published,
                          .arg = w};

    return collections_rebuild(r, &how);
}

static bool is_stemmed(const char *name)
{
    return collection_words(r, "t", name).language[0] != 0;
}

Test(embedded_rebuild, of_one_leaves_the_others)
{
    struct watched w = {0};

    put("a", "frogs", 0);
    place = "d";
    put("b", "toads", 1);
    cr_assert_eq(rebuild(&w, "c"), ERR_OK, "%s", err_text());
    cr_expect(w.published);
    cr_expect(!is_stemmed("c"));
    cr_expect(is_stemmed("d"));
    cr_assert_eq(rebuild(&w, NULL), ERR_OK, "%s", err_text());
    cr_expect(!is_stemmed("d"), "of all");
}

Test(embedded_rebuild, takes_along_what_comes_meanwhile)
{
    struct watched w = {.put_in_round = "b"};
    struct snapshot *s;

    put("a", "frogs", 0);
    cr_assert_eq(rebuild(&w, "c"), ERR_OK, "%s", err_text());
    s = snap();
    cr_expect_eq(snapshot_documents(s), 2);
    cr_expect_gt(snapshot_idf(s, STR_LIT("running")), 0);
    snapshot_unref(s);
}

Test(embedded_rebuild, that_fails_changes_nothing)
{
    struct watched w = {.fail_with = ERR_ARGUMENT};
    uint64_t epoch;

    put("a", "frogs", 0);
    epoch = retriever_epoch(r, "t", "c");
    cr_expect_eq(rebuild(&w, "c"), ERR_ARGUMENT);
    cr_expect(!w.published);
    cr_expect(is_stemmed("c"));
    cr_expect_eq(retriever_epoch(r, "t", "c"), epoch);
    cr_expect(!atomic_load(&r->rebuilding), "and may be tried again");
}

Test(embedded_rebuild, one_at_a_time)
{
    struct watched w = {0};

    atomic_store(&r->rebuilding, true);
    cr_expect_eq(rebuild(&w, "c"), ERR_BUSY);
    atomic_store(&r->rebuilding, false);
    cr_expect_eq(w.n_rounds, 0);
}
