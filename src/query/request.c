/* request.c - how a struct query is filled, checked and named. */
#include <math.h>
#include <string.h>
#include <utf8proc.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "engine/engine.h"
#include "index/filter.h"
#include "query/query.h"
#include "query/question_chat.h"
#include "query/question_rerank.h"

/* Part of the key: raise it when the same request would be answered in another form. */
#define PROMPT_TEMPLATE "1"

/* Words of the contract, in the order of their enums. */
static const char *const mode_words[] = {"hybrid", "vector", "keyword", "summary", NULL};

const char *query_mode_name(enum search_mode m)
{
    return mode_words[m];
}

static const char *const fusion_words[] = {"mix", "rrf", NULL};
static const char *const rerank_words[] = {"off", "lexical", "model", NULL};
static const char *const answer_words[] = {"auto", "extractive", "chat", "none", NULL};
static const char *const cache_words[] = {"default", "no-store", "refresh", "only", NULL};
static const char *const semantic_words[] = {"off", "strict", NULL};

static int word_index(const char *const *words, struct str s)
{
    for (int i = 0; words[i]; i++)
        if (str_eq(s, str_of(words[i])))
            return i;
    return -1;
}

void query_defaults(struct query *q, const struct engine *e)
{
    const struct config *c = &e->config;
    int mode = word_index(mode_words, str_of(c->retrieve.mode));
    int fusion = word_index(fusion_words, str_of(c->retrieve.fusion));
    int rerank = word_index(rerank_words, str_of(c->retrieve.rerank));
    int semantic = word_index(semantic_words, str_of(c->cache.semantic));

    *q = (struct query){
        .tenant = c->tenant,
        .collection = c->collection,
        .k = (int)c->retrieve.k,
        .mode = mode < 0 ? SEARCH_HYBRID : (enum search_mode)mode,
        .rerank = rerank < 0 ? RERANK_OFF : (enum search_rerank)rerank,
        .fusion = fusion < 0 ? FUSION_MIX : (enum search_fusion)fusion,
        .ef = (int)c->retrieve.ef,
        .context_chars = (size_t)c->retrieve.context_chars,
        .model = "auto",
        .prompt = engine_prompt(e),
        .temperature = NAN,
        .semantic = semantic < 0 ? QUERY_SEMANTIC_OFF : (enum query_semantic)semantic,
    };
}

/* ---- the question's one form ---- */

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static int to_nfc(struct str s, struct arena *mem, struct str *out)
{
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t n;

    if (is_ascii(s)) {
        *out = s;
        return ERR_OK;
    }
    n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &made,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    mem_must_have(n != UTF8PROC_ERROR_NOMEM, "a question");
    if (n < 0)
        return FAIL(ERR_FORMAT, "question: %s", utf8proc_errmsg(n));
    *out = (struct str){arena_strndup(mem, (const char *)made, (size_t)n), (size_t)n};
    free(made);
    return ERR_OK;
}

/* White space and control characters, of Unicode too, become one blank. */
static bool is_blank(uint32_t cp)
{
    utf8proc_category_t c;

    if (cp < 0x80)
        return cp <= ' ' || cp == 0x7f;
    c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_ZS || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP ||
           c == UTF8PROC_CATEGORY_CC;
}

