/* unobserved.c - ragd that looks at nothing of what it does, for scripts/bench-observe.
 *
 * Linked with --wrap for each of these: calls to metrics_request come here instead. So the program
 * without metrics is the same objects but for them, and the real one needs no way to turn them off.
 */
#include "cache/answers.h"
#include "server/access_log.h"
#include "server/exchange.h"
#include "server/metrics.h"
#include "server/tracing.h"

void __wrap_metrics_count(struct metrics *m, enum counter c);
void __wrap_metrics_request(struct metrics *m, size_t i_route, int status, uint64_t ns);
void __wrap_metrics_bytes(struct metrics *m, uint64_t in, uint64_t out);
void __wrap_metrics_trace(struct metrics *m, const struct trace *t);
void __wrap_metrics_adjust(struct metrics *m, enum gauge g, int by);
void __wrap_answers_count(struct answers *a, enum answers_outcome o);
void __wrap_answers_saved(struct answers *a, const struct lru_value *reply, uint64_t spent_ns);
void __wrap_reply_timing(struct request *r, const struct trace *t);
void __wrap_access_log_add(struct access_log *l, const struct request *r, uint64_t end_ns);
void __wrap_tracing_begin(struct request *r);

void __wrap_metrics_count(struct metrics *m, enum counter c)
{
    (void)m, (void)c;
}

void __wrap_metrics_request(struct metrics *m, size_t i_route, int status, uint64_t ns)
{
    (void)m, (void)i_route, (void)status, (void)ns;
}

void __wrap_metrics_bytes(struct metrics *m, uint64_t in, uint64_t out)
{
    (void)m, (void)in, (void)out;
}

void __wrap_metrics_trace(struct metrics *m, const struct trace *t)
{
    (void)m, (void)t;
}

void __wrap_metrics_adjust(struct metrics *m, enum gauge g, int by)
{
    (void)m, (void)g, (void)by;
}

void __wrap_answers_count(struct answers *a, enum answers_outcome o)
{
    (void)a, (void)o;
}

void __wrap_answers_saved(struct answers *a, const struct lru_value *reply, uint64_t spent_ns)
{
    (void)a, (void)reply, (void)spent_ns;
}

void __wrap_reply_timing(struct request *r, const struct trace *t)
{
    (void)r, (void)t;
}

void __wrap_access_log_add(struct access_log *l, const struct request *r, uint64_t end_ns)
{
    (void)l, (void)r, (void)end_ns;
}

void __wrap_tracing_begin(struct request *r)
{
    (void)r;
}
