#include "server/cache_report.h"

#include "cache/answers_report.h"
#include "engine/engine.h"
#include "server/metrics.h"

static void write_count(struct jsonw *w, const char *key, uint64_t n)
{
    jsonw_key(w, key);
    jsonw_int(w, (int64_t)n);
}

static void write_redis(struct jsonw *w, const struct tiers_stats *s)
{
    jsonw_key(w, "redis");
    if (!s->has_shared) {
        jsonw_null(w);
        return;
    }
    jsonw_open(w, '{');
    jsonw_key(w, "url"), jsonw_cstr(w, s->redis_shown);
    jsonw_key(w, "available"), jsonw_bool(w, !s->redis.open);
    write_count(w, "hits", s->shared.hits);
    write_count(w, "misses", s->shared.misses);
    write_count(w, "damaged", s->shared.damaged);
    write_count(w, "puts", s->shared.stored);
    write_count(w, "refused", s->shared.refused);
    write_count(w, "purged", s->shared.purged);
    write_count(w, "purges_owed", s->shared.pending);
    write_count(w, "calls", s->redis.calls);
    write_count(w, "failures", s->redis.failures);
    write_count(w, "not_called", s->redis.refused);
    jsonw_close(w, '}');
}

static void write_tiers(struct jsonw *w, const struct tiers_stats *s)
{
    jsonw_key(w, "store");
    jsonw_open(w, '{');
    write_count(w, "entries", (uint64_t)s->store_answers);
    write_count(w, "bytes", (uint64_t)s->store_bytes);
    write_count(w, "hits", s->store_hits);
    write_count(w, "puts", s->store_puts);
    write_count(w, "dropped", s->dropped);
    jsonw_close(w, '}');
    write_redis(w, s);
}

/* Reuse by meaning. */
static void write_semantic(struct jsonw *w, struct alike *a)
{
    struct alike_stats s;

    alike_stats_get(a, &s);
    jsonw_key(w, "semantic");
    jsonw_open(w, '{');
    write_count(w, "questions", s.questions);
    write_count(w, "bytes", s.bytes);
    write_count(w, "bytes_max", s.bytes_max);
    write_count(w, "served", s.events[ALIKE_SERVED]);
    write_count(w, "refused", s.events[ALIKE_REFUSED]);
    write_count(w, "checked", s.events[ALIKE_CHECKED]);
    write_count(w, "disagreed", s.events[ALIKE_DISAGREED]);
    jsonw_close(w, '}');
}

void cache_report_json(struct engine *e, struct jsonw *w)
{
    struct answers_stats memory;
    struct tiers_stats tiers;

    answers_stats_get(e->answers, &memory);
    tiers_stats_get(e->tiers, &tiers);
    jsonw_open(w, '{');
    answers_report_json(&memory, w);
    write_tiers(w, &tiers);
    write_semantic(w, e->alike);
    jsonw_close(w, '}');
}

/* ---- metrics ---- */

static void write_memory_metrics(const struct answers_stats *s, struct buf *out)
{
    static const struct {
        const char *name, *help;
    } outcomes[] = {
        [ANSWERS_OUTCOME_HIT] = {"ragd_cache_hits_total", "Answers served as they were."},
        [ANSWERS_OUTCOME_REVALIDATED] = {"ragd_cache_revalidated_total",
                                         "Answers that stood after a change."},
        [ANSWERS_OUTCOME_STORED] = {"ragd_cache_stored_total",
                                    "Answers of another question with the same prompt, or of "
                                    "before a restart."},
        [ANSWERS_OUTCOME_SHARED] = {"ragd_cache_shared_total", "Answers of another replica."},
        [ANSWERS_OUTCOME_PRECOMPUTED] = {"ragd_cache_precomputed_total",
                                         "Answers made before anybody asked."},
        [ANSWERS_OUTCOME_SEMANTIC] = {"ragd_cache_semantic_total",
                                      "Answers of another question that means the same."},
        [ANSWERS_OUTCOME_JOINED] = {"ragd_cache_joined_total",
                                    "Answers of another's run of the same question."},
        [ANSWERS_OUTCOME_MISS] = {"ragd_cache_misses_total", "Questions that ran in full."},
    };

    metrics_gauge(out, "ragd_cache_entries", "Answers in memory.", (double)s->answers.entries);
    metrics_gauge(out, "ragd_cache_bytes", "Bytes of answers in memory.", (double)s->answers.bytes);
    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++)
        metrics_total(out, outcomes[i].name, outcomes[i].help, (double)s->outcomes[i]);
    metrics_total(out, "ragd_cache_purged_total", "Answers dropped with their document.",
                  (double)s->purged);
    metrics_total(out, "ragd_cache_evictions_total", "Answers dropped for room.",
                  (double)s->answers.evictions);
}

