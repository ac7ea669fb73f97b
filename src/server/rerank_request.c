#include "server/rerank_request.h"

#include "base/err.h"
#include "base/json.h"
#include "server/http.h"

/* What an entry of the reply has beside its text, at most, and the reply beside its entries. */
#define ENTRY_BYTES 128
#define REPLY_BYTES 1024
/* A byte of a text may be six in JSON. */
#define ESCAPED_MAX 6

struct reading {
    struct rerank_request *out;
    const struct reranker *r;
    const struct reranker_info *info;
    size_t reply_bytes;
    struct arena *mem;
    const char *texts_key; /* "texts", "documents" */
    bool truncate;
    size_t n_question; /* tokens of the question and the frame */

    const char *param, *code; /* of the failure, when the ERR_* does not say enough */
    int status;
};

/* ---- members ---- */

static int read_model(struct reading *g, const json_t *tree)
{
    struct str v = {0};
    int rc;

    g->param = "model";
    rc = json_get_str(tree, "model", &v);
    if (rc < 0 || !v.p || str_eq(v, str_of(g->info->name)) ||
        str_eq(v, STR_LIT(RERANK_MODEL_ALIAS)))
        return rc;
    g->code = "model_not_found";
    return FAIL(ERR_NOT_FOUND, "the model '%.*s' does not exist here; use '%s' or '%s'",
                (int)(v.n < 128 ? v.n : 128), v.p, g->info->name, RERANK_MODEL_ALIAS);
}

static int read_cohere(struct reading *g, const json_t *tree)
{
    static const char *const known[] = {"query", "documents",        "model",
                                        "top_n", "return_documents", NULL};
    int rc = ERR_OK;
    int64_t top_n = INT64_MAX;

    TRY(read_model(g, tree));
    g->param = "top_n";
    TRY(json_get_int(tree, "top_n", 1, INT64_MAX, &top_n));
    g->param = "return_documents";
    TRY(json_get_bool(tree, "return_documents", &g->out->return_texts));
    g->out->top_n = (size_t)top_n;
    g->truncate = true;
    g->out->ignored = ignored_members(tree, known, g->mem);
out:
    return rc;
}

static int read_direction(struct reading *g, const json_t *tree)
{
    struct str v = STR_LIT("right");
    int rc;

    g->param = "truncation_direction";
    rc = json_get_str(tree, "truncation_direction", &v);
    if (rc == ERR_OK && !str_eq_nocase(v, STR_LIT("right")))
        return FAIL(ERR_ARGUMENT, "'truncation_direction' must be \"right\" here");
    return rc;
}

static int read_tei(struct reading *g, const json_t *tree)
{
    static const char *const known[] = {
        "query", "texts", "raw_scores", "return_text", "truncate", "truncation_direction", NULL};
    int rc = ERR_OK;

    g->param = "raw_scores";
    TRY(json_get_bool(tree, "raw_scores", &g->out->raw));
    g->param = "return_text";
    TRY(json_get_bool(tree, "return_text", &g->out->return_texts));
    g->param = "truncate";
    TRY(json_get_bool(tree, "truncate", &g->truncate));
    TRY(read_direction(g, tree));
    g->out->top_n = SIZE_MAX;
    g->out->ignored = ignored_members(tree, known, g->mem);
out:
    return rc;
}

/* ---- question and texts ---- */

static int too_much(struct reading *g, const char *code)
{
    g->code = code;
    g->status = g->out->dialect == DIALECT_TEI ? 413 : 400;
    return ERR_LIMIT;
}

static struct str copy(struct reading *g, struct str s)
{
    return (struct str){arena_strndup(g->mem, s.p, s.n), s.n};
}

static int read_question(struct reading *g, const json_t *tree)
{
    struct str v = {0};
    int rc;

    g->param = "query";
    rc = json_get_str(tree, "query", &v);
    if (rc < 0)
        return rc;
    if (v.n == 0) {
        g->code = v.p ? "empty" : NULL;
        return FAIL(ERR_ARGUMENT, "'query' is required: a string that is not empty");
    }
    g->out->question = copy(g, v);
    g->n_question = reranker_count(g->r, v) + g->info->n_frame;
    return ERR_OK;
}

/* A string, or in Cohere's form an object with one. */
static int read_text(struct reading *g, const json_t *v, size_t i)
{
    const json_t *text = v;

    if (g->out->dialect == DIALECT_COHERE && json_is_object(v))
        text = json_object_get(v, "text");
    if (!json_is_string(text))
        return FAIL(ERR_ARGUMENT, "'%s'[%zu] must be a string%s", g->texts_key, i,
                    g->out->dialect == DIALECT_COHERE ? ", or an object with a string 'text'" : "");
    g->out->texts[i] = copy(g, (struct str){json_string_value(text), json_string_length(text)});
    return ERR_OK;
}

