#include "query/query.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "generate/chat.h"
#include "generate/follow_up.h"
#include "query/freshness.h"
#include "query/question_chat.h"
#include "query/question_rerank.h"
#include "query/question_vector.h"
#include "query/reply.h"

/* A hit may vanish between search and fetch while documents are replaced; the next snapshot has its
 * successor, and comes as soon as the change is published. More than a few times in a row means
 * something else is wrong. */
#define GONE_RETRIES 4
#define GONE_WAIT_MS 2000

/* What is left to do when a language model has answered needs this much of a run. */
struct unfinished {
    struct digest key, prompt_hash;
    uint64_t ticket, epoch;
    float *vector; /* in ans->mem; NULL: words only */
    size_t dim;
    struct extract_question question;
};

/* What one run carries from stage to stage. */
struct run {
    struct engine *e;
    const struct query *q;
    struct query searched; /* the same with the text that is searched for */
    struct answer *ans;
    struct embedder *model;    /* a reference: vector, snapshot and key are of this one */
    struct digest fingerprint; /* its own */
    struct adapter *adapter;   /* the collection's for it, with a reference; NULL: none */
    struct digest key;
    bool seen_before;            /* the question table knows it, at another epoch */
    struct digest prompt_before; /* and came to this then */
    uint64_t ticket;
    struct snapshot *snap;
    float *vector;  /* in ans->mem; NULL: words only */
    float *adapted; /* what is searched for; `vector` without an adapter */
    struct extract_question question;
    struct digest prompt_hash;
};

static size_t dim_of(const struct run *r)
{
    return embedder_info(r->model)->dim;
}

static bool stores(const struct query *q)
{
    return q->cache != QUERY_CACHE_NO_STORE;
}

static bool looks_up(const struct query *q)
{
    return q->cache == QUERY_CACHE_DEFAULT || q->cache == QUERY_CACHE_ONLY;
}

static bool is_late(const struct run *r)
{
    return r->q->deadline_ms > 0 &&
           clock_ms_since(r->ans->trace.start_ns) > (double)r->q->deadline_ms;
}

static void leave_model(struct run *r)
{
    adapter_unref(r->adapter);
    embedder_close(r->model);
}

/* The model in force, the collection's adapter for it, and the key of the question under both: one
 * that was made before either changed names another's answer. */
static void take_model(struct run *r)
{
    const struct query *q = r->q;

    leave_model(r);
    r->model = engine_embedder(r->e);
    r->fingerprint = embedder_fingerprint(r->model);
    r->adapter = adapters_get(r->e->adapters, q->tenant, q->collection, r->model);
    r->key = query_key_under(r->e, q, &r->fingerprint, r->adapter, r->ans->mem);
}

/* ---- stages ---- */

bool query_cached(struct engine *e, const struct query *q, const struct digest *key,
                  struct answer *ans)
{
    if (!looks_up(q))
        return false;
    ans->shared =
        answers_hit(e->answers, key, retriever_epoch(e->retriever, q->tenant, q->collection));
    if (!ans->shared || !freshness_takes_hit(&q->freshness, ans->shared)) {
        answer_done(ans);
        return false;
    }
    ans->cache = CACHE_HIT;
    answers_count(e->answers, ANSWERS_OUTCOME_HIT);
    return true;
}

/* True when the answer is there. Else an earlier run may have left its vector: no embedding. */
static bool look_up(struct run *r)
{
    struct answers_entry found;
    uint64_t since = clock_ns();
    uint64_t epoch = retriever_epoch(r->e->retriever, r->q->tenant, r->q->collection);

    r->ticket = answers_ticket(r->e->answers);
    r->ans->cache = stores(r->q) ? CACHE_MISS : CACHE_BYPASS;
    if (!looks_up(r->q))
        return false;
    answers_find(r->e->answers, &r->key, epoch, &found);
    if (found.state == ANSWERS_HIT && !freshness_takes_hit(&r->q->freshness, found.reply)) {
        lru_value_unref(found.reply);
        answers_find(r->e->answers, &r->key, ANSWERS_NO_EPOCH, &found);
    }
    if (found.state == ANSWERS_HIT) {
        r->ans->shared = found.reply;
        r->ans->cache = CACHE_HIT;
    } else if (found.state == ANSWERS_MOVED) {
        r->seen_before = true;
        r->prompt_before = found.prompt_hash;
        if (found.vector && found.dim == dim_of(r))
            r->vector = arena_dup(r->ans->mem, found.vector, found.dim * sizeof(float));
    }
    mem_free(found.vector);
    trace_add(&r->ans->trace, STAGE_CACHE, since);
    return found.state == ANSWERS_HIT;
}

