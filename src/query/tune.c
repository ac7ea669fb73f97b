#include "query/tune.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "index/retriever.h"
#include "query/tune_measure.h"
#include "query/tune_pairs.h"

#define NICENESS 19 /* the least: nobody waits for a tuning as for an answer */

/* How far to go from the identity to the matrix that was learnt. */
static const float strengths[] = {0, 0.25f, 0.5f, 0.75f, 1};
#define N_STRENGTHS 5

/* What one run carries from stage to stage. */
struct tuning {
    struct engine *e;
    const struct tune_options *o;
    struct tune_result *result;
    struct pool *pool; /* of this run */
    pthread_t caller;
    struct tune_pairs pairs;
    float *weights[TUNE_FOLDS]; /* [dim, dim], of the fit without that fold */
    int rounds[TUNE_FOLDS];
    struct adapter *adapters[TUNE_FOLDS][N_STRENGTHS]; /* the same, weaker */
    struct embedder *model; /* a reference; of the one the snapshot is of */
    struct snapshot *snap;
    struct tune_ranks *ranks[N_STRENGTHS]; /* [n_questions] */
    /* of the stage that is under way */
    const char *what;
    size_t total;
    atomic_size_t done;
    atomic_int rc; /* of the first part that failed */
    char error[ERR_TEXT_MAX];
};

/* ---- a stage, on all threads ---- */

static void keep_error(struct tuning *t, int rc)
{
    int none = ERR_OK;

    if (rc < 0 && atomic_compare_exchange_strong(&t->rc, &none, rc))
        snprintf(t->error, sizeof t->error, "%s", err_text());
}

static void tell(const struct tuning *t, size_t done)
{
    if (t->o->progress)
        t->o->progress(t->o->arg, done < t->total ? done : t->total, t->total, t->what);
}

/* One more part is done. False: give up. */
static bool advance(void *arg)
{
    struct tuning *t = arg;
    size_t done = atomic_fetch_add(&t->done, 1) + 1;

    if (pthread_equal(pthread_self(), t->caller))
        tell(t, done);
    if (*t->o->cancelled)
        keep_error(t, FAIL(ERR_CANCELLED, "cancelled"));
    return atomic_load(&t->rc) == ERR_OK;
}

/* Of this thread alone, on Linux. Setting it again costs as much as asking. */
static void be_modest(void)
{
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
}

static int stage(struct tuning *t, const char *what, size_t total, size_t n, pool_each_fn fn)
{
    t->what = what;
    t->total = total;
    atomic_store(&t->done, 0);
    tell(t, 0); /* the other threads may be through before the caller's turn comes */
    pool_each(t->pool, n, fn, t);
    return atomic_load(&t->rc) < 0 ? FAIL(atomic_load(&t->rc), "%s", t->error) : ERR_OK;
}

/* ---- the stages ---- */

static void embed_one(void *arg, size_t i)
{
    struct tuning *t = arg;
    struct tune_pairs *p = &t->pairs;
    struct arena *mem;
    float *vector;
    int rc;

    if (atomic_load(&t->rc) < 0)
        return;
    be_modest();
    mem = arena_new(0);
    rc = embed_query(t->model, NULL, p->questions[i].text, mem, &vector);
    if (rc == ERR_OK)
        memcpy(p->vectors + i * p->dim, vector, p->dim * sizeof *vector);
    keep_error(t, rc);
    arena_free(mem);
    advance(t);
}

/* I + strength (W - I) */
static struct adapter *weaker(const struct adapter_origin *origin, const float *weights, size_t dim,
                              float strength)
{
    float *w = mem_dup(weights, dim * dim * sizeof *w);
    struct adapter *made;

    for (size_t i = 0; i < dim * dim; i++)
        w[i] *= strength;
    for (size_t i = 0; i < dim; i++)
        w[i * dim + i] += 1 - strength;
    made = adapter_new(origin, w, dim);
    mem_free(w);
    return made;
}

static void fit_one(void *arg, size_t i)
{
    struct tuning *t = arg;
    struct adapter_origin nothing = {0};
    struct adapter_fit_options o = {
        .seed = t->o->seed + i, .held = (int)i, .round = advance, .arg = t};
    size_t dim = t->pairs.dim;
    int rc;

    if (atomic_load(&t->rc) < 0)
        return;
    be_modest();
    t->weights[i] = mem_alloc_aligned(dim * dim * sizeof(float));
    rc = adapter_fit(&t->pairs.fitted, &o, t->weights[i], &t->rounds[i]);
    for (size_t s = 0; rc == ERR_OK && s < N_STRENGTHS; s++)
        t->adapters[i][s] = weaker(&nothing, t->weights[i], dim, strengths[s]);
    keep_error(t, rc);
}

static int rank_all(struct tuning *t, size_t i)
{
    int rc = ERR_OK;
    const struct tune_pairs *p = &t->pairs;
    const struct tune_question *q = &p->questions[i];
    float *adapted = mem_alloc(p->dim * sizeof *adapted);

    for (size_t s = 0; s < N_STRENGTHS; s++) {
        adapter_apply(t->adapters[p->fold[i]][s], p->vectors + i * p->dim, adapted);
        TRY(tune_rank(t->snap, q, adapted, SEARCH_VECTOR, &t->ranks[s][i].vector));
        TRY(tune_rank(t->snap, q, adapted, SEARCH_HYBRID, &t->ranks[s][i].hybrid));
    }
out:
    mem_free(adapted);
    return rc;
}

static void rank_one(void *arg, size_t i)
{
    struct tuning *t = arg;

    if (atomic_load(&t->rc) < 0)
        return;
    be_modest();
    keep_error(t, rank_all(t, i));
    advance(t);
}

