#include "server/embed_request.h"

#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "server/http.h"
#include "text/wordpiece.h"

/* What an entry of the reply has beside its numbers, at most. */
#define ENTRY_BYTES 64
/* And the reply beside its entries; limits.reply_bytes is far above. */
#define REPLY_BYTES 512

struct reading {
    struct embed_request *out;
    const struct embedder *e;
    const struct embedder_info *info;
    size_t reply_bytes;
    struct arena *mem;
    const char *input_key; /* "input", "inputs" */
    char at[32];           /* the input being read: "'input'[3]" */
    const char *prefix;
    bool raw, truncate, cut_left;
    int32_t cls, sep;
    struct tokens tokens; /* of one text; reused */
    struct buf text;      /* one text with its prefix; reused */

    const char *param, *code; /* of the failure, when the ERR_* does not say enough */
    int status;
};

/* ---- members ---- */

/* A string member that is one of two words, or absent (*second untouched). */
static int read_choice(struct reading *g, const json_t *tree, const char *key, const char *first,
                       const char *other, bool *second)
{
    struct str v = {0};
    int rc;

    g->param = key;
    rc = json_get_str(tree, key, &v);
    if (rc < 0 || !v.p)
        return rc;
    if (!str_eq_nocase(v, str_of(first)) && !str_eq_nocase(v, str_of(other)))
        return FAIL(ERR_ARGUMENT, "'%s' must be \"%s\" or \"%s\"", key, first, other);
    *second = str_eq_nocase(v, str_of(other));
    return ERR_OK;
}

static int read_model(struct reading *g, const json_t *tree)
{
    struct str v = {0};
    int rc;

    g->param = "model";
    rc = json_get_str(tree, "model", &v);
    if (rc < 0 || !v.p || str_eq(v, str_of(g->info->name)) || str_eq(v, STR_LIT(EMBED_MODEL_ALIAS)))
        return rc;
    g->code = "model_not_found";
    return FAIL(ERR_NOT_FOUND, "the model '%.*s' does not exist here; use '%s' or '%s'",
                (int)(v.n < 128 ? v.n : 128), v.p, g->info->name, EMBED_MODEL_ALIAS);
}

/* Fewer numbers than the model gives would be another embedding: only models that were trained for
 * it (Matryoshka) keep their meaning when cut, and we cannot know that of a folder. */
static int read_dimensions(struct reading *g, const json_t *tree)
{
    int64_t n = (int64_t)g->info->dim;
    int rc;

    g->param = "dimensions";
    rc = json_get_int(tree, "dimensions", INT64_MIN, INT64_MAX, &n);
    if (rc == ERR_OK && n != (int64_t)g->info->dim)
        return FAIL(ERR_ARGUMENT,
                    "'dimensions' is %lld; the model '%s' gives %zu and was not trained to be cut",
                    (long long)n, g->info->name, g->info->dim);
    return rc;
}

static int read_openai(struct reading *g, const json_t *tree)
{
    static const char *const known[] = {"input",      "model",      "encoding_format",
                                        "dimensions", "input_type", NULL};
    int rc = ERR_OK;
    bool query = false;

    TRY(read_model(g, tree));
    TRY(read_choice(g, tree, "encoding_format", "float", "base64", &g->out->base64));
    TRY(read_choice(g, tree, "input_type", "document", "query", &query));
    TRY(read_dimensions(g, tree));
    g->prefix = query ? g->info->query_prefix : g->info->document_prefix;
    g->input_key = "input";
    g->out->ignored = ignored_members(tree, known, g->mem);
out:
    return rc;
}

static int read_tei(struct reading *g, const json_t *tree)
{
    static const char *const known[] = {"inputs",    "truncate",    "truncation_direction",
                                        "normalize", "prompt_name", "dimensions",
                                        NULL};
    const json_t *prompt = json_object_get(tree, "prompt_name");
    int rc = ERR_OK;
    bool query = false, normalize = true;

    TRY(json_get_bool(tree, "truncate", &g->truncate));
    TRY(read_choice(g, tree, "truncation_direction", "right", "left", &g->cut_left));
    TRY(json_get_bool(tree, "normalize", &normalize));
    TRY(read_choice(g, tree, "prompt_name", "document", "query", &query));
    TRY(read_dimensions(g, tree));
    g->raw = !normalize;
    if (prompt && !json_is_null(prompt))
        g->prefix = query ? g->info->query_prefix : g->info->document_prefix;
    g->input_key = "inputs";
    g->out->ignored = ignored_members(tree, known, g->mem);
out:
    return rc;
}