/* The index is searched with what the adapter makes of the question. Passages and sentences are
 * judged by the plain vector, which is also what is remembered: the answerer's weights are fitted
 * to the model's own cosines. With the adapter's, which are lower, it refused 14 of 212 questions
 * of tatqa-dev that it answers without. */
static void adapt(struct run *r)
{
    r->adapted = r->vector;
    if (!r->vector || !r->adapter)
        return;
    r->adapted = arena_alloc(r->ans->mem, dim_of(r) * sizeof *r->adapted);
    adapter_apply(r->adapter, r->vector, r->adapted);
}

static int embed(struct run *r)
{
    int rc = ERR_OK;
    uint64_t since = clock_ns();
    bool stood_in = false;

    if (r->q->mode != SEARCH_KEYWORD && !r->vector)
        TRY(question_vector(r->e, r->model, &r->searched, &r->ans->trace, r->ans->mem, &r->vector,
                            &stood_in));
    if (stood_in)
        r->ans->degraded |= DEGRADED_EMBED;
    adapt(r);
out:
    trace_add(&r->ans->trace, STAGE_EMBED, since);
    return rc;
}

/* Without a vector the words are left. */
static enum search_mode mode_of(const struct run *r)
{
    return r->vector || r->q->mode == SEARCH_SUMMARY ? r->q->mode : SEARCH_KEYWORD;
}

static void rerank(struct run *r)
{
    uint64_t since = clock_ns();

    if (r->q->rerank != RERANK_MODEL)
        return;
    if (!question_rerank(r->e, r->q, r->ans))
        r->ans->degraded |= DEGRADED_RERANK;
    trace_add(&r->ans->trace, STAGE_RERANK, since);
}

/* The neighbours of what is left. */
static int widen(struct run *r)
{
    int rc = ERR_OK;
    struct answer *ans = r->ans;
    uint64_t since = clock_ns();

    ans->n_passages = ans->hits.n;
    if (r->q->window > 0)
        TRY(snapshot_widen(r->snap, ans->passages, ans->n_passages, r->q->window, ans->mem,
                           &ans->passages, &ans->n_passages));
out:
    trace_add(&ans->trace, STAGE_FETCH, since);
    return rc;
}

static int find_passages_once(struct run *r)
{
    int rc = ERR_OK;
    struct answer *ans = r->ans;
    uint64_t since = clock_ns();
    struct search_spec spec = {
        .text = r->searched.question,
        .vector = r->adapted,
        .plain = r->adapter ? r->vector : NULL,
        .mode = mode_of(r),
        .fusion = r->q->fusion,
        .rerank = r->q->rerank == RERANK_LEXICAL ? RERANK_LEXICAL : RERANK_OFF,
        .filter = r->q->filter,
        .k = question_candidates(r->e, r->q),
        .ef = r->q->ef,
        .recall_target = r->q->recall_target,
        .diversity = r->q->diversity,
        .collapse = r->q->collapse,
        .model = &r->fingerprint,
    };

    snapshot_unref(r->snap);
    r->snap = NULL;
    TRY(retriever_snapshot(r->e->retriever, r->q->tenant, r->q->collection, &r->snap));
    TRY(snapshot_search(r->snap, &spec, ans->mem, &ans->hits));
    since = trace_add(&ans->trace, STAGE_SEARCH, since);
    ans->passages = ARENA_ARRAY(ans->mem, struct passage, ans->hits.n);
    rc = snapshot_fetch(r->snap, &ans->hits, ans->mem, ans->passages);
    trace_add(&ans->trace, STAGE_FETCH, since);
    TRY(rc);
    rerank(r);
    TRY(widen(r));
out:
    return rc;
}