/* Of the strengths that help the one that gains most; if none helps, of all. */
static void judge(struct tuning *t)
{
    struct tune_result *best = t->result;

    for (size_t s = 1; s < N_STRENGTHS; s++) {
        struct tune_result r = *best;

        r.strength = strengths[s];
        tune_judge(t->ranks[0], t->ranks[s], t->pairs.n_questions, &r);
        if (s == 1 || r.helps > best->helps || (r.helps == best->helps && r.gain > best->gain))
            *best = r;
    }
}

static int collection_id(struct tuning *t, int64_t *id)
{
    struct store_reader *reader = store_reader_get(t->e->store);
    struct collection_row row;
    int rc = store_find_collection(reader, t->o->tenant, t->o->collection, t->pairs.mem, &row);

    store_reader_put(t->e->store, reader);
    if (rc == ERR_OK)
        *id = row.id;
    return rc;
}

/* As many rounds as the folds took on average: there is nothing held out to stop by. */
static void fit_to_all(void *arg, size_t i)
{
    struct tuning *t = arg;
    struct adapter_fit_options o = {
        .seed = t->o->seed + TUNE_FOLDS, .held = -1, .round = advance, .arg = t};

    (void)i;
    o.rounds = t->result->n_rounds;
    be_modest();
    keep_error(t, adapter_fit(&t->pairs.fitted, &o, t->weights[0], &t->result->n_rounds));
}

static int make_adapter(struct tuning *t, struct adapter **out)
{
    int rc = ERR_OK;
    struct adapter_origin origin = {
        .model = t->pairs.fingerprint,
        .fitted_ms = clock_wall_ms(),
        .n_questions = (uint32_t)t->pairs.n_questions,
        .vector = t->result->vector,
        .hybrid = t->result->hybrid,
    };

    TRY(collection_id(t, &origin.collection));
    TRY(stage(t, "learning from all", (size_t)t->result->n_rounds, 1, fit_to_all));
    *out = weaker(&origin, t->weights[0], t->pairs.dim, t->result->strength);
out:
    return rc;
}

static void count_rounds(struct tuning *t)
{
    int sum = 0;

    for (int i = 0; i < TUNE_FOLDS; i++)
        sum += t->rounds[i];
    t->result->n_rounds = (sum + TUNE_FOLDS / 2) / TUNE_FOLDS;
    if (t->result->n_rounds < 1)
        t->result->n_rounds = 1;
}

static int learn_and_judge(struct tuning *t)
{
    int rc = ERR_OK;
    size_t n = t->pairs.n_questions;
    int rounds = adapter_fit_rounds(t->pairs.fitted.n_pairs) * TUNE_FOLDS;

    TRY(stage(t, "learning", (size_t)rounds, TUNE_FOLDS, fit_one));
    count_rounds(t);
    for (size_t s = 0; s < N_STRENGTHS; s++)
        t->ranks[s] = mem_calloc(n, sizeof *t->ranks[s]);
    TRY(stage(t, "measuring", n, n, rank_one));
    judge(t);
out:
    return rc;
}

static void tuning_done(struct tuning *t)
{
    for (int i = 0; i < TUNE_FOLDS; i++) {
        for (size_t s = 0; s < N_STRENGTHS; s++)
            adapter_unref(t->adapters[i][s]);
        mem_free(t->weights[i]);
    }
    for (size_t s = 0; s < N_STRENGTHS; s++)
        mem_free(t->ranks[s]);
    tune_pairs_done(&t->pairs);
    snapshot_unref(t->snap);
    embedder_close(t->model);
    pool_free(t->pool);
}

/* One model from the first vector to the adapter. */
static int take_model(struct tuning *t)
{
    struct digest fingerprint;

    t->model = engine_embedder(t->e);
    fingerprint = embedder_fingerprint(t->model);
    if (!digest_eq(snapshot_model(t->snap), &fingerprint))
        return FAIL(ERR_BUSY, "the model changes just now; try again");
    return ERR_OK;
}

static int check_model(const struct tuning *t)
{
    struct digest now = engine_fingerprint(t->e);

    if (!digest_eq(&now, &t->pairs.fingerprint))
        return FAIL(ERR_GONE, "the model has changed meanwhile; tune again");
    return ERR_OK;
}

int tune_run(struct engine *e, const struct tune_pair *pairs, size_t n_pairs,
             const struct tune_options *o, struct tune_result *result, struct adapter **adapter)
{
    int rc = ERR_OK;
    struct tuning t = {.e = e, .o = o, .result = result, .caller = pthread_self()};
    struct adapter *made = NULL;

    *result = (struct tune_result){0};
    TRY(retriever_snapshot(e->retriever, o->tenant, o->collection, &t.snap));
    TRY(take_model(&t));
    t.pool = pool_new("tune", cpu_count(), TUNE_FOLDS);
    TRY(tune_pairs_read(&t.pairs, e, t.model, pairs, n_pairs));
    TRY(stage(&t, "embedding", t.pairs.n_questions, t.pairs.n_questions, embed_one));
    TRY(tune_pairs_match(&t.pairs, e, o));
    result->n_questions = t.pairs.n_questions;
    result->n_documents = t.pairs.n_documents;
    result->n_pairs = t.pairs.fitted.n_pairs;
    result->n_unknown = t.pairs.n_unknown;
    TRY(learn_and_judge(&t));
    if (result->helps)
        TRY(make_adapter(&t, &made));
    TRY(check_model(&t));
    *adapter = made;
    made = NULL; /* handed over */
out:
    adapter_unref(made);
    tuning_done(&t);
    return rc;
}