static void write_saved_metrics(const struct savings_stats *s, struct buf *out)
{
    metrics_total(out, "ragd_cache_saved_seconds_total",
                  "Time that answers served again took to make, less what serving took.",
                  s->ms / 1e3);
    metrics_total(out, "ragd_cache_saved_tokens_total",
                  "Tokens of language models that were not paid for again.",
                  (double)(s->tokens_in + s->tokens_out));
    metrics_total(out, "ragd_cache_saved_cost_total",
                  "What they would have cost, in the money of the configured prices.", s->cost);
}

static void write_redis_metrics(const struct tiers_stats *s, struct buf *out)
{
    metrics_total(out, "ragd_redis_calls_total", "Commands sent to Redis.", (double)s->redis.calls);
    metrics_total(out, "ragd_redis_failures_total", "Commands that Redis failed.",
                  (double)s->redis.failures);
    metrics_total(out, "ragd_redis_damaged_total", "Values of Redis that were no answers.",
                  (double)s->shared.damaged);
    metrics_gauge(out, "ragd_redis_breaker_open", "1: Redis is left alone.", s->redis.open);
    metrics_gauge(out, "ragd_redis_purges_owed", "Documents whose answers are still to be purged.",
                  (double)s->shared.pending);
}

static void write_semantic_metrics(struct alike *a, struct buf *out)
{
    static const struct {
        const char *name, *help;
    } totals[N_ALIKE_EVENTS] = {
        [ALIKE_SERVED] = {"ragd_semantic_served_total",
                          "Questions answered by the answer of one that means the same."},
        [ALIKE_REFUSED] = {"ragd_semantic_refused_total",
                           "Questions near others, none of which the guard took for the same."},
        [ALIKE_CHECKED] = {"ragd_semantic_checked_total",
                           "Of the served, those run in full afterwards."},
        [ALIKE_DISAGREED] = {"ragd_semantic_disagreed_total",
                             "Of the checked, those that came to another answer."},
    };
    struct alike_stats s;

    alike_stats_get(a, &s);
    for (int i = 0; i < N_ALIKE_EVENTS; i++)
        metrics_total(out, totals[i].name, totals[i].help, (double)s.events[i]);
    metrics_gauge(out, "ragd_semantic_questions", "Questions that others are compared with.",
                  (double)s.questions);
    metrics_gauge(out, "ragd_semantic_bytes", "Memory of these questions.", (double)s.bytes);
}

void cache_report_metrics(struct engine *e, struct buf *out)
{
    struct answers_stats memory;
    struct tiers_stats tiers;

    answers_stats_get(e->answers, &memory);
    tiers_stats_get(e->tiers, &tiers);
    write_memory_metrics(&memory, out);
    write_saved_metrics(&memory.saved, out);
    metrics_gauge(out, "ragd_cache_store_entries", "Answers in the store.",
                  (double)tiers.store_answers);
    metrics_gauge(out, "ragd_cache_store_bytes", "Bytes of answers in the store.",
                  (double)tiers.store_bytes);
    metrics_total(out, "ragd_cache_dropped_total", "Answers that no tier took for being too many.",
                  (double)tiers.dropped);
    if (tiers.has_shared)
        write_redis_metrics(&tiers, out);
    write_semantic_metrics(e->alike, out);
}
