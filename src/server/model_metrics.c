#include "server/model_metrics.h"

#include <stdio.h>

#include "base/mem.h"
#include "generate/chat_models.h"
#include "server/metrics.h"

/* All models, each read once, so that what one page says of a model fits together. */
struct page {
    struct buf *out;
    size_t n;
    const char **names;
    struct chat_model_stats *stats; /* [n] */
};

/* key NULL: the model alone. */
static void sample(const struct page *p, size_t i, const char *name, const char *key,
                   const char *value, double v)
{
    struct buf labels = {0};

    metrics_label(&labels, "model", p->names[i]);
    if (key)
        metrics_label(&labels, key, value);
    metrics_sample(p->out, name, labels.p, v);
    buf_done(&labels);
}

static void write_counts(const struct page *p)
{
    static const char *const help[N_CHAT_COUNTS] = {
        [CHAT_REQUESTS] = "Requests sent to language models, tries again and hedges too.",
        [CHAT_RETRIES] = "Requests that were tries again.",
        [CHAT_HEDGES] = "Second requests because the first was late.",
        [CHAT_HEDGES_WON] = "Second requests that began to answer first.",
        [CHAT_CANCELLED] = "Calls that nobody wanted any more.",
    };
    char name[64];

    for (int c = 0; c < N_CHAT_COUNTS; c++) {
        snprintf(name, sizeof name, "ragd_llm_%s_total", chat_count_name((enum chat_count)c));
        metrics_head(p->out, name, "counter", help[c]);
        for (size_t i = 0; i < p->n; i++)
            sample(p, i, name, NULL, NULL, (double)p->stats[i].numbers.counts[c]);
    }
}

static void write_failures(const struct page *p)
{
    const char *name = "ragd_llm_failures_total";

    metrics_head(p->out, name, "counter", "Requests that came to nothing, by what went wrong.");
    for (size_t i = 0; i < p->n; i++)
        for (int f = 0; f < N_CHAT_FAILURES; f++)
            sample(p, i, name, "kind", chat_failure_name((enum chat_failure)f),
                   (double)p->stats[i].numbers.failures[f]);
}

static void write_routes(const struct page *p)
{
    const char *name = "ragd_llm_routed_total";

    metrics_head(p->out, name, "counter", "Questions sent to a model first, by why it was chosen.");
    for (size_t i = 0; i < p->n; i++)
        for (int c = 0; c < N_CHAT_CHOICES; c++)
            sample(p, i, name, "route", chat_choice_name((enum chat_choice)c),
                   (double)p->stats[i].numbers.choices[c]);
}

static void write_paid(const struct page *p)
{
    metrics_head(p->out, "ragd_llm_tokens_total", "counter", "Tokens read and written.");
    for (size_t i = 0; i < p->n; i++) {
        sample(p, i, "ragd_llm_tokens_total", "direction", "in",
               (double)p->stats[i].numbers.tokens_in);
        sample(p, i, "ragd_llm_tokens_total", "direction", "out",
               (double)p->stats[i].numbers.tokens_out);
    }
    metrics_head(p->out, "ragd_llm_cost_total", "counter",
                 "What they cost, in the money of the configured prices.");
    for (size_t i = 0; i < p->n; i++)
        sample(p, i, "ragd_llm_cost_total", NULL, NULL, p->stats[i].numbers.cost);
    metrics_head(p->out, "ragd_llm_breaker_open", "gauge", "1: the model is left alone.");
    for (size_t i = 0; i < p->n; i++)
        sample(p, i, "ragd_llm_breaker_open", NULL, NULL, p->stats[i].open);
}

static void write_times(const struct page *p)
{
    static const char *const names[N_CHAT_TIMES] = {
        [CHAT_TIME_FIRST_TOKEN] = "ragd_llm_first_token_seconds",
        [CHAT_TIME_ANSWER] = "ragd_llm_answer_seconds",
    };
    static const char *const help[N_CHAT_TIMES] = {
        [CHAT_TIME_FIRST_TOKEN] = "From a request to its first token.",
        [CHAT_TIME_ANSWER] = "From a request to the end of its answer.",
    };
    struct buf labels = {0};

    for (int t = 0; t < N_CHAT_TIMES; t++) {
        metrics_head(p->out, names[t], "histogram", help[t]);
        for (size_t i = 0; i < p->n; i++) {
            buf_clear(&labels);
            metrics_label(&labels, "model", p->names[i]);
            metrics_histogram(p->out, names[t], labels.p, &histogram_of_models,
                              &p->stats[i].numbers.times[t]);
        }
    }
    buf_done(&labels);
}

static void read_all(struct chat_models *m, struct page *p)
{
    p->n = chat_models_n(m);
    p->names = mem_calloc(p->n, sizeof *p->names);
    p->stats = mem_calloc(p->n, sizeof *p->stats);
    for (size_t i = 0; i < p->n; i++) {
        p->names[i] = chat_models_get(m, i)->name;
        chat_models_stats(m, i, &p->stats[i]);
    }
}

static void forget(struct page *p)
{
    mem_free(p->names);
    mem_free(p->stats);
}

void model_metrics_write(struct chat_models *m, struct buf *out)
{
    struct page p = {.out = out};

    if (!m)
        return;
    read_all(m, &p);
    write_counts(&p);
    write_failures(&p);
    write_routes(&p);
    write_paid(&p);
    write_times(&p);
    forget(&p);
}

/* ---- JSON ---- */

static void write_int(struct jsonw *w, const char *key, uint64_t v)
{
    jsonw_key(w, key), jsonw_int(w, (int64_t)v);
}

static void write_mean(struct jsonw *w, const char *key, const struct histogram_counts *c)
{
    jsonw_key(w, key);
    if (c->n)
        jsonw_real(w, histogram_mean_ms(c));
    else
        jsonw_null(w);
}

static void write_one(struct jsonw *w, const char *name, const struct chat_model_stats *s)
{
    const struct chat_numbers *n = &s->numbers;

    jsonw_open(w, '{');
    jsonw_key(w, "name"), jsonw_cstr(w, name);
    for (int c = 0; c < N_CHAT_COUNTS; c++)
        write_int(w, chat_count_name((enum chat_count)c), n->counts[c]);
    jsonw_key(w, "failures"), jsonw_open(w, '{');
    for (int f = 0; f < N_CHAT_FAILURES; f++)
        write_int(w, chat_failure_name((enum chat_failure)f), n->failures[f]);
    jsonw_close(w, '}');
    jsonw_key(w, "routed"), jsonw_open(w, '{');
    for (int c = 0; c < N_CHAT_CHOICES; c++)
        write_int(w, chat_choice_name((enum chat_choice)c), n->choices[c]);
    jsonw_close(w, '}');
    jsonw_key(w, "breaker_open"), jsonw_bool(w, s->open);
    write_int(w, "prompt_tokens", n->tokens_in);
    write_int(w, "completion_tokens", n->tokens_out);
    jsonw_key(w, "cost"), jsonw_real(w, n->cost);
    write_mean(w, "first_token_ms", &n->times[CHAT_TIME_FIRST_TOKEN]);
    write_mean(w, "answer_ms", &n->times[CHAT_TIME_ANSWER]);
    jsonw_close(w, '}');
}

void model_metrics_json(struct chat_models *m, struct jsonw *w)
{
    struct page p = {0};

    jsonw_open(w, '[');
    if (m) {
        read_all(m, &p);
        for (size_t i = 0; i < p.n; i++)
            write_one(w, p.names[i], &p.stats[i]);
        forget(&p);
    }
    jsonw_close(w, ']');
}
