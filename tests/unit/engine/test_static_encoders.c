#include "engine/static_encoders.h"

#include <dirent.h>

#include "base/file.h"
#include "support/made_chunks.h"

static struct static_encoder *get(struct world *w)
{
    return static_encoders_get(w->engine->static_encoders, "default", "default");
}

static uint64_t chunks_seen(struct world *w)
{
    struct static_encoder *s = get(w);
    uint64_t n = s ? static_encoder_origin(s)->n_chunks : 0;

    static_encoder_unref(s);
    return n;
}

static size_t chunks_stored(struct world *w)
{
    struct snapshot *s = NULL;
    size_t n;

    cr_assert_eq(retriever_snapshot(w->engine->retriever, "default", "default", &s), ERR_OK);
    n = snapshot_chunks(s);
    snapshot_unref(s);
    return n;
}

/* The one file below index/; false when there is none. */
static bool find_file(struct world *w, char *path, size_t cap)
{
    char folder[128];
    DIR *d;
    struct dirent *entry;
    bool found = false;

    snprintf(folder, sizeof folder, "%s/data/index", w->dir);
    d = opendir(folder);
    while (d && (entry = readdir(d)))
        if (strncmp(entry->d_name, "static-", 7) == 0) {
            snprintf(path, cap, "%s/%s", folder, entry->d_name);
            found = true;
        }
    if (d)
        closedir(d);
    return found;
}

Test(static_encoders, a_small_collection_has_none)
{
    struct world w;
    char path[512];

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN - 1);
    made_settle(&w);
    cr_expect_eq(chunks_seen(&w), 0);
    cr_expect_not(find_file(&w, path, sizeof path));
    made_put(&w, STATIC_CHUNKS_MIN - 1, STATIC_CHUNKS_MIN);
    made_settle(&w);
    cr_expect_eq(chunks_seen(&w), STATIC_CHUNKS_MIN, "one more chunk is enough");
    world_close(&w);
}

Test(static_encoders, points_where_the_chunks_of_the_words_lie)
{
    struct world w;
    struct static_encoder *s;
    struct tokens tokens = {0};
    float v[384];

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    s = get(&w);
    cr_assert_not_null(s);
    wordpiece_encode_all(embedder_tokenizer(w.engine->embedder), STR_LIT("winter"), &tokens);
    cr_assert(static_encoder_encode(s, tokens.v, tokens.n, v));
    for (size_t i = 0; i < MADE_TOPICS; i++)
        cr_expect(i == 3 || v[i] < v[3] / 2, "axis %zu: %.3f, its own %.3f", i, v[i], v[3]);
    cr_expect_gt(v[3], 0.7f);
    mem_free(tokens.v);
    static_encoder_unref(s);
    world_close(&w);
}

Test(static_encoders, is_fitted_again_when_a_tenth_is_new)
{
    struct world w;
    size_t n = STATIC_CHUNKS_MIN;

    WORLD_OPEN(&w);
    made_put(&w, 0, n);
    made_settle(&w);
    made_put(&w, n, n + n / 10 - 1);
    made_settle(&w);
    cr_expect_eq(chunks_seen(&w), n);
    made_put(&w, n + n / 10 - 1, n + n / 10);
    made_settle(&w);
    cr_expect_eq(chunks_seen(&w), n + n / 10);
    world_close(&w);
}

Test(static_encoders, new_chunks_count_across_processes)
{
    struct world w;
    size_t n = STATIC_CHUNKS_MIN;

    WORLD_OPEN(&w);
    made_put(&w, 0, n);
    made_settle(&w);
    made_put(&w, n, n + n / 10 - 1);
    world_reopen(&w);
    cr_expect_eq(chunks_seen(&w), n, "it was kept");
    made_put(&w, n + n / 10 - 1, n + n / 10);
    made_settle(&w);
    cr_expect_eq(chunks_seen(&w), n + n / 10);
    world_close(&w);
}

Test(static_encoders, a_damaged_file_is_as_none_and_is_made_again)
{
    struct world w;
    char path[512];
    struct buf bytes;

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    cr_assert(find_file(&w, path, sizeof path));
    buf_init(&bytes);
    cr_assert_eq(file_read(path, 1u << 24, &bytes), ERR_OK);
    bytes.p[bytes.n / 2] ^= 1;
    cr_assert_eq(file_write_atomic(path, bytes.p, bytes.n), ERR_OK);
    world_reopen(&w);
    cr_expect_eq(chunks_seen(&w), 0);
    made_put(&w, 0, 0); /* an ingest that found nothing new */
    made_settle(&w);
    cr_expect_eq(chunks_seen(&w), STATIC_CHUNKS_MIN);
    buf_done(&bytes);
    world_close(&w);
}

Test(static_encoders, a_dropped_collection_takes_its_file_along)
{
    struct world w;
    char path[512];

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    cr_assert_eq(retriever_drop_collection(w.engine->retriever, "default", "default"), ERR_OK);
    static_encoders_dropped(w.engine->static_encoders, "default", "default");
    cr_expect_eq(chunks_seen(&w), 0);
    cr_expect_not(find_file(&w, path, sizeof path));
    world_close(&w);
}

Test(static_encoders, a_file_of_a_collection_that_was_dropped_is_not_the_new_ones)
{
    struct world w;

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    cr_assert_eq(retriever_drop_collection(w.engine->retriever, "default", "default"), ERR_OK);
    made_put(&w, 0, 3);
    world_reopen(&w); /* nobody told it of the drop: the file is still there */
    cr_expect_eq(chunks_seen(&w), 0);
    world_close(&w);
}

Test(static_encoders, a_server_fits_on_a_thread_of_its_own)
{
    struct world w;

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    static_encoders_start(w.engine->static_encoders);
    made_settle(&w); /* nothing: the thread does it */
    while (chunks_seen(&w) == 0)
        usleep(1000);
    cr_expect_eq(chunks_seen(&w), STATIC_CHUNKS_MIN);
    world_close(&w);
}

Test(static_encoders, closing_does_not_wait_for_a_fit)
{
    struct world w;

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    static_encoders_start(w.engine->static_encoders);
    engine_close(w.engine); /* while it may be fitting: ASan sees what would be used after */
    w.engine = NULL;
    world_reopen(&w);
    cr_expect_eq(chunks_stored(&w), STATIC_CHUNKS_MIN);
    world_close(&w);
}

Test(static_encoders, switched_off_there_is_never_one)
{
    struct world w;
    char path[512];

    WORLD_OPEN(&w);
    cr_assert_eq(config_set(&w.config, "embed.static", "off", "test"), ERR_OK);
    world_reopen(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    cr_expect_null(get(&w));
    cr_expect_not(find_file(&w, path, sizeof path));
    world_close(&w);
}

Test(static_encoders, another_model_leaves_none_until_one_is_fitted_to_it)
{
    struct world w;

    WORLD_OPEN(&w);
    made_put(&w, 0, STATIC_CHUNKS_MIN);
    made_settle(&w);
    cr_expect_eq(chunks_seen(&w), STATIC_CHUNKS_MIN);
    static_encoders_take_model(w.engine->static_encoders, w.engine->embedder);
    cr_expect_eq(chunks_seen(&w), 0);
    made_settle(&w);
    cr_expect_eq(chunks_seen(&w), STATIC_CHUNKS_MIN);
    world_close(&w);
}