/* ---- inputs ---- */

static int too_much(struct reading *g, const char *code)
{
    g->code = code;
    g->status = g->out->dialect == DIALECT_TEI ? 413 : 400;
    return ERR_LIMIT;
}

static int empty(struct reading *g)
{
    g->code = "empty";
    return ERR_ARGUMENT;
}

/* Ids of tokens[0..n-1] between [CLS] and [SEP]. */
static void frame(struct reading *g, const struct token *tokens, size_t n, struct embed_item *item)
{
    int32_t *ids = ARENA_ARRAY(g->mem, int32_t, n + 2);

    ids[0] = g->cls;
    for (size_t i = 0; i < n; i++)
        ids[i + 1] = tokens[i].id;
    ids[n + 1] = g->sep;
    *item = (struct embed_item){.ids = ids, .n_ids = n + 2, .raw = g->raw};
}

/* g->tokens, the whole input without frame, into an item. */
static int take_tokens(struct reading *g, struct embed_item *item)
{
    const struct token *from = g->tokens.v;
    size_t n = g->tokens.n, max = g->info->max_tokens - 2;

    if (n > max && !g->truncate)
        return FAIL(too_much(g, "context_length_exceeded"),
                    "%s has %zu tokens with [CLS] and [SEP]; the model '%s' takes %zu%s", g->at,
                    n + 2, g->info->name, g->info->max_tokens,
                    g->out->dialect == DIALECT_TEI ? "; \"truncate\":true cuts" : "");
    if (n > max) {
        from += g->cut_left ? n - max : 0;
        n = max;
    }
    frame(g, from, n, item);
    g->out->n_tokens += item->n_ids;
    if (g->out->n_tokens > EMBED_TOKENS_MAX)
        return FAIL(too_much(g, "too_many_tokens"),
                    "'%s' has more than %d tokens in all; send it in several requests",
                    g->input_key, EMBED_TOKENS_MAX);
    return ERR_OK;
}

static int read_text(struct reading *g, const json_t *v, struct embed_item *item)
{
    struct str text = {json_string_value(v), json_string_length(v)};

    if (text.n == 0)
        return FAIL(empty(g), "%s is an empty string", g->at);
    if (*g->prefix) {
        buf_clear(&g->text);
        buf_add_str(&g->text, g->prefix);
        buf_add_view(&g->text, text);
        text = buf_view(&g->text);
    }
    g->tokens.n = 0;
    wordpiece_encode_all(embedder_tokenizer(g->e), text, &g->tokens);
    return take_tokens(g, item);
}

/* A frame that is there already is taken off. */
static int read_ids(struct reading *g, const json_t *v, struct embed_item *item)
{
    size_t n = json_array_size(v), vocab = wordpiece_vocab_size(embedder_tokenizer(g->e));
    struct tokens *t = &g->tokens;

    if (n == 0)
        return FAIL(empty(g), "%s is an empty token list", g->at);
    t->v = t->cap < n ? mem_grow(t->v, &t->cap, n, sizeof *t->v) : t->v;
    for (size_t j = 0; j < n; j++) {
        const json_t *id = json_array_get(v, j);
        json_int_t value = json_integer_value(id);

        if (!json_is_integer(id))
            return FAIL(ERR_ARGUMENT, "%s[%zu] is not a token id (an integer)", g->at, j);
        if (value < 0 || value >= (json_int_t)vocab)
            return FAIL(ERR_ARGUMENT,
                        "%s[%zu] is %lld; the ids of the model '%s' are 0 to %zu (ids of "
                        "another tokenizer mean other words: send the text)",
                        g->at, j, (long long)value, g->info->name, vocab - 1);
        t->v[j] = (struct token){.id = (int32_t)value};
    }
    t->n = n;
    if (n >= 2 && t->v[0].id == g->cls && t->v[n - 1].id == g->sep) {
        t->n = n - 2;
        memmove(t->v, t->v + 1, t->n * sizeof *t->v);
    }
    return take_tokens(g, item);
}

static int read_input(struct reading *g, const json_t *v, struct embed_item *item)
{
    if (json_is_string(v))
        return read_text(g, v, item);
    if (json_is_array(v))
        return read_ids(g, v, item);
    return FAIL(ERR_ARGUMENT, "%s must be a string or a list of token ids", g->at);
}

