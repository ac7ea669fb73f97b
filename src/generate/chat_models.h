/* chat_models.h - the language models one can ask by name, and what has been learnt of each.
 *
 *   name -> where it is and what it costs
 *           breaker: is it there?            (net/breaker.h)
 *           first tokens: how soon it begins (the last CHAT_OBSERVED_MAX)
 *           numbers: what was asked, failed and paid (chat_meter.h)
 *
 * One for all event loops, so that they learn from each other.
 *
 * Secrets  a key is in no message; chat_models_get shows it to whoever sends it.
 * Threads  locked; the settings are immutable.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generate/chat_meter.h"
#include "net/breaker.h"

#define CHAT_TIMEOUT_MS     60000
#define CHAT_FIRST_TOKEN_MS 10000
#define CHAT_OBSERVED_MIN   20  /* first tokens seen before a p95 means anything */
#define CHAT_OBSERVED_MAX   256 /* the older ones are forgotten */

struct chat_model_options {
    const char *name;           /* "fast" */
    const char *url;            /* "https://host/v1" */
    const char *model;          /* what the server calls it */
    const char *key;            /* NULL or "": none */
    int64_t timeout_ms;         /* of one request, from start to end; 0: CHAT_TIMEOUT_MS */
    int64_t first_token_ms;     /* until the first token; 0: CHAT_FIRST_TOKEN_MS */
    double price_in, price_out; /* per million tokens */
};

/* What one asks with. Immutable, lives as long as the models. */
struct chat_model {
    const char *name, *model, *key; /* key NULL: none */
    const char *url;                /* ".../chat/completions" */
    const char *shown;              /* the same without secrets */
    int64_t timeout_ms, first_token_ms;
    double price_in, price_out;
};

struct chat_models;

/* ERR_ARGUMENT names the model whose settings cannot be used, or whose name is there twice. */
int chat_models_new(struct chat_models **out, const struct chat_model_options *models, size_t n);
void chat_models_free(struct chat_models *m);

size_t chat_models_n(const struct chat_models *m);
const struct chat_model *chat_models_get(const struct chat_models *m, size_t i);

/* Into `out`, of ERR_TEXT_MAX bytes: "language model 'fast': " and the reason, for those who ask:
 * it names neither the server nor its URL, which is cut off the reason where it stands. */
void chat_model_blame(const struct chat_model *m, const char *reason, char *out);

/* Index of the model of that name, or -1. */
int chat_models_find(const struct chat_models *m, const char *name);

/* ---- whether it is there ---- */

/* As breaker_enter; a refused caller finds in err_text() why it is left alone. */
enum breaker_pass chat_models_enter(struct chat_models *m, size_t i);

enum chat_lesson {
    CHAT_WORKED, /* it answered sensibly, even if it refused */
    CHAT_FAILED,
    CHAT_NOTHING, /* the caller left before anything could be learnt */
};

/* `why` it failed, borrowed; NULL otherwise. It is told to those who are refused, and logged with
 * the URL when the model is left alone from now on: it says neither what was asked nor a server's
 * own words, which may repeat that. */
void chat_models_leave(struct chat_models *m, size_t i, enum breaker_pass pass,
                       enum chat_lesson lesson, const char *why);
bool chat_models_is_open(struct chat_models *m, size_t i);

/* ---- how soon it begins ---- */

void chat_models_first_token(struct chat_models *m, size_t i, int64_t ms);
/* The 95th percentile, or -1 while fewer than CHAT_OBSERVED_MIN were seen. */
int64_t chat_models_p95_ms(struct chat_models *m, size_t i);

/* ---- what was asked and paid ---- */

void chat_models_count(struct chat_models *m, size_t i, enum chat_count c);
void chat_models_chosen(struct chat_models *m, size_t i, enum chat_choice c);
/* A request that ended so; see chat_failure_of. */
void chat_models_failed(struct chat_models *m, size_t i, int rc, int status);
void chat_models_took(struct chat_models *m, size_t i, enum chat_time what, uint64_t ns);

/* What so many tokens cost; counted too. */
double chat_models_charge(struct chat_models *m, size_t i, size_t tokens_in, size_t tokens_out);

struct chat_model_stats {
    struct chat_numbers numbers;
    bool open;      /* the breaker */
    int64_t p95_ms; /* of first tokens; -1: not known */
};

void chat_models_stats(struct chat_models *m, size_t i, struct chat_model_stats *out);
