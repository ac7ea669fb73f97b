#include "query/query.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "cache/origin.h"
#include "cache/tiers.h"
#include "engine/engine.h"
#include "generate/chat.h"
#include "generate/follow_up.h"
#include "query/freshness.h"
#include "query/question_alike.h"
#include "query/question_chat.h"
#include "query/question_check.h"
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
    struct digest key, scope;
    struct str lent;             /* the question, where it may stand in for others; else NULL */
    struct answer_origin origin; /* without documents: they are the answer's */
    uint64_t ticket;
    int64_t shared_ticket;
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
    struct digest scope;         /* of questions that may mean the same; where that is wanted */
    bool alike_was_asked;        /* one that does was there, but no answer to it */
    bool seen_before;            /* the question table knows it, at another epoch */
    struct digest prompt_before; /* and came to this then */
    uint64_t ticket;
    int64_t shared_ticket;
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
    if (question_alike_wanted(q))
        r->scope = question_alike_scope(r->e, q, &r->fingerprint, r->adapter, r->ans->mem);
}

/* ---- stages ---- */

/* How it ended, once a question that somebody asked. */
static void count(struct engine *e, const struct query *q, const struct answer *ans)
{
    static const enum answers_outcome outcomes[] = {
        [CACHE_MISS] = ANSWERS_OUTCOME_MISS,
        [CACHE_HIT] = ANSWERS_OUTCOME_HIT,
        [CACHE_REVALIDATED] = ANSWERS_OUTCOME_REVALIDATED,
        [CACHE_STORED] = ANSWERS_OUTCOME_STORED,
        [CACHE_SEMANTIC] = ANSWERS_OUTCOME_HIT,
        [CACHE_SHARED] = ANSWERS_OUTCOME_SHARED,
        [CACHE_PRECOMPUTED] = ANSWERS_OUTCOME_PRECOMPUTED,
        [CACHE_JOINED] = ANSWERS_OUTCOME_MISS,
        [CACHE_BYPASS] = ANSWERS_OUTCOME_MISS,
    };

    if (ans->shared && ans->cache != CACHE_BYPASS && !q->precomputing)
        answers_count(e->answers, outcomes[ans->cache]);
    if (ans->shared && outcomes[ans->cache] != ANSWERS_OUTCOME_MISS)
        answers_saved(e->answers, ans->shared, trace_total_ns(&ans->trace));
}

/* An answer that was in memory. */
static void serve_again(struct engine *e, const struct query *q, struct answer *ans,
                        enum cache_status how)
{
    ans->cache = ans->shared->precomputed ? CACHE_PRECOMPUTED : how;
    if (!q->precomputing)
        tiers_asked(e->tiers, ans->shared);
}

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
    serve_again(e, q, ans, CACHE_HIT);
    count(e, q, ans);
    query_was_asked(e, q, key);
    return true;
}

/* True when the answer is there. Else an earlier run may have left its vector: no embedding. */
static bool look_up(struct run *r)
{
    struct answers_entry found;
    uint64_t since = clock_ns();
    uint64_t epoch = retriever_epoch(r->e->retriever, r->q->tenant, r->q->collection);

    r->ticket = answers_ticket(r->e->answers);
    r->shared_ticket = tiers_ticket(r->e->tiers);
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
        serve_again(r->e, r->q, r->ans, CACHE_HIT);
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
    return arena_printf(r->ans->mem,
                        "model %s words %s %d mode %d fusion %d rerank %s chars %zu tokens %zu "
                        "window %d collapse %d"
                        " adapter %s %s %s",
                        model, words->language, words->drop_stop_words, (int)q->mode,
                        (int)q->fusion, question_rerank_name(r->e, q, r->ans->mem),
                        q->context_chars, q->context_tokens, q->window, q->collapse, adapter,
                        answerer, plan);
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
    if (r->q->context_tokens)
        TRY(context_build_tokens(ans->passages, ans->n_passages, r->q->context_tokens, NULL,
                                 ans->mem, &ans->context));
    else
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
    struct str none = {NULL, 0};

    return (struct unfinished){.key = r->key,
                               .scope = r->scope,
                               .lent = question_alike_wanted(r->q) ? r->q->question : none,
                               .origin = {.prompt_hash = r->prompt_hash,
                                          .tenant = r->q->tenant,
                                          .collection = r->q->collection,
                                          .epoch = snapshot_epoch(r->snap)},
                               .ticket = r->ticket,
                               .shared_ticket = r->shared_ticket,
                               .vector = r->vector,
                               .dim = dim_of(r),
                               .question = r->question};
}

static void remember_question(struct engine *e, const struct unfinished *u)
{
    answers_remember(e->answers, &u->key, u->origin.epoch, u->vector, u->dim,
                     &u->origin.prompt_hash);
    if (u->lent.p)
        alike_keep(e->alike, &u->scope, &u->key, u->lent, u->vector, u->dim);
}

