#include "query/query.h"

#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "cache/origin.h"
#include "engine/engine.h"
#include "generate/chat.h"
#include "generate/follow_up.h"
#include "query/inquiry.h"
#include "query/question_chat.h"
#include "query/question_rerank.h"
#include "query/reply.h"

/* What whoever gets this answer again need not wait. */
static uint32_t made_us(const struct answer *ans)
{
    uint64_t us = trace_total_ns(&ans->trace) / 1000;

    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
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
                               q->ttl_ms ? q->ttl_ms : engine_settings(e)->cache.ttl_s * 1000);
    ans->shared->tokens_in = ans->generated.tokens_in;
    ans->shared->tokens_out = ans->generated.tokens_out;
    ans->shared->cost = (float)ans->generated.cost;
    ans->shared->made_us = made_us(ans);
    ans->shared->precomputed = q->precomputing;
    buf_done(&body);
}

/* Quotes, or says that there was no time even for that. */
static void quote(struct inquiry *r, const struct unfinished *u)
{
    struct answer *ans = r->ans;
    uint64_t since = clock_ns();

    if (r->q->answer != QUERY_ANSWER_NONE && inquiry_is_late(r))
        ans->degraded |= DEGRADED_GENERATE;
    else if (r->q->answer != QUERY_ANSWER_NONE)
        extractive_answer(&r->question, &ans->context, ans->mem, &ans->extract);
    if (question_chat_wanted(r->e, r->q) && !(ans->degraded & DEGRADED_GENERATE))
        ans->degraded |= DEGRADED_QUOTED; /* no time for the model */
    write_shared(r->e, r->q, ans, u);
    trace_add(&ans->trace, STAGE_GENERATE, since);
    unfinished_remember(r->e, r->q, ans, u);
}

/* ---- the path ---- */

int query_run(struct engine *e, const struct query *q, struct answer *ans)
{
    int rc = ERR_OK;
    struct inquiry r = {.e = e, .q = q, .searched = *q, .ans = ans};
    uint64_t since = clock_ns();
    struct unfinished u;

    TRY(question_chat_check(e, q));
    TRY(question_rerank_check(e, q));
    inquiry_take_model(&r);
    trace_add(&ans->trace, STAGE_CACHE, since);
    if (inquiry_look_up(&r) || inquiry_answered_alike(&r))
        goto out;
    r.searched.question = follow_up_text(q->question, q->history, q->n_history, ans->mem);
    TRY(inquiry_embed(&r));
    if (r.vector && inquiry_answered_alike(&r))
        goto out;
    TRY(inquiry_find_passages(&r));
    TRY(inquiry_build_context(&r));
    u = inquiry_unfinished(&r);
    if (inquiry_answered_before(&r, &u))
        goto out;
    if (q->cache == QUERY_CACHE_ONLY) {
        rc = FAIL(ERR_TIMEOUT, "no answer in the cache, and the request wants no other "
                               "(\"cache\":\"only\" or only-if-cached)");
        goto out;
    }
    if (ans->chat && inquiry_joined(&r, &u))
        goto out;
    if (ans->chat) {
        question_chat_write(e, q, ans);
        ans->unfinished = arena_dup(ans->mem, &u, sizeof u);
    } else {
        quote(&r, &u);
    }
out:
    answer_count(e, q, ans);
    if (rc == ERR_OK)
        query_was_asked(e, q, &r.key);
    snapshot_unref(r.snap);
    inquiry_leave_model(&r);
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
    g->cost = result->cost;
    claims_check(words, g->text, claim_sources(ans), ans->n_passages, ans->mem, &claims,
                 &g->n_claims);
    g->claims = claims;
    analyzers_put(u->question.analyzers, words);
    if (result->i_model != (size_t)ans->chat->models[0])
        ans->degraded |= DEGRADED_MODEL;
    if (strcmp(result->finish, "length") == 0) /* a part of an answer is never kept as one */
        ans->degraded |= DEGRADED_LENGTH;
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
    unfinished_remember(e, q, ans, u);
    answer_count(e, q, ans);
    return ERR_OK;
}

bool query_is_late(const struct query *q, uint64_t waited_since_ns)
{
    return q->deadline_ms > 0 && clock_ms_since(waited_since_ns) >= (double)q->deadline_ms;
}

int query_search(struct engine *e, const struct query *q, struct answer *ans)
{
    int rc = ERR_OK;
    struct inquiry r = {.e = e, .q = q, .searched = *q, .ans = ans};

    TRY(question_rerank_check(e, q));
    inquiry_take_model(&r);
    TRY(inquiry_embed(&r));
    TRY(inquiry_find_passages(&r));
out:
    snapshot_unref(r.snap);
    inquiry_leave_model(&r);
    return rc;
}

void answer_done(struct answer *ans)
{
    lru_value_unref(ans->shared);
    ans->shared = NULL;
    tiers_leave(ans->flight);
    ans->flight = NULL;
}