static struct str fold_blanks(struct str s, struct arena *mem)
{
    char *text = arena_alloc(mem, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        size_t len = utf8_decode(s.p + i, s.n - i, &cp);

        if (!is_blank(cp)) {
            memcpy(text + n, s.p + i, len);
            n += len;
        } else if (n && text[n - 1] != ' ') {
            text[n++] = ' ';
        }
        i += len;
    }
    if (n && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
    return (struct str){text, n};
}

int query_prepare(struct query *q, struct arena *mem)
{
    int rc = ERR_OK;
    struct str s = q->question;

    if (s.n > QUESTION_BYTES_MAX)
        return FAIL(ERR_LIMIT, "the question has %zu bytes; the limit is %d", s.n,
                    QUESTION_BYTES_MAX);
    if (!utf8_valid(s.p, s.n))
        return FAIL(ERR_FORMAT, "the question is not UTF-8 (byte %zu)",
                    utf8_valid_prefix(s.p, s.n));
    TRY(to_nfc(s, mem, &s));
    s = fold_blanks(s, mem);
    if (s.n == 0)
        return FAIL(ERR_ARGUMENT, "'question' is required: a string of 1 to %d bytes",
                    QUESTION_BYTES_MAX);
    q->question = s;
out:
    return rc;
}

/* ---- from JSON ---- */

static int get_word(const json_t *o, const char *key, const char *const *words, int *out)
{
    int rc = ERR_OK, i;
    struct str s = {0};

    TRY(json_get_str(o, key, &s));
    if (!s.p)
        return ERR_OK;
    i = word_index(words, s);
    if (i < 0) {
        char known[128] = "";

        for (int w = 0; words[w]; w++) {
            strncat(known, w ? ", " : "", sizeof known - strlen(known) - 1);
            strncat(known, words[w], sizeof known - strlen(known) - 1);
        }
        return FAIL(ERR_ARGUMENT, "'%s' is '%.*s'; it must be one of %s", key,
                    (int)(s.n < 40 ? s.n : 40), s.p, known);
    }
    *out = i;
out:
    return rc;
}

static int check_members(const json_t *o, bool search_only)
{
    static const char *const known[] = {
        "question",       "k",
        "collection",     "filter",
        "mode",           "ef",
        "recall_target",  "fusion",
        "rerank",         "mmr",
        "collapse",       "window",
        "explain",        "context_chars",
        "context_tokens", "answer",
        "model",          "max_tokens",
        "temperature",    "history",
        "deadline_ms",    "cache",
        "semantic",       NULL,
    };
    static const char *const search[] = {
        "question",      "k",           "collection", "filter", "mode",     "ef",
        "recall_target", "fusion",      "rerank",     "mmr",    "collapse", "window",
        "explain",       "deadline_ms", NULL,
    };

    if (!json_is_object(o))
        return FAIL(ERR_ARGUMENT, "the request must be a JSON object with a 'question'");
    return json_only(o, search_only ? search : known, "the request");
}

static int get_answer_kind(const json_t *o, struct query *q)
{
    int rc = ERR_OK, answer = QUERY_ANSWER_AUTO;

    TRY(get_word(o, "answer", answer_words, &answer));
    q->answer = (enum query_answer)answer;
out:
    return rc;
}

static int get_model(const json_t *o, struct query *q, struct arena *mem)
{
    int rc = ERR_OK;
    int64_t max_tokens = 0;
    struct str model = {0};

    TRY(json_get_str(o, "model", &model));
    if (model.p && (model.n == 0 || memchr(model.p, '\0', model.n))) {
        rc = FAIL(ERR_ARGUMENT, "'model' must be the name of a language model, or 'auto'");
        goto out;
    }
    if (model.p)
        q->model = arena_strndup(mem, model.p, model.n);
    TRY(json_get_int(o, "max_tokens", 1, QUERY_TOKENS_MAX, &max_tokens));
    q->max_tokens = (int)max_tokens;
    if (json_object_get(o, "temperature"))
        TRY(json_get_real(o, "temperature", 0, 2, &q->temperature));
out:
    return rc;
}

static int get_turn(const json_t *turn, struct chat_message *out)
{
    static const char *const known[] = {"role", "content", NULL};
    static const char *const roles[] = {"user", "assistant", NULL};
    int rc = ERR_OK, role = -1;

    if (!json_is_object(turn))
        return FAIL(ERR_ARGUMENT, "'history' must be a list of {\"role\", \"content\"}");
    TRY(json_only(turn, known, "a turn of 'history'"));
    TRY(get_word(turn, "role", roles, &role));
    TRY(json_get_str(turn, "content", &out->text));
    if (role < 0 || !out->text.p)
        rc = FAIL(ERR_ARGUMENT, "a turn of 'history' needs a 'role' and a 'content'");
    out->role = role == 0 ? CHAT_USER : CHAT_ASSISTANT;
out:
    return rc;
}

static int get_history(const json_t *o, struct query *q, struct arena *mem)
{
    int rc = ERR_OK;
    const json_t *list = json_object_get(o, "history"), *turn;
    struct chat_message *v;
    size_t i;

    if (!list || json_is_null(list))
        return ERR_OK;
    if (!json_is_array(list) || json_array_size(list) > QUERY_HISTORY_MAX)
        return FAIL(ERR_ARGUMENT, "'history' must be a list of at most %d turns",
                    QUERY_HISTORY_MAX);
    v = ARENA_ARRAY(mem, struct chat_message, json_array_size(list));
    json_array_foreach(list, i, turn)
        TRY(get_turn(turn, &v[i]));
    q->history = v;
    q->n_history = json_array_size(list);
out:
    return rc;
}

static int get_mode(const json_t *o, struct query *q)
{
    int rc = ERR_OK, mode = (int)q->mode, fusion = (int)q->fusion;

    TRY(get_word(o, "mode", mode_words, &mode));
    TRY(get_word(o, "fusion", fusion_words, &fusion));
    q->mode = (enum search_mode)mode;
    q->fusion = (enum search_fusion)fusion;
out:
    return rc;
}

static int get_cache(const json_t *o, struct query *q)
{
    int rc = ERR_OK, cache = QUERY_CACHE_DEFAULT, semantic = (int)q->semantic;

    TRY(get_word(o, "cache", cache_words, &cache));
    TRY(get_word(o, "semantic", semantic_words, &semantic));
    q->cache = (enum query_cache)cache;
    q->semantic = (enum query_semantic)semantic;
out:
    return rc;
}

/* What makes of the candidates the hits that are shown. */
static int get_ranking(const json_t *o, struct query *q)
{
    int rc = ERR_OK;
    int64_t window = q->window;
    double lambda = 1 - q->diversity;

    TRY(json_get_real(o, "recall_target", RECALL_TARGET_MIN, 1, &q->recall_target));
    TRY(json_get_real(o, "mmr", 0, 1, &lambda));
    TRY(json_get_bool(o, "collapse", &q->collapse));
    TRY(json_get_int(o, "window", 0, SEARCH_WINDOW_MAX, &window));
    TRY(json_get_bool(o, "explain", &q->explain));
    q->diversity = 1 - lambda;
    q->window = (int)window;
out:
    return rc;
}

static int get_rerank(const json_t *o, struct query *q)
{
    int rc = ERR_OK, rerank = (int)q->rerank;

    TRY(get_word(o, "rerank", rerank_words, &rerank));
    q->rerank = (enum search_rerank)rerank;
out:
    return rc;
}

static int get_budget(const json_t *o, struct query *q)
{
    int rc = ERR_OK;
    int64_t chars = (int64_t)q->context_chars, tokens = 0;

    TRY(json_get_int(o, "context_chars", 1, CONTEXT_CHARS_MAX, &chars));
    TRY(json_get_int(o, "context_tokens", 1, CONTEXT_TOKENS_MAX, &tokens));
    if (tokens && json_is_integer(json_object_get(o, "context_chars"))) {
        rc =
            FAIL(ERR_ARGUMENT, "'context_chars' and 'context_tokens' are two budgets for the same: "
                               "give one of them");
        goto out;
    }
    q->context_chars = (size_t)chars;
    q->context_tokens = (size_t)tokens;
out:
    return rc;
}

int query_from_json(struct query *q, const json_t *o, bool search_only, struct arena *mem)
{
    int rc = ERR_OK;
    int64_t k = q->k, ef = q->ef;
    struct str collection = {0};
    struct filter *filter = NULL;

    TRY(check_members(o, search_only));
    TRY(json_get_str(o, "question", &q->question));
    TRY(json_get_int(o, "k", 1, QUERY_K_MAX, &k));
    TRY(json_get_int(o, "ef", 1, 100000, &ef));
    TRY(get_budget(o, q));
    TRY(json_get_int(o, "deadline_ms", 1, 86400000, &q->deadline_ms));
    TRY(json_get_str(o, "collection", &collection));
    TRY(get_mode(o, q));
    TRY(get_ranking(o, q));
    TRY(get_rerank(o, q));
    TRY(get_answer_kind(o, q));
    TRY(get_model(o, q, mem));
    TRY(get_history(o, q, mem));
    TRY(get_cache(o, q));
    TRY(filter_from_json(&filter, json_object_get(o, "filter"), mem));
    q->k = (int)k;
    q->ef = (int)ef;
    q->filter = filter;
    if (collection.p && memchr(collection.p, '\0', collection.n)) {
        rc = FAIL(ERR_ARGUMENT, "'collection' has a NUL character");
        goto out;
    }
    if (collection.p)
        q->collection = arena_strndup(mem, collection.p, collection.n);
    TRY(query_prepare(q, mem));
out:
    return rc;
}

/* ---- names ---- */

static void add_real(struct digester *d, double v)
{
    digester_add(d, &v, sizeof v);
}

struct digest query_key_under(const struct engine *e, const struct query *q,
                              const struct digest *model, const struct adapter *adapter,
                              struct arena *mem)
{
    struct digester *d = digester_new();

