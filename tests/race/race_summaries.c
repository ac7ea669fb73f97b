/* A language model summarises, for a server's thread and for a command, while documents come,
 * change and go, questions are asked and the embedding model changes.
 *
 * A plain main, for ThreadSanitizer. Exit 0: nothing failed, and in the end every document that is
 * owed a summary has it.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "engine/engine.h"
#include "ingest/ingest.h"
#include "ingest/model_summaries.h"
#include "ingest/reembed.h"
#include "ingest/summarizer.h"
#include "query/query.h"
#include "support/fake_chat.h"
#include "unit/embed/tiny_model.h"

#define N_ROUNDS 12
#define SAYS     "The harbour keeps its ships in the northern dock."

static atomic_bool enough;

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, err_text());
    exit(1);
}

static void put(struct engine *e, int i)
{
    char id[16];
    struct buf text;
    struct ingest_document doc = {.id = {id, 0}};
    struct ingest_options o = {.chunk_chars = -1, .chunk_overlap = -1};
    struct ingest_result r = {0};

    doc.id.n = (size_t)snprintf(id, sizeof id, "d%d", i % 12);
    buf_init(&text);
    for (int s = 0; s < 15; s++)
        buf_addf(&text, "Abc%c bcda ca%cab dec%c aba%cd bcab deb%ca abcab. ", 'a' + s, 'a' + i % 26,
                 'a' + (s + i) % 7, 'a' + s % 5, 'b' + s % 3);
    buf_add_str(&text, SAYS);
    doc.text = buf_view(&text);
    if (ingest_documents(e, &doc, 1, &o, &r) < 0 || r.status == INGEST_REFUSED)
        die(r.reason ? r.reason : "ingest");
    buf_done(&text);
}

static void *write_documents(void *arg)
{
    struct str key = STR_LIT("d7");
    struct engine *e = arg;
    size_t n;

    for (int i = 0; !atomic_load(&enough); i++) {
        put(e, i);
        if (i % 9 == 8 && retriever_remove(e->retriever, "default", "default", &key, 1, &n) < 0)
            die("remove");
        usleep(20000); /* a summary in between must be possible */
    }
    return NULL;
}

static void *ask(void *arg)
{
    struct engine *e = arg;

    for (int i = 0; !atomic_load(&enough); i++) {
        struct query q;
        struct answer ans = {.mem = arena_new(0)};

        trace_start(&ans.trace);
        query_defaults(&q, e);
        q.question = STR_LIT("Where are the ships?");
        q.mode = i % 2 ? SEARCH_HYBRID : SEARCH_SUMMARY;
        q.answer = QUERY_ANSWER_EXTRACTIVE;
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

static size_t make(struct engine *e, size_t *n_made)
{
    struct model_summaries s;
    int rc = model_summaries_make(e, &(struct model_summaries_options){0}, &s);

    if (rc < 0 && rc != ERR_BUSY)
        die("summaries");
    *n_made += s.made;
    return rc < 0 ? 1 : s.owed;
}

static void configure(struct config *config, const char *dir, const struct fake_chat *fake)
{
    struct config_llm *llm = &config->llm[0];

    config_defaults(config);
    config->chunk.chars = 100;
    config->chunk.overlap = 0;
    snprintf(config->data, sizeof config->data, "%s/data", dir);
    config->n_llm = 1;
    *llm = (struct config_llm){.name = "fast", .timeout_ms = 20000, .first_token_ms = 10000};
    strcpy(llm->model, "fake");
    snprintf(llm->url, sizeof llm->url, "http://127.0.0.1:%d/v1", fake->http.port);
    strcpy(config->ingest.summary_model, "fast");
}

int main(void)
{
    char dir[] = "/tmp/ragd-race-XXXXXX";
    static struct tiny_model models[2];
    static struct fake_chat fake;
    struct config config;
    struct engine *e;
    struct summarizer *summarizer;
    pthread_t threads[2];
    size_t n_made = 0;

    if (!mkdtemp(dir))
        return 1;
    for (int i = 0; i < 2; i++)
        tiny_open(&models[i]);
    for (size_t i = 0; i < 24; i++)
        models[1].tensors[0].v[i] = -1;
    tiny_write_weights(&models[1], "F32");
    fake_chat_start(&fake);
    fake.text = SAYS;
    configure(&config, dir, &fake);
    if (config_set(&config, "model.path", models[0].dir, "race") < 0 ||
        engine_open(&e, &config) < 0 || summarizer_start(&summarizer, e) < 0)
        die("engine");
    for (int i = 0; i < 12; i++)
        put(e, i);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, i ? ask : write_documents, e) != 0)
            die("thread");
    for (int i = 1; i <= N_ROUNDS; i++) {
        make(e, &n_made);
        if (i % 3 == 0)
            change(e, &models[i / 3 % 2]);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    summarizer_stop(summarizer);
    if (make(e, &n_made) || n_made == 0)
        die("summaries are owed");
    engine_close(e);
    fake_chat_stop(&fake);
    nftw(dir, tiny_remove, 16, FTW_DEPTH | FTW_PHYS);
    for (int i = 0; i < 2; i++)
        tiny_close(&models[i]);
    return 0;
}
