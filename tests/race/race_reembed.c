/* The embedding model changes back and forth while questions are asked and documents come and go.
 *
 * A plain main, for ThreadSanitizer. Exit 0: every question was answered, every document written,
 * and in the end every chunk has a vector of the last model.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "engine/engine.h"
#include "ingest/ingest.h"
#include "ingest/reembed.h"
#include "query/query.h"
#include "unit/embed/tiny_model.h"

#define N_ASKERS  2
#define N_CHANGES 6

static atomic_bool enough;

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, err_text());
    exit(1);
}

static void put(struct engine *e, int i)
{
    char id[16], text[64];
    struct ingest_document doc = {.id = {id, 0}, .text = {text, 0}};
    struct ingest_options o = {.chunk_chars = -1, .chunk_overlap = -1};
    struct ingest_result r = {0};

    doc.id.n = (size_t)snprintf(id, sizeof id, "d%d", i % 50);
    doc.text.n = (size_t)snprintf(text, sizeof text, "a%c b%c. c%c d.", 'a' + i % 26, 'a' + i % 25,
                                  'a' + i % 24);
    if (ingest_documents(e, &doc, 1, &o, &r) < 0 || r.status == INGEST_REFUSED)
        die(r.reason ? r.reason : "ingest");
}

static void *write_documents(void *arg)
{
    struct str key = STR_LIT("d7");
    struct engine *e = arg;
    size_t n;

    for (int i = 0; !atomic_load(&enough); i++) {
        put(e, i);
        if (i % 20 == 19 && retriever_remove(e->retriever, "default", "default", &key, 1, &n) < 0)
            die("remove");
    }
    return NULL;
}

static void *ask(void *arg)
{
    struct engine *e = arg;

    for (int i = 0; !atomic_load(&enough); i++) {
        struct query q;
        struct answer ans = {.mem = arena_new(0)};
        char text[16];

        snprintf(text, sizeof text, "a%c b", 'a' + i % 5);
        trace_start(&ans.trace);
        query_defaults(&q, e);
        q.question = str_of(text);
        if (query_prepare(&q, ans.mem) < 0 || query_run(e, &q, &ans) < 0)
            die("question");
        answer_done(&ans);
        arena_free(ans.mem);
    }
    return NULL;
}

static void change(struct engine *e, const struct tiny_model *m)
{
    struct embedder_options o = {.model_dir = m->dir, .precision = "f32"};
    struct reembed_options how = {0};
    struct reembed_report report;
    struct embedder *next = NULL;

    if (embedder_open(&next, &o) < 0 || reembed(e, next, &how, &report) < 0)
        die("reembed");
    embedder_close(next);
}

static void check_vectors(struct engine *e)
{
    struct digest model = engine_fingerprint(e);
    struct store_reader *reader = store_reader_get(e->store);
    uint64_t missing = 1;

    if (store_count_missing(reader, &model, &missing) < 0 || missing)
        die("chunks without a vector");
    store_reader_put(e->store, reader);
}

int main(void)
{
    char dir[] = "/tmp/ragd-race-XXXXXX";
    static struct tiny_model models[2];
    struct config config;
    struct engine *e;
    pthread_t threads[N_ASKERS + 1];

    if (!mkdtemp(dir))
        return 1;
    for (int i = 0; i < 2; i++)
        tiny_open(&models[i]);
    for (size_t i = 0; i < 24; i++)
        models[1].tensors[0].v[i] = -1;
    tiny_write_weights(&models[1], "F32");
    config_defaults(&config);
    snprintf(config.data, sizeof config.data, "%s/data", dir);
    if (config_set(&config, "model.path", models[0].dir, "race") < 0 ||
        engine_open(&e, &config) < 0)
        die("engine");
    static_encoders_start(e->static_encoders);
    for (int i = 0; i < 20; i++)
        put(e, i);
    for (int i = 0; i <= N_ASKERS; i++)
        if (pthread_create(&threads[i], NULL, i ? ask : write_documents, e) != 0)
            die("thread");
    for (int i = 1; i <= N_CHANGES; i++)
        change(e, &models[i % 2]);
    atomic_store(&enough, true);
    for (int i = 0; i <= N_ASKERS; i++)
        pthread_join(threads[i], NULL);
    check_vectors(e);
    engine_close(e);
    nftw(dir, tiny_remove, 16, FTW_DEPTH | FTW_PHYS);
    for (int i = 0; i < 2; i++)
        tiny_close(&models[i]);
    return 0;
}
