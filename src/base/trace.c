#include "base/trace.h"

static const struct {
    const char *name, *ms_name;
} words[N_STAGES] = {
    [STAGE_QUEUE] = {"queue", "queue_ms"},       [STAGE_CACHE] = {"cache", "cache_ms"},
    [STAGE_EMBED] = {"embed", "embed_ms"},       [STAGE_SEARCH] = {"search", "search_ms"},
    [STAGE_FETCH] = {"fetch", "fetch_ms"},       [STAGE_RERANK] = {"rerank", "rerank_ms"},
    [STAGE_CONTEXT] = {"context", "context_ms"}, [STAGE_GENERATE] = {"generate", "generate_ms"},
    [STAGE_REPLY] = {"reply", "reply_ms"},
};

const char *stage_name(enum stage s)
{
    return words[s].name;
}

const char *stage_ms_name(enum stage s)
{
    return words[s].ms_name;
}

uint64_t trace_total_ns(const struct trace *t)
{
    return (t->end_ns ? t->end_ns : clock_ns()) - t->start_ns;
}

uint64_t trace_other_ns(const struct trace *t, uint64_t total_ns)
{
    uint64_t claimed = 0;

    for (int i = 0; i < N_STAGES; i++)
        claimed += t->ns[i];
    return total_ns > claimed ? total_ns - claimed : 0;
}
