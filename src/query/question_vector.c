#include "query/question_vector.h"

#include "base/clock.h"
#include "base/err.h"
#include "engine/engine.h"
#include "query/query.h"
#include "text/wordpiece.h"

#define MEAN_OVER 8 /* questions, in the running mean */
#define NS_A_MS   1e6

/* What an embedding server may take of a deadline: a fifth is left for the rest of the path. */
static int64_t embed_within_ms(const struct query *q, const struct trace *trace)
{
    double left;

    if (q->deadline_ms == 0)
        return 0;
    left = (double)q->deadline_ms - clock_ms_since(trace->start_ns);
    return left * 0.8 > 1 ? (int64_t)(left * 0.8) : 1;
}

/* A server that is down or late is no reason to answer nothing where words can answer. */
static int ask_server(struct engine *e, struct embedder *model, const struct query *q,
                      const struct trace *trace, struct arena *mem, float **out, bool *stood_in)
{
    int rc = embed_query_within(model, e->pool, q->question, embed_within_ms(q, trace), mem, out);

    if (q->mode == SEARCH_VECTOR || (rc != ERR_UNAVAILABLE && rc != ERR_TIMEOUT))
        return rc;
    *stood_in = true;
    return ERR_OK;
}

static size_t count_tokens(const struct embedder *model, struct str text)
{
    size_t n = wordpiece_count(embedder_tokenizer(model), text) + 2; /* [CLS], [SEP] */
    size_t most = embedder_info(model)->max_tokens;

    return n < most ? n : most;
}

static double expected_ms(const struct engine *e, size_t n_tokens)
{
    return (double)atomic_load(&e->embed_token_ns) * (double)n_tokens / NS_A_MS;
}

/* Two threads may overwrite each other's sample: a mean can do without it. */
static void learn(struct engine *e, uint64_t ns, size_t n_tokens)
{
    uint64_t mean = atomic_load(&e->embed_token_ns), sample = ns / n_tokens;

    if (mean)
        sample = (mean * (MEAN_OVER - 1) + sample) / MEAN_OVER;
    atomic_store(&e->embed_token_ns, sample ? sample : 1);
}

static bool is_short_of_time(const struct engine *e, const struct query *q,
                             const struct trace *trace, size_t n_tokens)
{
    double ms = expected_ms(e, n_tokens);
    double left_ms = (double)q->deadline_ms - clock_ms_since(trace->start_ns);
    double waiting_ms = ms * (double)pool_depth(e->pool) / pool_threads(e->pool);

    if (static_encoders_off(e->static_encoders))
        return false;
    if (q->deadline_ms > 0 && left_ms <= ms)
        return true;
    return waiting_ms > STAND_IN_WAIT_MS;
}

/* Names that are no collection's are not asked for: they would be kept for ever. */
static struct static_encoder *encoder_of(struct engine *e, const struct embedder *model,
                                         const struct query *q)
{
    struct digest fingerprint = embedder_fingerprint(model);
    struct static_encoder *s = NULL;

    if (retriever_may_have(e->retriever, q->tenant, q->collection))
        s = static_encoders_get(e->static_encoders, q->tenant, q->collection);
    if (!s || digest_eq(&static_encoder_origin(s)->fingerprint, &fingerprint))
        return s;
    static_encoder_unref(s); /* the model has changed since we took it */
    return NULL;
}

/* False: there is no static encoder. *out stays NULL when it knows no token of the question. */
static bool stand_in(struct engine *e, const struct embedder *model, const struct query *q,
                     struct arena *mem, float **out)
{
    struct static_encoder *s = encoder_of(e, model, q);
    struct token *tokens = ARENA_ARRAY(mem, struct token, STATIC_TOKENS_MAX);
    float *vector = arena_alloc(mem, embedder_info(model)->dim * sizeof *vector);
    size_t n =
        wordpiece_encode(embedder_tokenizer(model), q->question, tokens, STATIC_TOKENS_MAX, NULL);

    if (s && static_encoder_encode(s, tokens + 1, n - 2, vector))
        *out = vector;
    static_encoder_unref(s);
    return s != NULL;
}

static int none_there(const struct query *q)
{
    return FAIL(ERR_NOT_FOUND,
                "collection '%s' has no static encoder; one is fitted at the end of an ingest when "
                "there are %d chunks",
                q->collection, STATIC_CHUNKS_MIN);
}

/* Our own encoder. */
static int encode(struct engine *e, struct embedder *model, const struct query *q, size_t n_tokens,
                  struct arena *mem, float **out)
{
    uint64_t since = clock_ns();
    int rc = embed_query(model, e->pool, q->question, mem, out);

    if (rc == ERR_OK)
        learn(e, clock_ns() - since, n_tokens);
    return rc;
}

int question_vector(struct engine *e, struct embedder *model, const struct query *q,
                    const struct trace *trace, struct arena *mem, float **out, bool *stood_in)
{
    bool insists = q->encoder == QUERY_ENCODER_STATIC;
    size_t n_tokens;

    *out = NULL;
    *stood_in = false;
    if (static_encoders_off(e->static_encoders) && insists)
        return none_there(q);
    if (embedder_info(model)->url) /* with a server, whether or not we have its tokenizer */
        return ask_server(e, model, q, trace, mem, out, stood_in);
    n_tokens = count_tokens(model, q->question);
    if (!insists && (q->cache == QUERY_CACHE_ONLY || !is_short_of_time(e, q, trace, n_tokens)))
        return encode(e, model, q, n_tokens, mem, out);
    *stood_in = true;
    return stand_in(e, model, q, mem, out) || !insists ? ERR_OK : none_there(q);
}
