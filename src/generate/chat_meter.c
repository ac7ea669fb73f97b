#include "generate/chat_meter.h"

#include "base/err.h"

const char *chat_count_name(enum chat_count c)
{
    static const char *const names[N_CHAT_COUNTS] = {
        [CHAT_REQUESTS] = "requests",     [CHAT_RETRIES] = "retries",     [CHAT_HEDGES] = "hedges",
        [CHAT_HEDGES_WON] = "hedges_won", [CHAT_CANCELLED] = "cancelled",
    };

    return names[c];
}

const char *chat_failure_name(enum chat_failure f)
{
    static const char *const names[N_CHAT_FAILURES] = {
        [CHAT_FAILURE_UNREACHED] = "unreached", [CHAT_FAILURE_TIMEOUT] = "timeout",
        [CHAT_FAILURE_BUSY] = "busy",           [CHAT_FAILURE_SERVER] = "server",
        [CHAT_FAILURE_REFUSED] = "refused",     [CHAT_FAILURE_REPLY] = "reply",
    };

    return names[f];
}

const char *chat_choice_name(enum chat_choice c)
{
    static const char *const names[N_CHAT_CHOICES] = {
        [CHAT_CHOSEN_FAST] = "fast", [CHAT_CHOSEN_BEST] = "best", [CHAT_CHOSEN_ASKED] = "asked"};

    return names[c];
}

/* A stream of status 200 may run out of time, and one may be cut off before or after its status. */
enum chat_failure chat_failure_of(int rc, int status)
{
    if (status == 429)
        return CHAT_FAILURE_BUSY;
    if (status >= 500)
        return CHAT_FAILURE_SERVER;
    if (status && status != 200)
        return CHAT_FAILURE_REFUSED;
    if (rc == ERR_TIMEOUT)
        return CHAT_FAILURE_TIMEOUT;
    return status ? CHAT_FAILURE_REPLY : CHAT_FAILURE_UNREACHED;
}

void chat_meter_add(atomic_uint_least64_t *n, uint64_t more)
{
    atomic_fetch_add_explicit(n, more, memory_order_relaxed);
}

static void read_all(const atomic_uint_least64_t *from, uint64_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
}

void chat_meter_read(const struct chat_meter *m, struct chat_numbers *out)
{
    uint64_t nano;

    read_all(m->counts, out->counts, N_CHAT_COUNTS);
    read_all(m->failures, out->failures, N_CHAT_FAILURES);
    read_all(m->choices, out->choices, N_CHAT_CHOICES);
    read_all(&m->tokens_in, &out->tokens_in, 1);
    read_all(&m->tokens_out, &out->tokens_out, 1);
    read_all(&m->cost_nano, &nano, 1);
    out->cost = (double)nano / 1e9;
    for (int i = 0; i < N_CHAT_TIMES; i++)
        histogram_read(&m->times[i], &histogram_of_models, &out->times[i]);
}