static bool model_has_changed(struct run *r)
{
    struct embedder *now = engine_embedder(r->e);
    bool changed = now != r->model;

    embedder_close(now);
    return changed;
}

/* What kept the run from its hits is over when this returns. A new model is in force before its
 * snapshots are: who has the new one and an old snapshot waits for the next, like any other. */
static int begin_anew(struct run *r)
{
    if (model_has_changed(r)) {
        take_model(r);
        r->vector = NULL;
        r->seen_before = false;
        r->ans->degraded = 0;
        return embed(r);
    }
    return retriever_wait_past(r->e->retriever, r->q->tenant, r->q->collection,
                               snapshot_epoch(r->snap), GONE_WAIT_MS);
}

static int find_passages(struct run *r)
{
    for (int i = 0;; i++) {
        int rc = find_passages_once(r);

        if (rc != ERR_GONE || i == GONE_RETRIES)
            return rc;
        rc = begin_anew(r);
        if (rc < 0)
            return rc;
    }
}

/* Everything beside question and context that the answer is a function of. */
static const char *settings_of(struct run *r)
{
    const struct query *q = r->q;
    const struct word_settings *words = snapshot_words(r->snap);
    const char *answerer = "none", *plan = "";
    char model[DIGEST_HEX], adapter[DIGEST_HEX] = "none";

    digest_hex(&r->fingerprint, model);
    if (r->ans->chat) /* a model knows nothing of how rare a word is */
        answerer = question_chat_settings(r->e, q, r->ans->mem);
    else if (q->answer != QUERY_ANSWER_NONE)
        answerer = extractive_settings(&r->question, r->ans->mem);
    if (r->adapter)
        digest_hex(adapter_fingerprint(r->adapter), adapter);
    if (q->explain)
        plan = reply_explain_text(q, r->ans);
    return arena_printf(
        r->ans->mem,
        "model %s words %s %d mode %d fusion %d rerank %s chars %zu window %d collapse %d"
        " adapter %s %s %s",
        model, words->language, words->drop_stop_words, (int)q->mode, (int)q->fusion,
        question_rerank_name(r->e, q, r->ans->mem), q->context_chars, q->window, q->collapse,
        adapter, answerer, plan);
}

/* Without vectors of sentences there is nothing to compare the question's with. */
static const float *vector_for_sentences(const struct run *r)
{
    return embedder_info(r->model)->has_sentences ? r->vector : NULL;
}

static int build_context(struct run *r)
{
    int rc = ERR_OK;
    struct answer *ans = r->ans;
    uint64_t since = clock_ns();
    struct prompt prompt = {.tenant = r->q->tenant,
                            .collection = r->q->collection,
                            .question = r->q->question,
                            .generator = "extractive"};

    if (question_chat_wanted(r->e, r->q) && !is_late(r))
        ans->chat = question_chat_choose(r->e, r->q, ans);
    if (ans->chat)
        prompt.generator = question_chat_name(r->e, ans->chat, ans->mem);
    TRY(context_build(ans->passages, ans->n_passages, r->q->context_chars, ans->mem,
                      &ans->context));
    extractive_prepare(r->snap, r->q->question, vector_for_sentences(r), dim_of(r), ans->mem,
                       &r->question);
    prompt.settings = settings_of(r);
    r->prompt_hash = context_prompt_hash(&ans->context, &prompt, ans->mem);
out:
    trace_add(&ans->trace, STAGE_CONTEXT, since);
    return rc;
}

static struct unfinished unfinished_of(const struct run *r)
{
    return (struct unfinished){.key = r->key,
                               .prompt_hash = r->prompt_hash,
                               .ticket = r->ticket,
                               .epoch = snapshot_epoch(r->snap),
                               .vector = r->vector,
                               .dim = dim_of(r),
                               .question = r->question};
}

static void remember_question(struct engine *e, const struct unfinished *u)
{
    answers_remember(e->answers, &u->key, u->epoch, u->vector, u->dim, &u->prompt_hash);
}

