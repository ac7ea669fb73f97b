#include "cache/answers_report.h"

static void write_count(struct jsonw *w, const char *key, uint64_t n)
{
    jsonw_key(w, key), jsonw_int(w, (int64_t)n);
}

static void write_share(struct jsonw *w, const char *key, double part, uint64_t of)
{
    jsonw_key(w, key);
    if (of)
        jsonw_real(w, part / (double)of);
    else
        jsonw_null(w);
}

uint64_t answers_asked(const struct answers_stats *s)
{
    uint64_t n = 0;

    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++)
        n += s->outcomes[i];
    return n;
}

uint64_t answers_reused(const struct answers_stats *s)
{
    return answers_asked(s) - s->outcomes[ANSWERS_OUTCOME_MISS];
}

static void write_saved(struct jsonw *w, const struct savings_stats *s)
{
    jsonw_key(w, "saved"), jsonw_open(w, '{');
    write_count(w, "answers", s->answers);
    jsonw_key(w, "ms"), jsonw_real(w, s->ms);
    write_share(w, "mean_ms", s->ms, s->answers);
    write_count(w, "prompt_tokens", s->tokens_in);
    write_count(w, "completion_tokens", s->tokens_out);
    jsonw_key(w, "cost"), jsonw_real(w, s->cost);
    jsonw_close(w, '}');
}

void answers_report_json(const struct answers_stats *s, struct jsonw *w)
{
    write_count(w, "entries", s->answers.entries);
    write_count(w, "bytes", s->answers.bytes);
    write_count(w, "bytes_max", s->answers.bytes_max);
    write_count(w, "questions", s->questions.entries);
    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++)
        write_count(w, answers_outcome_name((enum answers_outcome)i), s->outcomes[i]);
    write_count(w, "purged", s->purged);
    write_count(w, "evictions", s->answers.evictions);
    write_count(w, "expirations", s->answers.expirations);
    jsonw_key(w, "hit_rate"), jsonw_real(w, answers_hit_rate(s));
    write_saved(w, &s->saved);
}