    digester_add_str(d, "question/" PROMPT_TEMPLATE);
    digester_add(d, model->b, DIGEST_BYTES);
    digester_add(d, adapter ? adapter_fingerprint(adapter)->b : NULL, adapter ? DIGEST_BYTES : 0);
    digester_add_str(d, q->tenant);
    digester_add_str(d, q->collection);
    digester_add(d, q->question.p, q->question.n);
    digester_add_u64(d, (uint64_t)q->k);
    digester_add_u64(d, (uint64_t)q->mode);
    digester_add_u64(d, (uint64_t)q->fusion);
    digester_add_str(d, question_rerank_name(e, q, mem));
    digester_add_u64(d, (uint64_t)q->ef);
    add_real(d, q->recall_target);
    add_real(d, q->diversity);
    digester_add_u64(d, q->collapse);
    digester_add_u64(d, (uint64_t)q->window);
    digester_add_u64(d, q->explain);
    digester_add_str(d, filter_canonical(q->filter, mem));
    digester_add_u64(d, q->context_chars);
    digester_add_u64(d, q->context_tokens);
    digester_add_u64(d, (uint64_t)q->answer);
    digester_add_str(d, question_chat_settings(e, q, mem));
    return digester_finish(d);
}

struct digest query_key(struct engine *e, const struct query *q, struct arena *mem)
{
    struct embedder *model = engine_embedder(e);
    struct adapter *adapter = adapters_get(e->adapters, q->tenant, q->collection, model);
    struct digest fingerprint = embedder_fingerprint(model);
    struct digest key = query_key_under(e, q, &fingerprint, adapter, mem);