/* The prompt is one that was answered before: by this question (the collection moved, the answer
 * still stands) or by another that came to the same. A run without the encoder takes none: the
 * stored reply would not say what was left out this time. */
static bool answered_before(struct run *r)
{
    uint64_t since = clock_ns();
    struct unfinished u;

    if (looks_up(r->q) && !r->ans->degraded)
        r->ans->shared = answers_get(r->e->answers, &r->prompt_hash);
    if (r->ans->shared && !freshness_takes(&r->q->freshness, r->ans->shared))
        answer_done(r->ans);
    if (r->ans->shared) {
        r->ans->cache = r->seen_before && digest_eq(&r->prompt_before, &r->prompt_hash)
                            ? CACHE_REVALIDATED
                            : CACHE_STORED;
        u = unfinished_of(r);
        remember_question(r->e, &u);
    }
    trace_add(&r->ans->trace, STAGE_CACHE, since);
    return r->ans->shared != NULL;
}

/* The part of the reply that everybody who asks this shares. */
static void write_shared(struct engine *e, const struct query *q, struct answer *ans)
{
    struct buf body;

    buf_init(&body);
    reply_body(q, ans, &body);
    ans->shared = lru_value_new(body.p, body.n, e->config.cache.ttl_s * 1000);
    ans->shared->tokens_in = ans->generated.tokens_in;
    ans->shared->tokens_out = ans->generated.tokens_out;
    buf_done(&body);
}

static void remember(struct engine *e, const struct query *q, struct answer *ans,
                     const struct unfinished *u)
{
    uint64_t since = clock_ns();
    struct str *documents = ARENA_ARRAY(ans->mem, struct str, ans->n_passages);

    if (stores(q) && !ans->degraded) {
        for (size_t i = 0; i < ans->n_passages; i++)
            documents[i] = ans->passages[i].document;
        remember_question(e, u);
        answers_put(e->answers, &u->prompt_hash, ans->shared, u->ticket, q->tenant, q->collection,
                    documents, ans->n_passages);
    }
    trace_add(&ans->trace, STAGE_CACHE, since);
}

/* Quotes, or says that there was no time even for that. */
static void quote(struct run *r, const struct unfinished *u)
{
    struct answer *ans = r->ans;
    uint64_t since = clock_ns();

    if (r->q->answer != QUERY_ANSWER_NONE && is_late(r))
        ans->degraded |= DEGRADED_GENERATE;
    else if (r->q->answer != QUERY_ANSWER_NONE)
        extractive_answer(&r->question, &ans->context, ans->mem, &ans->extract);
    if (question_chat_wanted(r->e, r->q) && !(ans->degraded & DEGRADED_GENERATE))
        ans->degraded |= DEGRADED_QUOTED; /* no time for the model */
    write_shared(r->e, r->q, ans);
    trace_add(&ans->trace, STAGE_GENERATE, since);
    remember(r->e, r->q, ans, u);
}

static void count(struct engine *e, const struct answer *ans)
{
    static const enum answers_outcome outcomes[] = {
        [CACHE_MISS] = ANSWERS_OUTCOME_MISS,     [CACHE_HIT] = ANSWERS_OUTCOME_HIT,
        [CACHE_STORED] = ANSWERS_OUTCOME_STORED, [CACHE_REVALIDATED] = ANSWERS_OUTCOME_REVALIDATED,
        [CACHE_JOINED] = ANSWERS_OUTCOME_MISS,   [CACHE_BYPASS] = ANSWERS_OUTCOME_MISS,
    };

    if (ans->shared && ans->cache != CACHE_BYPASS)
        answers_count(e->answers, outcomes[ans->cache]);
}

/* ---- the path ---- */

