#include "base/utf8.h"
#include "unit/store/store_fixture.h"

static struct fixture f;
static struct fix_document d;
static char last[ERR_TEXT_MAX];

static void up(void)
{
    fix_up(&f);
    d = fix_document(&f, "a", 4, 1, 0);
    MUST(fix_put(&f, &d));
}

static void down(void)
{
    fix_down(&f);
}

TestSuite(store_check, .init = up, .fini = down);

static void keep(void *arg, const char *problem)
{
    (void)arg;
    cr_expect(utf8_valid(problem, strlen(problem)));
    snprintf(last, sizeof last, "%s", problem);
}

static void expect_problem(const char *words)
{
    cr_expect_gt(store_check(f.store, &fix_model, keep, NULL), 0);
    cr_expect_not_null(strstr(last, words), "'%s' does not say '%s'", last, words);
}

Test(store_check, a_sound_store_has_no_problems)
{
    cr_expect_eq(store_check(f.store, &fix_model, keep, NULL), 0, "%s", last);
    cr_expect_eq(store_check(f.store, NULL, keep, NULL), 0, "%s", last);
}

Test(store_check, a_summary_is_none_of_the_counted_chunks)
{
    struct fix_document with = fix_document(&f, "with", 3, 9, 0);

    with.chunks[2].kind = CHUNK_SUMMARY;
    MUST(fix_put(&f, &with));
    cr_expect_eq(store_check(f.store, &fix_model, keep, NULL), 0, "%s", last);
}

Test(store_check, finds_counts_that_disagree)
{
    fix_damage(&f, "UPDATE collections SET n_documents = 5");
    expect_problem("documents of collection default: 5 written down, 1 counted");
}

Test(store_check, finds_a_missing_chunk)
{
    fix_damage(&f, "DELETE FROM chunks WHERE ordinal = 2;"
                   "DELETE FROM vectors WHERE text_hash NOT IN (SELECT text_hash FROM chunks);"
                   "DELETE FROM sentence_vectors WHERE vector NOT IN (SELECT id FROM vectors)");
    expect_problem("chunks of document a: 4 written down, 3 counted");
}

Test(store_check, finds_a_changed_text)
{
    fix_damage(&f, "UPDATE chunks SET text = 'seed 000001, part 000009. ' WHERE ordinal = 2");
    expect_problem("does not match its checksum");
}

Test(store_check, names_a_document_readably_though_its_key_is_no_text)
{
    fix_damage(&f, "UPDATE documents SET key = CAST(x'61ff1b62' AS TEXT)");
    expect_problem("'a? b'");
}

Test(store_check, finds_a_changed_title)
{
    fix_damage(&f, "UPDATE documents SET title = 'Another'");
    expect_problem("does not match its checksum");
}

Test(store_check, finds_a_changed_vector)
{
    fix_damage(&f, "UPDATE vectors SET vector = zeroblob(32) WHERE id = 2");
    expect_problem("does not match its checksum");
}

Test(store_check, finds_changed_sentence_vectors)
{
    fix_damage(&f, "UPDATE sentence_vectors SET vectors = zeroblob(16) WHERE vector = 2");
    expect_problem("does not match its checksum");
}

Test(store_check, finds_a_lost_document_text)
{
    fix_damage(&f, "DELETE FROM document_texts");
    expect_problem("the text of document");
}

Test(store_check, finds_a_missing_vector)
{
    fix_damage(&f,
               "DELETE FROM sentence_vectors WHERE vector = 3; DELETE FROM vectors WHERE id = 3");
    expect_problem("of 'a' has no vector");
}

static int put_lonely_in(struct store_tx *tx, void *arg)
{
    (void)arg;
    d.vectors[0].text_hash = fix_model;
    return store_tx_put_vectors(tx, &fix_model, d.vectors, 1);
}

Test(store_check, finds_a_vector_of_no_chunk)
{
    MUST(store_write(f.store, put_lonely_in, NULL, NULL));
    expect_problem("belongs to no chunk");
}

Test(store_check, finds_a_row_without_its_parent)
{
    fix_damage(&f,
               "DELETE FROM sentence_vectors; DELETE FROM vectors; DELETE FROM documents;"
               "DELETE FROM document_texts; UPDATE collections SET n_documents = 0, n_chunks = 0");
    cr_expect_geq(store_check(f.store, NULL, keep, NULL), 4, "one for each chunk");
    cr_expect_not_null(strstr(last, "refers to a row of documents"), "%s", last);
}
