#include "server/limits_report.h"

#include "engine/spending.h"
#include "server/metrics.h"

static void write_left(struct jsonw *w, const char *key, int64_t limit, int64_t left)
{
    jsonw_key(w, key);
    if (limit)
        jsonw_int(w, left);
    else
        jsonw_null(w);
}

static bool write_key(void *arg, const struct spender *who, const struct spending_report *r)
{
    struct jsonw *w = arg;

    jsonw_open(w, '{');
    jsonw_key(w, "id"), jsonw_int(w, who->id);
    write_left(w, "requests_left", who->limits.requests_per_minute, r->requests_left);
    write_left(w, "tokens_left", who->limits.tokens_per_minute, r->tokens_left);
    write_left(w, "day_left", who->limits.tokens_per_day, r->day_left);
    jsonw_key(w, "running"), jsonw_int(w, r->running);
    jsonw_key(w, "requests_today"), jsonw_int(w, r->requests_today);
    jsonw_key(w, "tokens_today"), jsonw_int(w, r->tokens_today);
    jsonw_close(w, '}');
    return true;
}

void limits_report_json(struct spending *s, struct jsonw *w)
{
    struct spending_stats stats;

    spending_stats_get(s, &stats);
    jsonw_open(w, '{');
    jsonw_key(w, "shared"), jsonw_bool(w, stats.shared);
    jsonw_key(w, "away"), jsonw_bool(w, stats.away);
    jsonw_key(w, "refused"), jsonw_open(w, '{');
    for (int i = 0; i < N_SPENDING_LIMITS; i++) {
        jsonw_key(w, spending_limit_name((enum spending_limit)i));
        jsonw_int(w, (int64_t)stats.refused[i]);
    }
    jsonw_close(w, '}');
    jsonw_key(w, "keys"), jsonw_open(w, '[');
    spending_each(s, spending_now(), write_key, w);
    jsonw_close(w, ']');
    jsonw_close(w, '}');
}

void limits_report_metrics(struct spending *s, struct buf *out)
{
    static const char name[] = "ragd_limited_total";
    struct spending_stats stats;

    spending_stats_get(s, &stats);
    metrics_head(out, name, "counter", "Requests answered 429, by the limit they were over.");
    for (int i = 0; i < N_SPENDING_LIMITS; i++) {
        struct buf label = {0};

        metrics_label(&label, "limit", spending_limit_name((enum spending_limit)i));
        metrics_sample(out, name, label.p, (double)stats.refused[i]);
        buf_done(&label);
    }
    if (!stats.shared)
        return;
    metrics_total(out, "ragd_limits_asked_total", "Times that Redis was asked about limits.",
                  (double)stats.asked);
    metrics_total(out, "ragd_limits_alone_total",
                  "Requests whose limits were decided here, because Redis was away.",
                  (double)stats.alone);
    metrics_gauge(out, "ragd_limits_away",
                  "1: Redis is away, and each server keeps its own limits.", stats.away);
}