int query_run(struct engine *e, const struct query *q, struct answer *ans)
{
    int rc = ERR_OK;
    struct run r = {.e = e, .q = q, .searched = *q, .ans = ans};
    uint64_t since = clock_ns();
    struct unfinished u;

    TRY(question_chat_check(e, q));
    TRY(question_rerank_check(e, q));
    take_model(&r);
    trace_add(&ans->trace, STAGE_CACHE, since);
    if (look_up(&r))
        goto out;
    r.searched.question = follow_up_text(q->question, q->history, q->n_history, ans->mem);
    TRY(embed(&r));
    TRY(find_passages(&r));
    TRY(build_context(&r));
    if (answered_before(&r))
        goto out;
    if (q->cache == QUERY_CACHE_ONLY) {
        rc = FAIL(ERR_TIMEOUT, "no answer in the cache, and \"cache\":\"only\" asks for no other");
        goto out;
    }
    u = unfinished_of(&r);
    if (ans->chat) {
        question_chat_write(e, q, ans);
        ans->unfinished = arena_dup(ans->mem, &u, sizeof u);
    } else {
        quote(&r, &u);
    }
out:
    count(e, ans);
    snapshot_unref(r.snap);
    leave_model(&r);
    return rc;
}

/* ---- when a language model has been asked ---- */

static struct claim_source *claim_sources(const struct answer *ans)
{
    struct claim_source *v = ARENA_ARRAY(ans->mem, struct claim_source, ans->n_passages);

    for (size_t i = 0; i < ans->n_passages; i++) {
        const struct passage *p = &ans->passages[i];
        const char *head =
            arena_printf(ans->mem, "%.*s\n%.*s", STR_ARGS(p->title), STR_ARGS(p->heading));

        v[i] = (struct claim_source){p->source + 1, str_of(head), p->text};
    }
    return v;
}

static void take_generated(struct engine *e, struct answer *ans, const struct unfinished *u,
                           const struct chat_result *result, struct str text)
{
    struct word_analyzer *words = analyzers_get(u->question.analyzers);
    struct claim *claims = NULL;
    struct generated *g = &ans->generated;

    g->text = (struct str){arena_strndup(ans->mem, text.p, text.n), text.n};
    g->model = chat_models_get(e->chat_models, result->i_model)->name;
    g->tokens_in = (uint32_t)result->prompt_tokens;
    g->tokens_out = (uint32_t)result->completion_tokens;
    claims_check(words, g->text, claim_sources(ans), ans->n_passages, ans->mem, &claims,
                 &g->n_claims);
    g->claims = claims;
    analyzers_put(u->question.analyzers, words);
    if (result->i_model != (size_t)ans->chat->models[0])
        ans->degraded |= DEGRADED_MODEL;
}

/* Our own deadline is no failure of the model: there is less of an answer, and it says so. */
static bool may_quote(const struct answer *ans, const struct chat_result *result)
{
    return !ans->chat->forced ||
           (result->rc == ERR_TIMEOUT && ans->chat->until_ns && clock_ns() >= ans->chat->until_ns);
}

int query_finish(struct engine *e, const struct query *q, struct answer *ans,
                 const struct chat_result *result, struct str text)
{
    struct unfinished *u = ans->unfinished;
    uint64_t since = clock_ns();

    CHECK(u && ans->chat);
    ans->unfinished = NULL;
    ans->upstream_status = result->status;
    ans->upstream_retry_ms = result->retry_after_ms;
    if (result->rc == ERR_OK && result->complete && text.n) {
        take_generated(e, ans, u, result, text);
    } else if (may_quote(ans, result)) {
        extractive_answer(&u->question, &ans->context, ans->mem, &ans->extract);
        ans->degraded |= DEGRADED_QUOTED;
    } else {
        return FAIL(result->rc < 0 ? result->rc : ERR_UNAVAILABLE, "%s",
                    result->rc < 0 ? result->error : "the language model's answer has no end");
    }
    write_shared(e, q, ans);
    trace_add(&ans->trace, STAGE_GENERATE, since);
    remember(e, q, ans, u);
    count(e, ans);
    return ERR_OK;
}

int query_search(struct engine *e, const struct query *q, struct answer *ans)
{
    int rc = ERR_OK;
    struct run r = {.e = e, .q = q, .searched = *q, .ans = ans};

    TRY(question_rerank_check(e, q));
    take_model(&r);
    TRY(embed(&r));
    TRY(find_passages(&r));
out:
    snapshot_unref(r.snap);
    leave_model(&r);
    return rc;
}

void answer_done(struct answer *ans)
{
    lru_value_unref(ans->shared);
    ans->shared = NULL;
}
