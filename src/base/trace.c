#include "base/trace.h"

const char *stage_name(enum stage s)
{
    static const char *const names[N_STAGES] = {"queue", "cache",  "embed",   "search",
                                                "fetch", "rerank", "context", "generate"};

    return names[s];
}

double trace_other_ms(const struct trace *t, uint64_t total_ns)
{
    uint64_t claimed = 0;

    for (int i = 0; i < N_STAGES; i++)
        claimed += t->ns[i];
    return total_ns > claimed ? (double)(total_ns - claimed) / 1e6 : 0;
}
