#include "query/inquiry.h"

#include "base/clock.h"
#include "base/err.h"
#include "engine/engine.h"
#include "query/question_alike.h"
#include "query/question_chat.h"
#include "query/question_rerank.h"
#include "query/question_vector.h"
#include "query/reply.h"
#include "text/sentences.h"

/* A hit may vanish between search and fetch while documents are replaced; the next snapshot has its
 * successor, and comes as soon as the change is published. More than a few times in a row means
 * something else is wrong. */
#define GONE_RETRIES 4
#define GONE_WAIT_MS 2000

void inquiry_leave_model(struct inquiry *r)
{
    adapter_unref(r->adapter);
    embedder_close(r->model);
}

/* The model in force, the collection's adapter for it, and the key of the question under both: one
 * that was made before either changed names another's answer. */
void inquiry_take_model(struct inquiry *r)
{
    const struct query *q = r->q;

    inquiry_leave_model(r);
    r->model = engine_embedder(r->e);
    r->fingerprint = embedder_fingerprint(r->model);
    r->adapter = adapters_get(r->e->adapters, q->tenant, q->collection, r->model);
    r->key = query_key_under(r->e, q, &r->fingerprint, r->adapter, r->ans->mem);
    if (question_alike_wanted(q))
        r->scope = question_alike_scope(r->e, q, &r->fingerprint, r->adapter, r->ans->mem);
}

size_t inquiry_dim(const struct inquiry *r)
{
    return embedder_info(r->model)->dim;
}

bool inquiry_is_late(const struct inquiry *r)
{
    return r->q->deadline_ms > 0 &&
           clock_ms_since(r->ans->trace.start_ns) > (double)r->q->deadline_ms;
}

/* The index is searched with what the adapter makes of the question. Passages and sentences are
 * judged by the plain vector, which is also what is remembered: the answerer's weights are fitted
 * to the model's own cosines. With the adapter's, which are lower, it refused 14 of 212 questions
 * of tatqa-dev that it answers without. */
static void adapt(struct inquiry *r)
{
    r->adapted = r->vector;
    if (!r->vector || !r->adapter)
        return;
    r->adapted = arena_alloc(r->ans->mem, inquiry_dim(r) * sizeof *r->adapted);
    adapter_apply(r->adapter, r->vector, r->adapted);
}

int inquiry_embed(struct inquiry *r)
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
static enum search_mode mode_of(const struct inquiry *r)
{
    return r->vector || r->q->mode == SEARCH_SUMMARY ? r->q->mode : SEARCH_KEYWORD;
}

static void rerank(struct inquiry *r)
{
    uint64_t since = clock_ns();

    if (r->q->rerank != RERANK_MODEL)
        return;
    if (!question_rerank(r->e, r->q, r->ans))
        r->ans->degraded |= DEGRADED_RERANK;
    trace_add(&r->ans->trace, STAGE_RERANK, since);
}

/* The neighbours of what is left. */
static int widen(struct inquiry *r)
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

/* Whether sentences of it were embedded and are not found: the database has lost them. */
static bool lacks_sentences(const struct inquiry *r, const struct passage *p)
{
    struct span first;

    return p->n_sentences == 0 && p->kind == CHUNK_TEXT && embedder_info(r->model)->has_sentences &&
           sentence_split(p->text, &first, 1) > 0;
}

/* What is quoted depends on them. */
static void note_damaged(struct inquiry *r)
{
    for (size_t i = 0; i < r->ans->n_passages; i++) {
        const struct passage *p = &r->ans->passages[i];

        if (p->sentences_damaged || lacks_sentences(r, p))
            r->ans->degraded |= DEGRADED_EMBED;
    }
}

static int find_passages_once(struct inquiry *r)
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
    note_damaged(r);
out:
    return rc;
}

static bool model_has_changed(struct inquiry *r)
{
    struct embedder *now = engine_embedder(r->e);
    bool changed = now != r->model;

    embedder_close(now);
    return changed;
}

/* What kept the run from its hits is over when this returns. A new model is in force before its
 * snapshots are: who has the new one and an old snapshot waits for the next, like any other. */
static int begin_anew(struct inquiry *r)
{
    if (model_has_changed(r)) {
        inquiry_take_model(r);
        r->vector = NULL;
        r->seen_before = false;
        r->ans->degraded = 0;
        return inquiry_embed(r);
    }
    return retriever_wait_past(r->e->retriever, r->q->tenant, r->q->collection,
                               snapshot_epoch(r->snap), GONE_WAIT_MS);
}

int inquiry_find_passages(struct inquiry *r)
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
static const char *settings_of(struct inquiry *r)
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
static const float *vector_for_sentences(const struct inquiry *r)
{
    return embedder_info(r->model)->has_sentences ? r->vector : NULL;
}

int inquiry_build_context(struct inquiry *r)
{
    int rc = ERR_OK;
    struct answer *ans = r->ans;
    uint64_t since = clock_ns();
    struct prompt prompt = {.tenant = r->q->tenant,
                            .collection = r->q->collection,
                            .question = r->q->question,
                            .generator = "extractive"};

    if (question_chat_wanted(r->e, r->q) && !inquiry_is_late(r))
        ans->chat = question_chat_choose(r->e, r->q, ans);
    if (ans->chat)
        prompt.generator = question_chat_name(r->e, ans->chat, ans->mem);
    if (r->q->context_tokens)
        TRY(context_build_tokens(ans->passages, ans->n_passages, r->q->context_tokens, NULL,
                                 ans->mem, &ans->context));
    else
        TRY(context_build(ans->passages, ans->n_passages, r->q->context_chars, ans->mem,
                          &ans->context));
    extractive_prepare(r->snap, r->q->question, vector_for_sentences(r), inquiry_dim(r), ans->mem,
                       &r->question);
    prompt.settings = settings_of(r);
    r->prompt_hash = context_prompt_hash(&ans->context, &prompt, ans->mem);
out:
    trace_add(&ans->trace, STAGE_CONTEXT, since);
    return rc;
}
