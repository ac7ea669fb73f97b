/* A static encoder is fitted by its own thread while chunks come in and questions take it, the
 * engine is closed in the middle, and a collection is dropped.
 *
 * A plain main, for ThreadSanitizer. Exit 0: it was there in the end. Without the model there is
 * nothing to run, and it says so.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "engine/engine.h"

#define ROUNDS 4

static atomic_bool enough;

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, err_text());
    exit(1);
}

/* Documents of one chunk each with a vector on one axis: no encoder needed. */
static void put(struct engine *e, int from, int n)
{
    struct arena *mem = arena_new(0);
    size_t dim = embedder_info(e->embedder)->dim;
    struct upsert *ups = ARENA_ARRAY(mem, struct upsert, n);
    struct upsert_result *results = ARENA_ARRAY(mem, struct upsert_result, n);

    for (int i = 0; i < n; i++) {
        struct str text = str_of(arena_printf(mem, "capital number %d", from + i));
        struct digest hash = digest_of(text.p, text.n);
        struct chunk_row *chunk = ARENA_ARRAY(mem, struct chunk_row, 1);
        struct vector_row *row = ARENA_ARRAY(mem, struct vector_row, 1);
        float *vector = ARENA_ARRAY(mem, float, dim);

        vector[i % 7] = 1;
        *chunk = (struct chunk_row){.id = hash64_stable(text.p, text.n),
                                    .end = (uint32_t)text.n,
                                    .text = text,
                                    .text_hash = hash};
        *row = (struct vector_row){.text_hash = hash, .vector = vector, .dim = (uint32_t)dim};
        ups[i] = (struct upsert){.document = {.key = text,
                                              .root = STR_LIT(""),
                                              .uri = STR_LIT(""),
                                              .title = STR_LIT("t"),
                                              .metadata = STR_LIT("{}"),
                                              .hash = hash,
                                              .ingested_ms = clock_wall_ms(),
                                              .n_chunks = 1,
                                              .text = text},
                                 .chunks = chunk,
                                 .vectors = row,
                                 .n_chunks = 1};
    }
    if (retriever_upsert(e->retriever, "default", "default", ups, (size_t)n, mem, results) < 0)
        die("upsert");
    static_encoders_changed(e->static_encoders, "default", "default", (size_t)n);
    arena_free(mem);
}

static void *take(void *arg)
{
    struct engine *e = arg;

    while (!atomic_load(&enough)) {
        struct static_encoder *s = static_encoders_get(e->static_encoders, "default", "default");
        struct token token = {.id = 3007};
        float v[STATIC_DIM_MAX];

        if (s)
            static_encoder_encode(s, &token, 1, v);
        static_encoder_unref(s);
        usleep(100);
    }
    return NULL;
}

static bool is_there(struct engine *e)
{
    struct static_encoder *s = static_encoders_get(e->static_encoders, "default", "default");

    static_encoder_unref(s);
    return s != NULL;
}

static int rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void race(struct engine *e)
{
    pthread_t takers[2];

    atomic_store(&enough, false);
    static_encoders_start(e->static_encoders);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&takers[i], NULL, take, e) != 0)
            die("thread");
    for (int i = 0; i < ROUNDS; i++)
        put(e, i * STATIC_CHUNKS_MIN, STATIC_CHUNKS_MIN);
    while (!is_there(e))
        usleep(1000);
    if (retriever_drop_collection(e->retriever, "default", "default") < 0)
        die("drop");
    static_encoders_dropped(e->static_encoders, "default", "default");
    put(e, 0, STATIC_CHUNKS_MIN);
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++)
        pthread_join(takers[i], NULL);
}

int main(void)
{
    char dir[] = "/tmp/ragd-race-XXXXXX";
    const char *model = getenv("RAGD_MODEL_PATH");
    struct config config;
    struct engine *e;

    model = model && *model ? model : "models/all-MiniLM-L6-v2";
    if (access(model, R_OK) != 0) {
        puts("needs the model (make model, or RAGD_MODEL_PATH)");
        return 0;
    }
    if (!mkdtemp(dir))
        return 1;
    config_defaults(&config);
    snprintf(config.data, sizeof config.data, "%s/data", dir);
    snprintf(config.model.path, sizeof config.model.path, "%s", model);
    if (engine_open(&e, &config) < 0)
        die("engine");
    race(e);
    engine_close(e); /* perhaps in the middle of a fit */
    nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