    adapter_unref(adapter);
    embedder_close(model);
    return key;
}

uint64_t query_keys_generation(const struct engine *e)
{
    return atomic_load(&e->n_models) + adapters_changes(e->adapters) + atomic_load(&e->n_reloads);
}

struct digest query_flight_key(struct engine *e, const struct query *q, const struct digest *key)
{
    struct digester *d = digester_new();

    digester_add(d, key->b, DIGEST_BYTES);
    digester_add_u64(d, retriever_epoch(e->retriever, q->tenant, q->collection));
    digester_add_u64(d, (uint64_t)q->cache); /* "refresh" must not join a run that may not store */
    digester_add_u64(d, (uint64_t)q->semantic);
    return digester_finish(d);
}

/* ---- what is asked often ---- */

static bool is_plain_search(const struct query *q, const struct query *d)
{
    return q->k == d->k && q->mode == d->mode && q->fusion == d->fusion && q->rerank == d->rerank &&
           q->ef == d->ef && q->recall_target == d->recall_target && q->diversity == d->diversity &&
           q->collapse == d->collapse && q->window == d->window && !q->filter;
}

bool query_is_plain(const struct engine *e, const struct query *q)
{
    struct query d;

    query_defaults(&d, e);
    return is_plain_search(q, &d) && q->explain == d.explain &&
           q->context_chars == d.context_chars && q->context_tokens == d.context_tokens &&
           q->answer == d.answer && q->encoder == d.encoder && strcmp(q->model, d.model) == 0 &&
           q->max_tokens == d.max_tokens && isnan(q->temperature) && q->n_history == 0;
}

/* Others would be answered again for nothing: only their text would be known. Of a request that was
 * asked before, byte for byte, there is no model, and not all that there was. */
void query_was_asked(struct engine *e, const struct query *q, const struct digest *key)
{
    struct asked_question asked = {
        .key = *key, .tenant = q->tenant, .collection = q->collection, .text = q->question};

    if (q->precomputing || q->cache == QUERY_CACHE_NO_STORE || asked_again(e->asked, key) ||
        q->question.n == 0 || !q->model || !query_is_plain(e, q))
        return;
    asked.epoch = retriever_epoch(e->retriever, q->tenant, q->collection);
    asked_add(e->asked, &asked);
}