/* One that was not in memory, and is from now on. */
static void take_found(struct engine *e, struct answer *ans, const struct unfinished *u,
                       enum cache_status how)
{
    ans->cache = ans->shared->precomputed ? CACHE_PRECOMPUTED : how;
    answers_put(e->answers, ans->shared, u->ticket);
}

/* The prompt is one that was answered before: by this question (the collection moved, the answer
 * still stands), by another that came to the same, before a restart, or by another replica. A run
 * without the encoder takes none: the stored reply would not say what was left out this time. */
static bool answered_before(struct run *r, const struct unfinished *u)
{
    struct answer *ans = r->ans;
    uint64_t since = clock_ns();
    enum tier from;

    if (!looks_up(r->q) || ans->degraded)
        return false;
    ans->shared = answers_get(r->e->answers, &r->prompt_hash);
    if (ans->shared)
        serve_again(r->e, r->q, ans,
                    r->seen_before && digest_eq(&r->prompt_before, &r->prompt_hash)
                        ? CACHE_REVALIDATED
                        : CACHE_STORED);
    else if ((ans->shared = tiers_find(r->e->tiers, &u->origin, &from)) != NULL)
        take_found(r->e, ans, u, from == TIER_SHARED ? CACHE_SHARED : CACHE_STORED);
    if (ans->shared && !freshness_takes(&r->q->freshness, ans->shared)) {
        answer_done(ans);
        ans->cache = CACHE_MISS;
    }
    if (ans->shared)
        remember_question(r->e, u);
    trace_add(&ans->trace, STAGE_CACHE, since);
    return ans->shared != NULL;
}

