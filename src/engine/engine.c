#include "engine/engine.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "engine/embedding.h"
#include "engine/reload.h"
#include "engine/reranking.h"
#include "engine/stored_model.h"

static void document_gone(void *arg, const char *tenant, const char *collection,
                          struct str document)
{
    struct engine *e = arg;

    answers_purge_document(e->answers, tenant, collection, document);
    tiers_purge(e->tiers, tenant, collection, document);
}

/* A worker that waits for another server computes nothing, so there are more of them. */
#define WORKERS_THAT_WAIT 16

int engine_workers(const struct config *c)
{
    int usual = embedding_is_remote(c) || reranking_is_remote(c) ? WORKERS_THAT_WAIT : 1;

    if (c->server.workers)
        return (int)c->server.workers;
    return cpu_count() > usual ? cpu_count() : usual;
}

static void settle_model(struct engine *e)
{
    struct arena *mem = arena_new(0);
    struct store_reader *reader = store_reader_get(e->store);
    struct store_model m;

    if (store_find_model(reader, mem, &m) == ERR_OK)
        stored_model_settle(&e->config, &m);
    store_reader_put(e->store, reader);
    arena_free(mem);
}

static int open_embedder(struct engine *e)
{
    int rc = ERR_OK;

    settle_model(e);
    TRY(embedding_model_check(&e->config));
    TRY(embedding_open(&e->embedder, &e->config, e->store));
    if (!embedder_info(e->embedder)->was_reached)
        log_event(LOG_WARN, "embedding_server_away", LOG_S("reason", err_text()));
    TRY(stored_model_agree(e->store, e->config.data, e->embedder));
out:
    return rc;
}

static int open_reranker(struct engine *e)
{
    int rc = reranking_open(&e->reranker, &e->config);

    if (rc == ERR_OK && e->reranker && !reranker_info(e->reranker)->was_reached)
        log_event(LOG_WARN, "reranking_server_away", LOG_S("reason", err_text()));
    return rc;
}

static int open_retriever(struct engine *e, const struct vector_kind *kind, bool beside)
{
    char index_dir[CONFIG_TEXT_MAX + 8];
    struct retriever_options o = {
        .index_dir = index_dir,
        .store = e->store,
        .pool = e->pool,
        .fingerprint = kind->fingerprint,
        .dim = kind->dim,
        .words.drop_stop_words = e->config.retrieve.stop_words,
        .k1 = e->config.retrieve.k1,
        .b = e->config.retrieve.b,
        .reads_beside = beside,
    };

    snprintf(index_dir, sizeof index_dir, "%s/index", e->config.data);
    _Static_assert(sizeof o.words.language == sizeof e->config.retrieve.language, "same bound");
    memcpy(o.words.language, e->config.retrieve.language, sizeof o.words.language);
    return retriever_open_embedded(&e->retriever, &o);
}

/* Model and collections take about as long to read, and a core each. The store says which vectors
 * the collections have; what it says is believed when the model says the same. */
static int open_model_and_retriever(struct engine *e, bool beside)
{
    int rc = ERR_OK;
    struct vector_kind stored = {0}, opened;
    bool at_once = beside && stored_model_vectors(e->store, &stored);

    if (at_once)
        TRY(open_retriever(e, &stored, beside));
    TRY(open_embedder(e));
    opened =
        (struct vector_kind){embedder_fingerprint(e->embedder), embedder_info(e->embedder)->dim};
    if (at_once && stored.dim == opened.dim && digest_eq(&stored.fingerprint, &opened.fingerprint))
        goto out;
    retriever_close(e->retriever);
    e->retriever = NULL;
    TRY(open_retriever(e, &opened, beside));
out:
    return rc;
}

static void open_static_encoders(struct engine *e)
{
    struct static_encoders_options o = {
        .store = e->store,
        .embedder = e->embedder,
        .pool = e->pool,
        .data_dir = e->config.data,
        .off = strcmp(e->config.embed.standin, "off") == 0 || embedding_is_remote(&e->config),
    };

    e->static_encoders = static_encoders_new(&o);
}

static int open_adapters(struct engine *e)
{
    struct adapters_options o = {
        .store = e->store,
        .embedder = e->embedder,
        .data_dir = e->config.data,
        .setting = e->config.model.adapter,
    };

    return adapters_open(&e->adapters, &o);
}

static int open_tiers(struct engine *e)
{
    int rc = ERR_OK;
    const struct config *c = &e->config;
    struct tiers_options o = {.store = e->store, .store_bytes = c->cache.store_bytes};

    if (c->redis.url[0])
        TRY(redis_open(&o.redis, c->redis.url, (int)c->redis.timeout_ms));
    e->redis = o.redis;
    e->tiers = tiers_new(&o);
out:
    return rc;
}

static int open_spending(struct engine *e)
{
    const struct config *c = &e->config;
    struct key_limits defaults = spending_defaults(c);

    if (c->limits.shared && !e->redis)
        return FAIL(ERR_ARGUMENT, "limits.shared needs a Redis: set redis.url");
    e->spending = spending_new(&defaults, c->limits.shared ? e->redis : NULL, store_uuid(e->store));
    return ERR_OK;
}

/* Beside the answers' own bytes; nobody fills it who does not ask for reuse by meaning. */
#define ALIKE_SHARE 16
#define ASKED_BYTES ((size_t)4 << 20)

static void open_questions(struct engine *e)
{
    const struct config *c = &e->config;
    bool of_use = c->cache.keep_questions || strcmp(c->precompute.refresh, "off") != 0;

    e->asked = asked_new(of_use ? ASKED_BYTES : 0);
    if (c->cache.keep_questions)
        e->kept = kept_questions_new(e->store, e->asked);
}