/* What the pair will be when it is read. */
static int count_tokens(struct reading *g, size_t i)
{
    size_t n = g->n_question + reranker_count(g->r, g->out->texts[i]);

    if (n > g->info->max_tokens && !g->truncate)
        return FAIL(too_much(g, "context_length_exceeded"),
                    "'%s'[%zu] has %zu tokens with the query and its frame; the model '%s' takes "
                    "%zu; \"truncate\":true cuts",
                    g->texts_key, i, n, g->info->name, g->info->max_tokens);
    n = n < g->info->max_tokens ? n : g->info->max_tokens;
    g->out->n_tokens[i] = (uint32_t)n;
    g->out->n_tokens_all += n;
    if (g->out->n_tokens_all > RERANK_TOKENS_MAX)
        return FAIL(too_much(g, "too_many_tokens"),
                    "'%s' has more than %d tokens in all, the query with each; send it in several "
                    "requests",
                    g->texts_key, RERANK_TOKENS_MAX);
    return ERR_OK;
}

static int check_reply(struct reading *g)
{
    size_t n_bytes = REPLY_BYTES + g->out->n * ENTRY_BYTES;

    for (size_t i = 0; i < g->out->n && g->out->return_texts; i++)
        n_bytes += g->out->texts[i].n * ESCAPED_MAX;
    if (n_bytes > g->reply_bytes)
        return FAIL(ERR_LIMIT,
                    "a reply with %zu scores%s may be larger than %zu bytes (limits.reply_bytes)",
                    g->out->n, g->out->return_texts ? " and texts" : "", g->reply_bytes);
    return ERR_OK;
}

static int read_texts(struct reading *g, const json_t *list)
{
    int rc = ERR_OK;
    size_t n = json_array_size(list);

    g->param = g->texts_key;
    if (!json_is_array(list))
        return FAIL(ERR_ARGUMENT, "'%s' is required: a list of strings", g->texts_key);
    if (n == 0) {
        g->code = "empty";
        return FAIL(ERR_ARGUMENT, "'%s' is an empty list", g->texts_key);
    }
    if (n > RERANK_TEXTS_MAX)
        return FAIL(too_much(g, "too_many_inputs"), "'%s' has %zu entries; it may have %d",
                    g->texts_key, n, RERANK_TEXTS_MAX);
    g->out->n = n;
    g->out->texts = ARENA_ARRAY(g->mem, struct str, n);
    g->out->n_tokens = ARENA_ARRAY(g->mem, uint32_t, n);
    for (size_t i = 0; i < n; i++) {
        TRY(read_text(g, json_array_get(list, i), i));
        TRY(count_tokens(g, i));
    }
    TRY(check_reply(g));
out:
    return rc;
}

/* ---- all of it ---- */

static int check_reranker(struct reading *g)
{
    if (g->r)
        return ERR_OK;
    g->status = 501;
    g->code = "not_configured";
    return FAIL(ERR_UNSUPPORTED,
                "no reranker is configured here: rerank.model names a cross-encoder's folder, or "
                "rerank.kind and rerank.url a server");
}

/* Which form a body on /rerank is in; the path says it for the others. */
static int choose_form(struct reading *g, struct str path, const json_t *tree)
{
    bool cohere = json_object_get(tree, "documents") != NULL;

    g->out->dialect = dialect_of_path(path);
    if (g->out->dialect == DIALECT_TEI && cohere && json_object_get(tree, "texts"))
        return FAIL(ERR_ARGUMENT, "the request has both 'texts' and 'documents'; give one");
    if (cohere)
        g->out->dialect = DIALECT_COHERE;
    g->texts_key = g->out->dialect == DIALECT_COHERE ? "documents" : "texts";
    return ERR_OK;
}

static int read_all(struct reading *g, const json_t *tree)
{
    int rc = ERR_OK;

    TRY(check_reranker(g));
    if (!json_is_object(tree))
        return FAIL(ERR_ARGUMENT, "the request must be a JSON object");
    g->info = reranker_info(g->r);
    TRY(g->out->dialect == DIALECT_TEI ? read_tei(g, tree) : read_cohere(g, tree));
    TRY(read_question(g, tree));
    TRY(read_texts(g, json_object_get(tree, g->texts_key)));
out:
    return rc;
}

int rerank_request_read(struct rerank_request *out, struct str path, struct str body,
                        const struct reranker *r, size_t reply_bytes, struct arena *mem,
                        struct refusal *why)
{
    int rc = ERR_OK;
    json_t *tree = NULL;
    struct reading g = {.out = out, .r = r, .reply_bytes = reply_bytes, .mem = mem};

    *out = (struct rerank_request){.dialect = dialect_of_path(path), .ignored = ""};
    TRY(json_parse(&tree, body, "the request"));
    TRY(choose_form(&g, path, tree));
    TRY(read_all(&g, tree));
    out->top_n = out->top_n < out->n ? out->top_n : out->n;
out:
    if (rc < 0)
        *why = (struct refusal){.status = g.status ? g.status : http_status_of(rc),
                                .code = g.code ? g.code : err_name(rc),
                                .param = g.param};
    json_decref(tree);
    return rc;
}
