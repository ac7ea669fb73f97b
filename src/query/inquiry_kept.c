#include "query/inquiry.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cache/tiers.h"
#include "engine/engine.h"
#include "query/freshness.h"
#include "query/question_alike.h"
#include "query/question_chat.h"
#include "query/question_check.h"

static bool stores(const struct query *q)
{
    return q->cache != QUERY_CACHE_NO_STORE;
}

static bool looks_up(const struct query *q)
{
    return q->cache == QUERY_CACHE_DEFAULT || q->cache == QUERY_CACHE_ONLY;
}

/* How it ended, once a question that somebody asked. */
void answer_count(struct engine *e, const struct query *q, const struct answer *ans)
{
    static const enum answers_outcome outcomes[] = {
        [CACHE_MISS] = ANSWERS_OUTCOME_MISS,
        [CACHE_HIT] = ANSWERS_OUTCOME_HIT,
        [CACHE_REVALIDATED] = ANSWERS_OUTCOME_REVALIDATED,
        [CACHE_STORED] = ANSWERS_OUTCOME_STORED,
        [CACHE_SEMANTIC] = ANSWERS_OUTCOME_SEMANTIC,
        [CACHE_SHARED] = ANSWERS_OUTCOME_SHARED,
        [CACHE_PRECOMPUTED] = ANSWERS_OUTCOME_PRECOMPUTED,
        [CACHE_JOINED] = ANSWERS_OUTCOME_MISS,
        [CACHE_BYPASS] = ANSWERS_OUTCOME_MISS,
    };

    if (!ans->shared || ans->cache == CACHE_BYPASS || q->precomputing)
        return;
    answers_count(e->answers, outcomes[ans->cache]);
    if (outcomes[ans->cache] != ANSWERS_OUTCOME_MISS)
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
    answer_count(e, q, ans);
    query_was_asked(e, q, key);
    return true;
}

/* True when the answer is there. Else an earlier run may have left its vector: no embedding. */
bool inquiry_look_up(struct inquiry *r)
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
        if (found.vector && found.dim == inquiry_dim(r))
            r->vector = arena_dup(r->ans->mem, found.vector, found.dim * sizeof(float));
    }
    mem_free(found.vector);
    trace_add(&r->ans->trace, STAGE_CACHE, since);
    return found.state == ANSWERS_HIT;
}

struct unfinished inquiry_unfinished(const struct inquiry *r)
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
                               .dim = inquiry_dim(r),
                               .question = r->question};
}

/* Beyond the memory budget nothing more is kept. */
static void keep_reply(struct engine *e, struct lru_value *reply, uint64_t ticket)
{
    if (!room_is_short(e->room))
        answers_put(e->answers, reply, ticket);
}

static void remember_question(struct engine *e, const struct unfinished *u)
{
    if (room_is_short(e->room))
        return;
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
    keep_reply(e, ans->shared, u->ticket);
}

/* The prompt is one that was answered before: by this question (the collection moved, the answer
 * still stands), by another that came to the same, before a restart, or by another replica. A run
 * without the encoder takes none: the stored reply would not say what was left out this time. */
bool inquiry_answered_before(struct inquiry *r, const struct unfinished *u)
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

/* Only questions that want the plain answer wait for another's. */
static bool may_wait(const struct query *q)
{
    return q->cache == QUERY_CACHE_DEFAULT && q->deadline_ms == 0 && q->freshness.min_fresh_s == 0;
}

/* Another replica may be asking the model this. True: it has just answered. A run that left
 * something out shares nothing, as with answers that were made before. */
bool inquiry_joined(struct inquiry *r, const struct unfinished *u)
{
    struct answer *ans = r->ans;
    uint64_t since = clock_ns();
    enum tiers_turn turn;

    if (!may_wait(r->q) || ans->degraded)
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
static bool was_answered(struct inquiry *r)
{
    struct unfinished u;

    if (inquiry_embed(r) < 0 || inquiry_find_passages(r) < 0 || inquiry_build_context(r) < 0)
        return false;
    u = inquiry_unfinished(r);
    return inquiry_answered_before(r, &u);
}

/* This run goes on as the other question, up to where an answer would have to be made. */
static bool answered_as(struct inquiry *r, struct alike_question *found)
{
    struct answer tried = *r->ans;
    struct query other = *r->q;
    struct inquiry o = *r;
    bool answered;

    other.question = found->text;
    o.q = &other;
    o.searched = other;
    o.ans = &tried;
    o.model = embedder_ref(r->model);
    o.adapter = r->adapter ? adapter_ref(r->adapter) : NULL;
    o.key = found->key;
    o.vector = found->vector;
    answered = inquiry_look_up(&o) || was_answered(&o);
    snapshot_unref(o.snap);
    inquiry_leave_model(&o);
    r->ans->trace = tried.trace;
    r->ans->shared = tried.shared;
    return answered;
}

/* Another question that means the same (by its form, or where we have a vector by that) is asked in
 * this one's place, so its answer is as true now as any of the cache. Where there is none yet, one
 * is made for the question really asked. */
bool inquiry_answered_alike(struct inquiry *r)
{
    struct lru_value *reply;
    struct alike_question found;
    uint64_t since = clock_ns();
    bool there;

    if (!question_alike_wanted(r->q) || !looks_up(r->q) || r->seen_before || r->alike_was_asked ||
        r->ans->degraded)
        return false;
    there =
        question_alike_find(r->e, r->q, &r->scope, r->vector, inquiry_dim(r), r->ans->mem, &found);
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

void unfinished_remember(struct engine *e, const struct query *q, struct answer *ans,
                         const struct unfinished *u)
{
    uint64_t since = clock_ns();

    if (stores(q) && !ans->degraded) {
        remember_question(e, u);
        keep_reply(e, ans->shared, u->ticket);
        tiers_keep(e->tiers, ans->shared, u->shared_ticket, ans->flight);
        ans->flight = NULL;
    }
    trace_add(&ans->trace, STAGE_CACHE, since);
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
    answer_count(e, q, ans);
    return true;
}