/* What whoever gets this answer again need not wait. */
static uint32_t made_us(const struct answer *ans)
{
    uint64_t us = trace_total_ns(&ans->trace) / 1000;

    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* Only questions that want the plain answer wait for another's. */
static bool may_wait(const struct query *q)
{
    return q->cache == QUERY_CACHE_DEFAULT && q->deadline_ms == 0 && q->freshness.min_fresh_s == 0;
}

/* Another replica may be asking the model this. True: it has just answered. */
static bool joined(struct run *r, const struct unfinished *u)
{
    struct answer *ans = r->ans;
    uint64_t since = clock_ns();
    enum tiers_turn turn;

    if (!may_wait(r->q))
        return false;
    turn = tiers_join(r->e->tiers, &u->origin, &ans->flight, &ans->shared);
    ans->waits = turn == TIERS_WAIT;
    if (turn == TIERS_ANSWERED) {
        take_found(r->e, ans, u, CACHE_SHARED);
        remember_question(r->e, u);
    }
    trace_add(&ans->trace, STAGE_CACHE, since);
    return turn == TIERS_ANSWERED;
}

/* Whether the cache has the answer to what this run comes to. */
static bool was_answered(struct run *r)
{
    struct unfinished u;

    if (embed(r) < 0 || find_passages(r) < 0 || build_context(r) < 0)
        return false;
    u = unfinished_of(r);
    return answered_before(r, &u);
}

/* This run goes on as the other question, up to where an answer would have to be made. */
static bool answered_as(struct run *r, struct alike_question *found)
{
    struct answer tried = *r->ans;
    struct query other = *r->q;
    struct run o = *r;
    bool answered;

    other.question = found->text;
    o.q = &other;
    o.searched = other;
    o.ans = &tried;
    o.model = embedder_ref(r->model);
    o.adapter = r->adapter ? adapter_ref(r->adapter) : NULL;
    o.key = found->key;
    o.vector = found->vector;
    answered = look_up(&o) || was_answered(&o);
    snapshot_unref(o.snap);
    leave_model(&o);
    r->ans->trace = tried.trace;
    r->ans->shared = tried.shared;
    return answered;
}

/* Another question that means the same (by its form, or where we have a vector by that) is asked in
 * this one's place, so its answer is as true now as any of the cache. Where there is none yet, one
 * is made for the question really asked. */
static bool answered_alike(struct run *r)
{
    struct lru_value *reply;
    struct alike_question found;
    uint64_t since = clock_ns();
    bool there;

    if (!question_alike_wanted(r->q) || !looks_up(r->q) || r->seen_before || r->alike_was_asked ||
        r->ans->degraded)
        return false;
    there = question_alike_find(r->e, r->q, &r->scope, r->vector, dim_of(r), r->ans->mem, &found);
    since = trace_add(&r->ans->trace, STAGE_CACHE, since);
    r->alike_was_asked = there;
    if (!there || !answered_as(r, &found))
        return false;
    since = clock_ns();
    reply = r->ans->shared;
    r->ans->shared = lru_value_answering(reply, found.text);
    r->ans->cache = CACHE_SEMANTIC;
    lru_value_unref(reply);
    alike_used(r->e->alike, &found.key);
    question_check_reused(r->e, r->q, r->ans->shared);
    trace_add(&r->ans->trace, STAGE_CACHE, since);
    return true;
}

static void write_shared(struct engine *e, const struct query *q, struct answer *ans,
                         const struct unfinished *u)
{
    struct answer_origin origin = u->origin;
    struct str *documents = ARENA_ARRAY(ans->mem, struct str, ans->n_passages);
    struct buf body;

    for (size_t i = 0; i < ans->n_passages; i++)
        documents[i] = ans->passages[i].document;
    origin.documents = documents;
    origin.n_documents = ans->n_passages;
    buf_init(&body);
    reply_body(q, ans, &body);
    ans->shared = origin_value(buf_view(&body), &origin,
                               q->ttl_ms ? q->ttl_ms : e->config.cache.ttl_s * 1000);
    ans->shared->tokens_in = ans->generated.tokens_in;
    ans->shared->tokens_out = ans->generated.tokens_out;
    ans->shared->cost = (float)ans->generated.cost;
    ans->shared->made_us = made_us(ans);
    ans->shared->precomputed = q->precomputing;
    buf_done(&body);
}

static void remember(struct engine *e, const struct query *q, struct answer *ans,
                     const struct unfinished *u)
{
    uint64_t since = clock_ns();

    if (stores(q) && !ans->degraded) {
        remember_question(e, u);
        answers_put(e->answers, ans->shared, u->ticket);
        tiers_keep(e->tiers, ans->shared, u->shared_ticket, ans->flight);
        ans->flight = NULL;
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
    write_shared(r->e, r->q, ans, u);
    trace_add(&ans->trace, STAGE_GENERATE, since);
    remember(r->e, r->q, ans, u);
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
    if (look_up(&r) || answered_alike(&r))
        goto out;
    r.searched.question = follow_up_text(q->question, q->history, q->n_history, ans->mem);
    TRY(embed(&r));
    if (r.vector && answered_alike(&r))
        goto out;
    TRY(find_passages(&r));
    TRY(build_context(&r));
    u = unfinished_of(&r);
    if (answered_before(&r, &u))
        goto out;
    if (q->cache == QUERY_CACHE_ONLY) {
        rc = FAIL(ERR_TIMEOUT, "no answer in the cache, and \"cache\":\"only\" asks for no other");
        goto out;
    }
    if (ans->chat && joined(&r, &u))
        goto out;
    if (ans->chat) {
        question_chat_write(e, q, ans);
        ans->unfinished = arena_dup(ans->mem, &u, sizeof u);
    } else {
        quote(&r, &u);
    }
out:
    count(e, q, ans);
    if (rc == ERR_OK)
        query_was_asked(e, q, &r.key);
    snapshot_unref(r.snap);
    leave_model(&r);
    return rc;
}

/* ---- when another replica asks the language model ---- */

static uint64_t longest_wait_ns(const struct engine *e, const struct question_chat *chat)
{
    const struct chat_model *m = chat_models_get(e->chat_models, (size_t)chat->models[0]);

    return (uint64_t)m->timeout_ms * 1000000;
}

void query_await(struct engine *e, struct answer *ans, void (*done)(void *arg), void *arg)
{
    CHECK(ans->waits);
    ans->waits = false;
    tiers_wait(ans->flight, clock_ns() + longest_wait_ns(e, ans->chat), done, arg);
}

bool query_awaited(struct engine *e, const struct query *q, struct answer *ans)
{
    const struct unfinished *u = ans->unfinished;

    if (tiers_turn_of(ans->flight, &ans->shared) != TIERS_ANSWERED)
        return false;
    ans->unfinished = NULL;
    take_found(e, ans, u, CACHE_SHARED);
    remember_question(e, u);
    count(e, q, ans);
    return true;
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
    g->cost = result->cost;
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

/* A model's nonsense is no fault of whoever asks. */
static int code_of_trouble(const struct chat_result *result)
{
    return result->rc == ERR_TIMEOUT || result->rc == ERR_ARGUMENT ? result->rc : ERR_UNAVAILABLE;
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
    ans->upstream_error = result->rc < 0 ? arena_strdup(ans->mem, result->error) : NULL;
    if (result->rc == ERR_OK && result->complete && text.n) {
        take_generated(e, ans, u, result, text);
    } else if (may_quote(ans, result)) {
        extractive_answer(&u->question, &ans->context, ans->mem, &ans->extract);
        ans->degraded |= DEGRADED_QUOTED;
    } else {
        return FAIL(code_of_trouble(result), "%s",
                    result->rc < 0 ? result->error : "the language model's answer has no end");
    }
    write_shared(e, q, ans, u);
    trace_add(&ans->trace, STAGE_GENERATE, since);
    remember(e, q, ans, u);
    count(e, q, ans);
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
    tiers_leave(ans->flight);
    ans->flight = NULL;
}