/* Before any work is done, by the most that a reply of so many can have. */
static int check_count(struct reading *g, size_t n)
{
    size_t dim = g->info->dim, each, fit;

    if (n > EMBED_INPUTS_MAX)
        return FAIL(too_much(g, "too_many_inputs"), "'%s' has %zu entries; it may have %d",
                    g->input_key, n, EMBED_INPUTS_MAX);
    each =
        ENTRY_BYTES + (g->out->base64 ? (dim * sizeof(float) + 2) / 3 * 4 : dim * JSONW_FLOAT_MAX);
    fit = (g->reply_bytes - REPLY_BYTES) / each;
    if (n > fit)
        return FAIL(ERR_LIMIT,
                    "a reply with %zu vectors of %zu numbers may be larger than %zu bytes "
                    "(limits.reply_bytes); send at most %zu inputs at once%s",
                    n, dim, g->reply_bytes, fit,
                    g->out->base64 || g->out->dialect == DIALECT_TEI
                        ? ""
                        : ", or ask for base64 (encoding_format)");
    return ERR_OK;
}

static int read_list(struct reading *g, const json_t *list)
{
    int rc = ERR_OK;

    for (size_t i = 0; i < g->out->n; i++) {
        snprintf(g->at, sizeof g->at, "'%s'[%zu]", g->input_key, i);
        TRY(read_input(g, json_array_get(list, i), &g->out->items[i]));
    }
out:
    return rc;
}

static bool is_list_of_inputs(const json_t *v)
{
    return json_is_array(v) && !json_is_integer(json_array_get(v, 0));
}

static int read_inputs(struct reading *g, const json_t *v)
{
    int rc = ERR_OK;
    size_t n = is_list_of_inputs(v) ? json_array_size(v) : 1;

    g->param = g->input_key;
    if (!json_is_string(v) && !json_is_array(v))
        return FAIL(ERR_ARGUMENT,
                    "'%s' is required: a string, a list of strings, or token ids (a list, or a "
                    "list of lists)",
                    g->input_key);
    if (n == 0)
        return FAIL(empty(g), "'%s' is an empty list", g->input_key);
    TRY(check_count(g, n));
    g->out->items = ARENA_ARRAY(g->mem, struct embed_item, n);
    g->out->n = n;
    snprintf(g->at, sizeof g->at, "'%s'", g->input_key);
    TRY(is_list_of_inputs(v) ? read_list(g, v) : read_input(g, v, g->out->items));
out:
    return rc;
}

/* ---- all of it ---- */

static void find_frame(struct reading *g)
{
    struct token ends[2];

    wordpiece_encode(embedder_tokenizer(g->e), STR_LIT(""), ends, 2, NULL);
    g->cls = ends[0].id;
    g->sep = ends[1].id;
}

/* Vectors of a server are its own to give: we would add prefixes and lose what it can do. */
static int check_local(struct reading *g)
{
    if (strcmp(g->info->kind, "local") == 0)
        return ERR_OK;
    g->status = 501;
    g->code = "not_local";
    return FAIL(ERR_UNSUPPORTED,
                "there is no encoder here: texts are embedded by another server (embed.kind is "
                "\"%s\"); ask that one",
                g->info->kind);
}

static int read_all(struct reading *g, const json_t *tree)
{
    int rc = ERR_OK;

    TRY(check_local(g));
    if (!json_is_object(tree))
        return FAIL(ERR_ARGUMENT, "the request must be a JSON object");
    find_frame(g);
    TRY(g->out->dialect == DIALECT_TEI ? read_tei(g, tree) : read_openai(g, tree));
    TRY(read_inputs(g, json_object_get(tree, g->input_key)));
out:
    return rc;
}

int embed_request_read(struct embed_request *out, enum dialect dialect, struct str body,
                       const struct embedder *e, size_t reply_bytes, struct arena *mem,
                       struct refusal *why)
{
    int rc = ERR_OK;
    json_t *tree = NULL;
    struct embed_request read = {.dialect = dialect};
    struct reading g = {.out = &read,
                        .e = e,
                        .info = embedder_info(e),
                        .reply_bytes = reply_bytes,
                        .mem = mem,
                        .prefix = ""};

    TRY(json_parse(&tree, body, "the request"));
    TRY(read_all(&g, tree));
    *out = read;
out:
    if (rc < 0)
        *why = (struct refusal){.status = g.status ? g.status : http_status_of(rc),
                                .code = g.code ? g.code : err_name(rc),
                                .param = g.param};
    json_decref(tree);
    mem_free(g.tokens.v);
    buf_done(&g.text);
    return rc;
}
