#include "generate/chat_models.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/url.h"

/* Of one answer, as far as it is counted: billionths stay within 64 bits. */
#define COST_MAX 1e6

struct entry {
    struct chat_model settings; /* its strings are ours */
    struct breaker *breaker;
    struct chat_meter meter;
    pthread_mutex_t mu;                        /* guards the fields below */
    int32_t first_token_ms[CHAT_OBSERVED_MAX]; /* a ring */
    uint64_t n_observed;
    char reason[ERR_TEXT_MAX]; /* of the last failure, for those whom the breaker refuses */
};

struct chat_models {
    size_t n;
    struct entry entries[];
};

/* ---- settings ---- */

static int check_options(const struct chat_model_options *o)
{
    int rc = ERR_OK;

    if (!o->name || !*o->name || !o->url || !o->model || !*o->model)
        return FAIL(ERR_ARGUMENT, "a language model needs name, url and model");
    TRY(url_check(o->url));
    TRY(url_check_key(o->key));
    if (o->timeout_ms < 0 || o->first_token_ms < 0)
        rc = FAIL(ERR_ARGUMENT, "its time-outs must not be negative");
    else if (!(o->price_in >= 0 && o->price_out >= 0))
        rc = FAIL(ERR_ARGUMENT, "its prices must not be negative");
out:
    return rc < 0 ? err_context(rc, "language model '%s'", o->name) : rc;
}

static int check_all(const struct chat_model_options *o, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int rc = check_options(&o[i]);

        if (rc < 0)
            return rc;
        for (size_t j = 0; j < i; j++)
            if (strcmp(o[i].name, o[j].name) == 0)
                return FAIL(ERR_ARGUMENT, "two language models are called '%s'", o[i].name);
    }
    return ERR_OK;
}

static void entry_init(struct entry *e, const struct chat_model_options *o)
{
    char *url = url_join(o->url, "/chat/completions");

    e->settings = (struct chat_model){
        .name = mem_strdup(o->name),
        .model = mem_strdup(o->model),
        .key = o->key && *o->key ? mem_strdup(o->key) : NULL,
        .url = url,
        .shown = url_shown(url),
        .timeout_ms = o->timeout_ms ? o->timeout_ms : CHAT_TIMEOUT_MS,
        .first_token_ms = o->first_token_ms ? o->first_token_ms : CHAT_FIRST_TOKEN_MS,
        .price_in = o->price_in,
        .price_out = o->price_out,
    };
    e->breaker = breaker_new();
    pthread_mutex_init(&e->mu, NULL);
}

static void free_text(const char *text)
{
    mem_free((void *)(uintptr_t)text);
}

static void entry_done(struct entry *e)
{
    struct chat_model *s = &e->settings;

    if (s->key)
        explicit_bzero((void *)(uintptr_t)s->key, strlen(s->key));
    free_text(s->key);
    free_text(s->name);
    free_text(s->model);
    free_text(s->url);
    free_text(s->shown);
    breaker_free(e->breaker);
    pthread_mutex_destroy(&e->mu);
}

int chat_models_new(struct chat_models **out, const struct chat_model_options *models, size_t n)
{
    struct chat_models *m;
    int rc = check_all(models, n);

    if (rc < 0)
        return rc;
    m = mem_calloc(1, sizeof *m + n * sizeof *m->entries);
    m->n = n;
    for (size_t i = 0; i < n; i++)
        entry_init(&m->entries[i], &models[i]);
    *out = m;
    return ERR_OK;
}

void chat_models_free(struct chat_models *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        entry_done(&m->entries[i]);
    mem_free(m);
}

size_t chat_models_n(const struct chat_models *m)
{
    return m->n;
}

const struct chat_model *chat_models_get(const struct chat_models *m, size_t i)
{
    CHECK(i < m->n);
    return &m->entries[i].settings;
}

/* The host in the shown URL. */
static struct str host_of(const char *shown)
{
    const char *p = strstr(shown, "://"), *at;

    p = p ? p + 3 : shown;
    at = p + strcspn(p, "@/");
    p = *at == '@' ? at + 1 : p;
    if (*p == '[')
        return (struct str){p + 1, strcspn(p + 1, "]")};
    return (struct str){p, strcspn(p, ":/?#")};
}

/* The reason without URL and host. */
static void plain_reason(const struct chat_model *m, const char *reason, char out[ERR_TEXT_MAX])
{
    struct str host = host_of(m->shown);
    size_t n_shown = strlen(m->shown), n = 0;

    if (strncmp(reason, m->shown, n_shown) == 0 && strncmp(reason + n_shown, ": ", 2) == 0)
        reason += n_shown + 2;
    while (*reason && n < ERR_TEXT_MAX - sizeof "its server") {
        bool is_host = host.n && strncmp(reason, host.p, host.n) == 0;

        if (is_host)
            n += (size_t)sprintf(out + n, "its server");
        else
            out[n++] = *reason;
        reason += is_host ? host.n : 1;
    }
    out[n] = '\0';
}

void chat_model_blame(const struct chat_model *m, const char *reason, char *out)
{
    char plain[ERR_TEXT_MAX];

    plain_reason(m, reason, plain);
    snprintf(out, ERR_TEXT_MAX, "language model '%.100s': %.800s", m->name, plain);
}

int chat_models_find(const struct chat_models *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->entries[i].settings.name, name) == 0)
            return (int)i;
    return -1;
}

static struct entry *entry_at(struct chat_models *m, size_t i)
{
    CHECK(i < m->n);
    return &m->entries[i];
}

