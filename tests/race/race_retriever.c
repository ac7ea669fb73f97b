/* Readers search and fetch while a writer replaces and removes documents, truly at once.
 *
 * Every document has two chunks that carry the same version word, so a state in which a document
 * is half there, or there twice, is seen: each version is found in exactly two chunks or in none.
 * What is new goes into index files all the time, and the words are cut now one way, now another.
 *
 * A plain main, for ThreadSanitizer. Exit 0: all states were whole.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "index/retriever.h"

#define DIM       8
#define N_KEYS    6
#define N_WRITES  120
#define N_READERS 3

struct race {
    struct retriever *r;
    atomic_bool stop;
    atomic_int version[N_KEYS]; /* what a key was last written with */
    atomic_long n_searches, n_gone, n_wrong, n_languages;
};

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, err_text());
    exit(1);
}

static void put(struct race *race, int key, int version)
{
    char name[16], text[2][32], whole[80];
    float vector[DIM] = {1};
    struct chunk_row chunks[2];
    struct vector_row rows[2];
    struct arena *mem = arena_new(0);
    struct upsert_result result;
    struct upsert u;

    snprintf(name, sizeof name, "k%d", key);
    snprintf(text[0], sizeof text[0], "k%dv%d first", key, version);
    snprintf(text[1], sizeof text[1], "k%dv%d second", key, version);
    snprintf(whole, sizeof whole, "%s%s", text[0], text[1]);
    vector[1 + key] = 1;
    for (int c = 0; c < 2; c++) {
        struct str s = str_of(text[c]);
        uint32_t start = c ? (uint32_t)strlen(text[0]) : 0;

        chunks[c] = (struct chunk_row){.id = hash64_stable(s.p, s.n),
                                       .ordinal = c,
                                       .start = start,
                                       .end = start + (uint32_t)s.n,
                                       .text = s,
                                       .text_hash = digest_of(s.p, s.n)};
        rows[c] =
            (struct vector_row){.text_hash = chunks[c].text_hash, .vector = vector, .dim = DIM};
    }
    u = (struct upsert){.document = {.key = str_of(name),
                                     .root = STR_LIT(""),
                                     .uri = STR_LIT(""),
                                     .title = STR_LIT(""),
                                     .metadata = STR_LIT("{}"),
                                     .n_chunks = 2,
                                     .text = str_of(whole)},
                        .chunks = chunks,
                        .vectors = rows,
                        .n_chunks = 2};
    if (retriever_upsert(race->r, "t", "c", &u, 1, mem, &result) < 0 || result.rc < 0)
        die("upsert");
    arena_free(mem);
}

static void *write_all(void *arg)
{
    struct race *race = arg;

    for (int i = 1; i <= N_WRITES; i++) {
        int key = (i * 7) % N_KEYS;
        char name[16];
        struct str s;

        snprintf(name, sizeof name, "k%d", key);
        s = str_of(name);
        if (i % 5 == 0 && retriever_remove(race->r, "t", "c", &s, 1, NULL) < 0)
            die("remove");
        if (i % 5 != 0) {
            atomic_store(&race->version[key], i);
            put(race, key, i);
        }
    }
    atomic_store(&race->stop, true);
    return NULL;
}

static void *change_languages(void *arg)
{
    static const char *const settings[] = {"{\"language\":\"german\"}",
                                           "{\"language\":\"english\"}", "{\"stop_words\":true}"};
    struct race *race = arg;

    for (size_t i = 0; !atomic_load(&race->stop); i++) {
        if (retriever_set_settings(race->r, "t", "c", str_of(settings[i % 3])) < 0)
            die("settings");
        atomic_fetch_add(&race->n_languages, 1);
    }
    return NULL;
}

static void look(struct race *race, struct snapshot *s, int key, struct arena *mem)
{
    float vector[DIM] = {1};
    struct search_spec spec = {.vector = vector, .k = 20, .mode = SEARCH_KEYWORD};
    struct passage passages[20];
    struct hits hits;
    int rc;

    spec.text = str_of(arena_printf(mem, "k%dv%d", key, atomic_load(&race->version[key])));
    if (snapshot_search(s, &spec, mem, &hits) < 0)
        die("search");
    if (hits.n != 0 && hits.n != 2)
        atomic_fetch_add(&race->n_wrong, 1);
    spec.mode = SEARCH_HYBRID;
    if (snapshot_search(s, &spec, mem, &hits) < 0)
        die("search");
    if (hits.n != snapshot_chunks(s) || snapshot_chunks(s) != 2 * snapshot_documents(s))
        atomic_fetch_add(&race->n_wrong, 1);
    rc = snapshot_fetch(s, &hits, mem, passages);
    if (rc < 0 && rc != ERR_GONE)
        die("fetch");
    atomic_fetch_add(&race->n_gone, rc == ERR_GONE);
    if (rc == ERR_GONE && retriever_wait_past(race->r, "t", "c", snapshot_epoch(s), 60000) < 0)
        atomic_fetch_add(&race->n_wrong, 1);
    atomic_fetch_add(&race->n_searches, 2);
}

static void *read_all(void *arg)
{
    struct race *race = arg;
    struct arena *mem = arena_new(0);
    uint64_t last_epoch = 0;

    for (int i = 0; !atomic_load(&race->stop); i++) {
        struct snapshot *s;

        if (retriever_snapshot(race->r, "t", "c", &s) < 0)
            die("snapshot");
        if (snapshot_epoch(s) < last_epoch)
            atomic_fetch_add(&race->n_wrong, 1);
        last_epoch = snapshot_epoch(s);
        look(race, s, i % N_KEYS, mem);
        snapshot_unref(s);
        arena_reset(mem);
    }
    arena_free(mem);
    return NULL;
}

static void run(struct race *race)
{
    pthread_t writer, linguist, readers[N_READERS];

    put(race, 0, 0);
    pthread_create(&writer, NULL, write_all, race);
    pthread_create(&linguist, NULL, change_languages, race);
    for (int i = 0; i < N_READERS; i++)
        pthread_create(&readers[i], NULL, read_all, race);
    pthread_join(writer, NULL);
    pthread_join(linguist, NULL);
    for (int i = 0; i < N_READERS; i++)
        pthread_join(readers[i], NULL);
}

int main(void)
{
    char dir[] = "/tmp/ragd-race-XXXXXX", index_dir[64], cmd[64];
    struct race race = {0};
    struct store *store;
    struct retriever_options o = {
        .dim = DIM, .fingerprint = {{1}}, .words = {"", false}, .k1 = 1.2, .b = 0.75};

    if (!mkdtemp(dir) || store_open(&store, dir) < 0)
        die("store");
    o.store = store;
    snprintf(index_dir, sizeof index_dir, "%s/index", dir);
    o.index_dir = index_dir;
    o.seal_chunks = 6; /* sealed again and again, while all others go on */
    o.seal_idle_ms = 1;
    if (retriever_open_embedded(&race.r, &o) < 0)
        die("retriever");
    run(&race);
    retriever_close(race.r);
    store_close(store);
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    if (system(cmd) != 0)
        return 1;
    printf("%ld searches during %d writes and %ld changes of language, %ld fetches too late, %ld "
           "wrong\n",
           atomic_load(&race.n_searches), N_WRITES, atomic_load(&race.n_languages),
           atomic_load(&race.n_gone), atomic_load(&race.n_wrong));
    return atomic_load(&race.n_wrong) ? 1 : 0;
}