static bool has_index_files(const char *data)
{
    char pattern[CONFIG_TEXT_MAX + 32];
    glob_t found;
    bool any;

    snprintf(pattern, sizeof pattern, "%s/index/*.manifest", data);
    any = glob(pattern, GLOB_NOSORT, NULL, &found) == 0 && found.gl_pathc > 0;
    globfree(&found);
    return any;
}

/* To SQLite a file of no bytes is a new database, and one of a single byte too. Beside index files
 * it is one that was lost, and to begin anew there would remove the last trace of that. */
static int refuse_lost_database(const char *data)
{
    char path[CONFIG_TEXT_MAX + 16];
    struct stat st;

    snprintf(path, sizeof path, "%s/ragd.db", data);
    if (stat(path, &st) < 0 || st.st_size > 1 || !has_index_files(data))
        return ERR_OK;
    return FAIL(ERR_FORMAT,
                "'%s' is empty, although there are index files of documents; put a backup in its "
                "place, or remove it to begin anew",
                path);
}

/* What can be made again. A reply that is being sent lives until it is. */
static void give_back(void *arg)
{
    struct engine *e = arg;

    answers_shrink(e->answers);
    alike_clear(e->alike);
}

static int open_engine(struct engine **out, const struct config *config, bool beside)
{
    int rc = ERR_OK;
    struct engine *e = mem_calloc(1, sizeof *e);
    struct answers_options answers = {(size_t)config->cache.bytes, config->cache.ttl_s * 1000};
    enum simd_level level;

    pthread_mutex_init(&e->model_mu, NULL);
    turn_init(&e->embedding);
    e->config = *config;
    e->room = room_new((size_t)config->limits.memory, give_back, e);
    e->started_ms = clock_wall_ms();
    TRY(cpu_chosen_level(&level));
    TRY(folder_lock_take(&e->lock, e->config.data));
    TRY(refuse_lost_database(e->config.data));
    TRY(store_open(&e->store, e->config.data));
    TRY(keys_open(&e->keys, e->store, e->config.tenant));
    e->pool = pool_new("compute", engine_workers(config), (size_t)config->server.queue);
    TRY(open_model_and_retriever(e, beside));
    TRY(open_reranker(e));
    TRY(chatting_open_models(&e->chat_models, &e->config));
    TRY(reload_init(e));
    open_static_encoders(e);
    TRY(open_adapters(e));
    e->answers = answers_new(&answers);
    TRY(open_tiers(e));
    TRY(open_spending(e));
    e->flights = flights_new();
    e->alike = alike_new((size_t)config->cache.bytes / ALIKE_SHARE, config->cache.ttl_s * 1000);
    open_questions(e);
    retriever_on_document_gone(e->retriever, document_gone, e);
    *out = e;
    e = NULL; /* handed over */
out:
    engine_close(e);
    return rc;
}

int engine_open(struct engine **out, const struct config *config)
{
    return open_engine(out, config, false);
}

int engine_open_beside(struct engine **out, const struct config *config)
{
    return open_engine(out, config, true);
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    retriever_end_reading(e->retriever); /* which uses the pool */
    pool_free(e->pool);                  /* next: what is still queued uses the rest */
    adapters_close(e->adapters);
    static_encoders_free(e->static_encoders);
    flights_free(e->flights);
    alike_free(e->alike);
    kept_questions_free(e->kept);
    asked_free(e->asked);
    if (e->retriever)
        retriever_on_document_gone(e->retriever, NULL, NULL);
    spending_free(e->spending);
    tiers_free(e->tiers);
    answers_free(e->answers);
    retriever_close(e->retriever);
    reload_done(e);
    chat_models_free(e->chat_models);
    reranker_close(e->reranker);
    embedder_close(e->embedder);
    keys_close(e->keys);
    store_close(e->store);
    folder_lock_release(e->lock);
    room_free(e->room);
    pthread_mutex_destroy(&e->model_mu);
    turn_done(&e->embedding);
    mem_free(e);
}

/* Memory last: it takes what it finds in the others. */
int engine_forget_answers(struct engine *e)
{
    int rc = tiers_clear(e->tiers);

    answers_clear(e->answers);
    alike_clear(e->alike);
    return rc;
}

/* ---- the model in force ---- */

struct embedder *engine_embedder(struct engine *e)
{
    struct embedder *now;

    pthread_mutex_lock(&e->model_mu);
    now = embedder_ref(e->embedder);
    pthread_mutex_unlock(&e->model_mu);
    return now;
}

struct digest engine_fingerprint(struct engine *e)
{
    struct embedder *now = engine_embedder(e);
    struct digest fingerprint = embedder_fingerprint(now);

    embedder_close(now);
    return fingerprint;
}

void engine_set_coming(struct engine *e, struct embedder *next)
{
    struct embedder *old;

    pthread_mutex_lock(&e->model_mu);
    old = e->coming;
    e->coming = next ? embedder_ref(next) : NULL;
    pthread_mutex_unlock(&e->model_mu);
    embedder_close(old);
}

struct embedder *engine_coming(struct engine *e)
{
    struct embedder *coming;

    pthread_mutex_lock(&e->model_mu);
    coming = e->coming ? embedder_ref(e->coming) : NULL;
    pthread_mutex_unlock(&e->model_mu);
    return coming;
}

void engine_take_model(struct engine *e, struct embedder *next)
{
    struct embedder *old;

    pthread_mutex_lock(&e->model_mu);
    old = e->embedder;
    e->embedder = embedder_ref(next);
    pthread_mutex_unlock(&e->model_mu);
    atomic_fetch_add(&e->n_models, 1);
    static_encoders_take_model(e->static_encoders, next);
    atomic_store(&e->embed_token_ns, 0); /* not known of this one */
    embedder_close(old);
}