/* ---- whether it is there ---- */

static int64_t now_ms(void)
{
    return (int64_t)(clock_ns() / 1000000);
}

static void explain_refusal(struct entry *e, int64_t wait_ms)
{
    char reason[ERR_TEXT_MAX];

    pthread_mutex_lock(&e->mu);
    plain_reason(&e->settings, e->reason, reason);
    pthread_mutex_unlock(&e->mu);
    if (wait_ms == 0)
        (void)FAIL(ERR_UNAVAILABLE, "language model '%s' is being tried after failures: %.700s",
                   e->settings.name, reason);
    else
        (void)FAIL(ERR_UNAVAILABLE,
                   "language model '%s' failed %d times in a row and is left alone for %lld ms: "
                   "%.700s",
                   e->settings.name, BREAKER_FAILURES, (long long)wait_ms, reason);
}

/* Once when it goes and once when it comes. */
static void tell(const struct chat_model *m, enum breaker_change change, const char *why)
{
    if (change == BREAKER_OPENED)
        log_event(LOG_WARN, "language_model_away", LOG_S("name", m->name), LOG_S("url", m->shown),
                  LOG_S("reason", why));
    else if (change == BREAKER_CLOSED)
        log_event(LOG_INFO, "language_model_back", LOG_S("name", m->name));
}

enum breaker_pass chat_models_enter(struct chat_models *m, size_t i)
{
    struct entry *e = entry_at(m, i);
    int64_t wait_ms;
    enum breaker_pass pass = breaker_enter(e->breaker, now_ms(), &wait_ms);

    if (pass == BREAKER_REFUSED)
        explain_refusal(e, wait_ms);
    return pass;
}

void chat_models_leave(struct chat_models *m, size_t i, enum breaker_pass pass,
                       enum chat_lesson lesson, const char *why)
{
    struct entry *e = entry_at(m, i);

    if (lesson == CHAT_NOTHING) {
        breaker_forgo(e->breaker, pass);
        return;
    }
    if (lesson == CHAT_FAILED) {
        pthread_mutex_lock(&e->mu);
        snprintf(e->reason, sizeof e->reason, "%s", why);
        pthread_mutex_unlock(&e->mu);
    }
    tell(&e->settings, breaker_leave(e->breaker, pass, lesson == CHAT_WORKED, now_ms()), why);
}

bool chat_models_is_open(struct chat_models *m, size_t i)
{
    return breaker_is_open(entry_at(m, i)->breaker);
}

/* ---- how soon it begins ---- */

void chat_models_first_token(struct chat_models *m, size_t i, int64_t ms)
{
    struct entry *e = entry_at(m, i);

    pthread_mutex_lock(&e->mu);
    e->first_token_ms[e->n_observed++ % CHAT_OBSERVED_MAX] =
        (int32_t)(ms < INT32_MAX ? ms : INT32_MAX);
    pthread_mutex_unlock(&e->mu);
}

static int smaller_first(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

/* Sorting 256 numbers takes some microseconds, once a question that may be hedged. */
int64_t chat_models_p95_ms(struct chat_models *m, size_t i)
{
    struct entry *e = entry_at(m, i);
    int32_t seen[CHAT_OBSERVED_MAX];
    size_t n;

    pthread_mutex_lock(&e->mu);
    n = e->n_observed < CHAT_OBSERVED_MAX ? (size_t)e->n_observed : CHAT_OBSERVED_MAX;
    memcpy(seen, e->first_token_ms, n * sizeof *seen);
    pthread_mutex_unlock(&e->mu);
    if (n < CHAT_OBSERVED_MIN)
        return -1;
    qsort(seen, n, sizeof *seen, smaller_first);
    return seen[(n * 95 + 99) / 100 - 1]; /* nearest rank */
}

/* ---- what was asked and paid ---- */

void chat_models_count(struct chat_models *m, size_t i, enum chat_count c)
{
    chat_meter_add(&entry_at(m, i)->meter.counts[c], 1);
}

void chat_models_chosen(struct chat_models *m, size_t i, enum chat_choice c)
{
    chat_meter_add(&entry_at(m, i)->meter.choices[c], 1);
}

void chat_models_failed(struct chat_models *m, size_t i, int rc, int status)
{
    chat_meter_add(&entry_at(m, i)->meter.failures[chat_failure_of(rc, status)], 1);
}

void chat_models_took(struct chat_models *m, size_t i, enum chat_time what, uint64_t ns)
{
    histogram_add(&entry_at(m, i)->meter.times[what], &histogram_of_models, ns);
}

double chat_models_charge(struct chat_models *m, size_t i, size_t tokens_in, size_t tokens_out)
{
    struct entry *e = entry_at(m, i);
    double cost =
        ((double)tokens_in * e->settings.price_in + (double)tokens_out * e->settings.price_out) /
        1e6;

    chat_meter_add(&e->meter.tokens_in, tokens_in);
    chat_meter_add(&e->meter.tokens_out, tokens_out);
    chat_meter_add(&e->meter.cost_nano,
                   (uint64_t)((cost < COST_MAX ? cost : COST_MAX) * 1e9 + 0.5));
    return cost;
}

void chat_models_stats(struct chat_models *m, size_t i, struct chat_model_stats *out)
{
    struct entry *e = entry_at(m, i);

    out->p95_ms = chat_models_p95_ms(m, i);
    out->open = breaker_is_open(e->breaker);
    chat_meter_read(&e->meter, &out->numbers);
}
