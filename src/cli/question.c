#include "cli/question.h"

#include <sys/random.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"
#include "engine/engine.h"
#include "index/filter.h"

enum {
    KEY_FILTER = 0x2000,
    KEY_MODE,
    KEY_FUSION,
    KEY_RERANK,
    KEY_EF,
    KEY_RECALL,
    KEY_MMR,
    KEY_COLLAPSE,
    KEY_WINDOW,
    KEY_EXPLAIN,
    KEY_DEADLINE,
    KEY_ANSWER,
    KEY_LLM
};

static const struct argp_option options[] = {
    {NULL, 'k', "N", 0, "passages an answer may use, 1 to 100 (5)", 1},
    {"filter", KEY_FILTER, "EXPR", 0,
     "only documents for which it holds: 'type=policy and year>=2020'", 1},
    {"mode", KEY_MODE, "MODE", 0, "hybrid, vector, keyword or summary (hybrid)", 1},
    {"fusion", KEY_FUSION, "F", 0, "how a hybrid search joins its two lists: mix or rrf (mix)", 1},
    {"rerank", KEY_RERANK, "R", 0,
     "what puts the found passages in order again: off, lexical (the order of words; a hybrid mix "
     "does "
     "that anyhow) or model (off); a model is rerank.model",
     1},
    {"ef", KEY_EF, "N", 0, "candidates of the graph search (128)", 1},
    {"recall-target", KEY_RECALL, "R", 0,
     "share of the nearest vectors to be found, 0.5 to 1, in place of --ef", 1},
    {"mmr", KEY_MMR, "L", 0,
     "maximal marginal relevance, 0 (as different as can be) to 1 (by relevance alone)", 1},
    {"collapse", KEY_COLLAPSE, NULL, 0, "show near-duplicates once", 1},
    {"window", KEY_WINDOW, "N", 0, "let N neighbours on each side go with a passage, 0 to 3 (0)",
     1},
    {"explain", KEY_EXPLAIN, NULL, 0, "say how the search was done", 1},
    {"deadline-ms", KEY_DEADLINE, "N", 0, "leave out what does not fit into N milliseconds", 1},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct question_options *o = state->input;

    switch (key) {
    case 'k': return option_int(state, "-k", arg, 1, QUERY_K_MAX, &o->k);
    case KEY_FILTER: o->filter = arg; return 0;
    case KEY_MODE: o->mode = arg; return 0;
    case KEY_FUSION: o->fusion = arg; return 0;
    case KEY_RERANK: o->rerank = arg; return 0;
    case KEY_EF: return option_int(state, "--ef", arg, 1, 100000, &o->ef);
    case KEY_RECALL:
        return option_real(state, "--recall-target", arg, RECALL_TARGET_MIN, 1, &o->recall_target);
    case KEY_MMR: o->has_mmr = true; return option_real(state, "--mmr", arg, 0, 1, &o->mmr);
    case KEY_COLLAPSE: o->collapse = true; return 0;
    case KEY_WINDOW: return option_int(state, "--window", arg, 0, SEARCH_WINDOW_MAX, &o->window);
    case KEY_EXPLAIN: o->explain = true; return 0;
    case KEY_DEADLINE: return option_int(state, "--deadline-ms", arg, 1, 86400000, &o->deadline_ms);
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp question_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};

static const struct argp_option answer_options[] = {
    {"answer", KEY_ANSWER, "KIND", 0,
     "auto (a language model where one is configured), extractive, chat or none (auto)", 1},
    {"llm", KEY_LLM, "NAME", 0,
     "the language model that answers: auto, fast, best or its name in the settings (auto)", 1},
    {0},
};

static error_t parse_answer(int key, char *arg, struct argp_state *state)
{
    struct question_options *o = state->input;

    switch (key) {
    case KEY_ANSWER: o->answer = arg; return 0;
    case KEY_LLM: o->llm = arg; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp answer_argp = {answer_options, parse_answer, NULL, NULL, NULL, NULL, NULL};

static void set_text(json_t *request, const char *key, const char *value)
{
    if (value)
        json_object_set_new(request, key, json_string(value));
}

static void set_number(json_t *request, const char *key, long value)
{
    if (value)
        json_object_set_new(request, key, json_integer(value));
}

static void set_ranking(json_t *request, const struct question_options *o)
{
    if (o->recall_target > 0)
        json_object_set_new(request, "recall_target", json_real(o->recall_target));
    if (o->has_mmr)
        json_object_set_new(request, "mmr", json_real(o->mmr));
    if (o->collapse)
        json_object_set_new(request, "collapse", json_true());
    if (o->explain)
        json_object_set_new(request, "explain", json_true());
    set_number(request, "window", o->window);
}

/* 'a=b and c>=3' as the object that the contract knows. */
static int set_filter(json_t *request, const char *text)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct filter *filter = NULL;
    json_t *v = NULL;

    TRY(filter_from_text(&filter, str_of(text), mem));
    if (!filter)
        goto out;
    TRY(json_parse(&v, str_of(filter_canonical(filter, mem)), "filter"));
    json_object_set_new(request, "filter", v);
out:
    arena_free(mem);
    return rc;
}

int question_request(const struct question_options *o, const char *question, const char *collection,
                     bool search_only, json_t **out)
{
    int rc = ERR_OK;
    json_t *text = json_string(question);
    json_t *request = json_object();

    if (!text) {
        rc = FAIL(ERR_FORMAT, "the question is not UTF-8");
        goto out;
    }
    json_object_set_new(request, "question", text);
    set_text(request, "collection", collection);
    set_text(request, "mode", o->mode);
    set_text(request, "fusion", o->fusion);
    set_text(request, "rerank", o->rerank);
    set_number(request, "k", o->k);
    set_number(request, "ef", o->ef);
    set_number(request, "deadline_ms", o->deadline_ms);
    set_ranking(request, o);
    if (!search_only) {
        set_text(request, "cache", o->cache);
        set_text(request, "semantic", o->semantic);
        set_text(request, "answer", o->answer);
        set_text(request, "model", o->llm);
        set_number(request, "context_chars", o->context_chars);
        set_number(request, "context_tokens", o->context_tokens);
    }
    if (o->filter)
        TRY(set_filter(request, o->filter));
    *out = request;
    request = NULL;
out:
    json_decref(request);
    return rc;
}

static void make_id(char out[24])
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = clock_ns();
    snprintf(out, 24, "q_%016llx", (unsigned long long)random);
}

/* listener NULL: passages alone are wanted. */
static int ask(struct engine *e, const struct common *common, const json_t *request,
               const struct answer_listener *listener, struct buf *reply)
{
    int rc = ERR_OK;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};
    char id[24];

    trace_start(&ans.trace);
    query_defaults(&q, e);
    q.tenant = common->config.tenant;
    TRY(query_from_json(&q, request, !listener, ans.mem));
    TRY(listener ? query_answer_for(e, &q, &ans, listener) : query_search(e, &q, &ans));
    make_id(id);
    if (listener)
        query_reply(&ans, id, reply);
    else
        query_search_reply(&q, &ans, reply);
out:
    answer_done(&ans);
    arena_free(ans.mem);
    return rc;
}

int question_ask(struct engine *e, const struct common *common, const json_t *request,
                 bool search_only, struct buf *reply)
{
    static const struct answer_listener nobody;

    return ask(e, common, request, search_only ? NULL : &nobody, reply);
}

int question_ask_for(struct engine *e, const struct common *common, const json_t *request,
                     const struct answer_listener *listener, struct buf *reply)
{
    return ask(e, common, request, listener, reply);
}
