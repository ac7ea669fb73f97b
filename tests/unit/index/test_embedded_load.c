#include "index/embedded.h"

#include <dirent.h>
#include <string.h>

#include "base/file.h"

#include "unit/index/embedded_fixture.h"

TestSuite(embedded_load, .init = setup, .fini = teardown);

/* Closes, which writes the files, and opens again. */
static void seal_and_open(void)
{
    retriever_close(r);
    open_sealing();
}

static size_t n_mapped(void)
{
    struct snapshot *s = snap();
    size_t n = 0;

    for (size_t i = 0; i < s->n_views; i++)
        n += s->views[i].segment->file != NULL;
    snapshot_unref(s);
    return n;
}

/* Documents that a search by words finds, as "a b ", and that vectors find the same. */
static void expect_found(const char *text, const char *keys)
{
    struct arena *mem = arena_new(0);
    struct snapshot *s = snap();
    struct hits h = search(s, SEARCH_KEYWORD, text, 0, mem);
    struct passage *p = ARENA_ARRAY(mem, struct passage, h.n);
    char found[200] = "";
    char *sorted[10];

    cr_assert_eq(snapshot_fetch(s, &h, mem, p), ERR_OK, "%s", err_text());
    for (size_t i = 0; i < h.n; i++) {
        size_t at = i;

        for (; at > 0 && strncmp(sorted[at - 1], p[i].document.p, p[i].document.n) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = arena_strndup(mem, p[i].document.p, p[i].document.n);
    }
    for (size_t i = 0; i < h.n; i++)
        strcat(strcat(found, sorted[i]), " ");
    cr_expect_str_eq(found, keys);
    cr_expect_eq(search(s, SEARCH_VECTOR, "", 0, mem).n, snapshot_chunks(s));
    snapshot_unref(s);
    arena_free(mem);
}

static int remove_key(const char *key)
{
    struct str k = str_of(key);

    return retriever_remove(r, "t", "c", &k, 1, NULL);
}

/* What happens while there are no index files to write to: an older program, or a crash. */
static void without_sealing(void)
{
    retriever_close(r);
    open_retriever();
}

Test(embedded_load, a_collection_comes_back_from_its_files)
{
    uint64_t epoch;

    put("a", "common frogs", 0);
    put("b", "common toads", 1);
    epoch = retriever_epoch(r, "t", "c");
    seal_and_open();
    cr_expect_eq(n_mapped(), 0, "nothing was written by the first one");
    seal_and_open();
    cr_expect_eq(n_mapped(), 1);
    cr_expect_eq(retriever_epoch(r, "t", "c"), epoch);
    expect_found("common", "a b ");
    expect_found("toads", "b ");
}

Test(embedded_load, what_changed_since_is_caught_up_with)
{
    seal_and_open();
    put("a", "common frogs", 0);
    put("b", "common toads", 1);
    put("c", "common newts", 2);
    without_sealing();
    put("b", "common salamanders", 1);
    put("d", "common axolotls", 1);
    cr_assert_eq(remove_key("a"), ERR_OK);
    retriever_close(r);
    open_sealing();
    cr_expect_eq(n_mapped(), 1);
    expect_found("common", "b c d ");
    expect_found("toads", "");
    expect_found("salamanders", "b ");
}

Test(embedded_load, an_emptied_collection_comes_back_empty)
{
    seal_and_open();
    put("a", "common frogs", 0);
    seal_and_open();
    cr_assert_eq(remove_key("a"), ERR_OK);
    seal_and_open();
    expect_found("common", "");
    put("a", "common frogs", 0);
    seal_and_open();
    expect_found("common", "a ");
}

Test(embedded_load, documents_without_chunks_count)
{
    struct arena *mem = arena_new(0);
    struct upsert u = {.document = {.key = STR_LIT("empty"), .metadata = STR_LIT("{}")}};
    struct upsert_result result;
    struct snapshot *s;

    seal_and_open();
    put("a", "common frogs", 0);
    without_sealing();
    cr_assert_eq(retriever_upsert(r, "t", "c", &u, 1, mem, &result), ERR_OK);
    cr_assert_eq(result.rc, ERR_OK, "%s", result.reason);
    seal_and_open();
    seal_and_open();
    s = snap();
    cr_expect_eq(snapshot_documents(s), 2);
    cr_expect_eq(snapshot_chunks(s), 1);
    snapshot_unref(s);
    arena_free(mem);
}

/* ---- files that are not what they should be ---- */

/* fn for every index file. */
static int each_file(void (*fn)(const char *path, void *arg), void *arg)
{
    DIR *d = opendir(index_dir());
    struct dirent *e;
    char path[400];
    int n = 0;

    cr_assert_not_null(d);
    while ((e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", index_dir(), e->d_name);
        if (fn)
            fn(path, arg);
        n++;
    }
    closedir(d);
    return n;
}

struct harm {
    const char *kind; /* ending of the files to be harmed */
    size_t at;        /* permille of the file */
    bool cut;
};

static void harm(const char *path, void *arg)
{
    const struct harm *h = arg;
    struct buf b;

    if (!strstr(path, h->kind))
        return;
    buf_init(&b);
    cr_assert_eq(file_read(path, 1 << 24, &b), ERR_OK);
    if (h->cut)
        buf_cut(&b, b.n * h->at / 1000);
    else
        b.p[b.n * h->at / 1000] ^= 0x10;
    cr_assert_eq(file_write_atomic(path, b.p, b.n), ERR_OK);
    buf_done(&b);
}

Test(embedded_load, damaged_files_are_found_and_the_index_made_anew)
{
    static const char *const kinds[] = {".segment", ".manifest"};

    seal_and_open();
    put("a", "common frogs", 0);
    put("b", "common toads", 1);
    for (size_t i = 0; i < 40; i++) {
        struct harm h = {kinds[i % 2], i / 2 * 1000 / 20, i % 3 == 0};

        seal_and_open();
        cr_expect_eq(n_mapped(), 1, "%zu: whole before", i);
        retriever_close(r);
        each_file(harm, &h);
        open_sealing();
        expect_found("common", "a b ");
        expect_found("toads", "b ");
        put("c", "common newts", 2); /* a change, so that closing writes */
        cr_assert_eq(remove_key("c"), ERR_OK);
    }
}

static void remove_file(const char *path, void *arg)
{
    (void)arg;
    unlink(path);
}

Test(embedded_load, missing_files_are_made_anew)
{
    seal_and_open();
    put("a", "common frogs", 0);
    retriever_close(r);
    cr_expect_eq(each_file(remove_file, NULL), 2);
    open_sealing();
    cr_expect_eq(n_mapped(), 0);
    expect_found("common", "a ");
    seal_and_open();
    cr_expect_eq(n_mapped(), 1);
}

Test(embedded_load, another_recipe_makes_the_index_anew)
{
    seal_and_open();
    put("a", "common frogs", 0);
    retriever_close(r);
    open_with(index_dir(), "german");
    cr_expect_eq(n_mapped(), 0);
    expect_found("frogs", "a ");
    retriever_close(r);
    open_with(index_dir(), "german");
    cr_expect_eq(n_mapped(), 1, "and it is in files under the new one");
    expect_found("frogs", "a ");
}

Test(embedded_load, a_database_from_a_backup_does_not_take_files_that_are_ahead_of_it)
{
    char backup[96], path[96], cmd[400];

    snprintf(backup, sizeof backup, "%s/backup", dir);
    snprintf(path, sizeof path, "%s/ragd.db", dir);
    seal_and_open();
    put("a", "common frogs", 0);
    seal_and_open();
    cr_assert_eq(store_backup(store, backup), ERR_OK, "%s", err_text());
    put("b", "common toads", 1);
    cr_assert_eq(remove_key("a"), ERR_OK);
    retriever_close(r);
    store_close(store);
    snprintf(cmd, sizeof cmd, "rm -f '%s'*; mv '%s' '%s'", path, backup, path);
    cr_assert_eq(system(cmd), 0);
    cr_assert_eq(store_open(&store, dir), ERR_OK);
    open_sealing();
    expect_found("common", "a ");
    put("c", "common newts", 2);
    seal_and_open();
    expect_found("common", "a c ");
}

/* ---- a long life ---- */

static unsigned long state = 20261128;

static unsigned pick(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

#define N_KEYS 8

static void expect_keys(const unsigned *version)
{
    char text[32], want[8], key[4];

    for (unsigned k = 0; k < N_KEYS; k++) {
        snprintf(key, sizeof key, "%c", 'a' + k);
        snprintf(text, sizeof text, "word%uof%u", version[k], k);
        snprintf(want, sizeof want, "%s ", key);
        if (version[k])
            expect_found(text, want);
    }
}

Test(embedded_load, whatever_happens_between_starts_the_state_is_the_stores, .timeout = 120)
{
    unsigned version[N_KEYS] = {0}, next = 1;

    seal_and_open();
    put("a", "word1of0", 0);
    version[0] = next++;
    for (int i = 0; i < 400; i++) {
        unsigned k = pick(N_KEYS);
        char key[4], text[32];

        snprintf(key, sizeof key, "%c", 'a' + k);
        snprintf(text, sizeof text, "word%uof%u", next, k);
        if (pick(4)) {
            cr_assert_eq(put(key, text, (int)pick(DIM)), ERR_OK);
            version[k] = next++;
        } else {
            cr_assert_eq(remove_key(key), ERR_OK);
            version[k] = 0;
        }
        if (pick(4) == 0) {
            retriever_close(r);
            if (pick(3))
                open_sealing();
            else
                open_retriever();
            expect_keys(version);
        }
    }
    cr_expect_leq(each_file(NULL, NULL), 12, "old files are swept away");
}

Test(embedded_load, a_collection_that_is_dropped_takes_its_files_along)
{
    seal_and_open();
    put("a", "common frogs", 0);
    seal_and_open();
    cr_expect_eq(each_file(NULL, NULL), 2);
    cr_assert_eq(retriever_drop_collection(r, "t", "c"), ERR_OK);
    cr_expect_eq(each_file(NULL, NULL), 0);
    put("b", "common toads", 1);
    seal_and_open();
    expect_found("common", "b ");
}
