#include "server/chat_request.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/engine.h"
#include "query/query.h"

#define EXTRACTIVE "ragd-extractive"
#define OURS       "ragd"

/* What is being read, and what a refusal would name. */
struct reading {
    const struct engine *e;
    struct arena *mem;
    struct chat_request *out;
    const char *param, *code;
    int status;
};

/* ---- messages ---- */

/* A content is text, or a list of parts of which those of type text count. */
static int read_content(const json_t *content, struct arena *mem, struct str *out)
{
    struct buf text = {0};
    size_t i;
    json_t *part;

    if (json_is_string(content)) {
        *out = (struct str){json_string_value(content), json_string_length(content)};
        return ERR_OK;
    }
    if (!json_is_array(content))
        return FAIL(ERR_ARGUMENT, "the content of a message must be text or a list of parts");
    json_array_foreach(content, i, part) {
        const char *type = json_string_value(json_object_get(part, "type"));
        const json_t *piece = json_object_get(part, "text");

        if (!type || strcmp(type, "text") != 0 || !json_is_string(piece)) {
            buf_done(&text);
            return FAIL(ERR_UNSUPPORTED,
                        "a part of a message is not text, and nothing else is read");
        }
        buf_add(&text, json_string_value(piece), json_string_length(piece));
    }
    *out = (struct str){arena_strndup(mem, text.n ? text.p : "", text.n), text.n};
    buf_done(&text);
    return ERR_OK;
}

static json_t *text_of(struct str s)
{
    return json_stringn(s.p, s.n);
}

static bool is_system(const char *role)
{
    return strcmp(role, "system") == 0 || strcmp(role, "developer") == 0;
}

static int read_message(struct reading *g, const json_t *message, bool last, json_t *history)
{
    const char *role = json_string_value(json_object_get(message, "role"));
    struct str text = {0};
    int rc;

    if (!role)
        return FAIL(ERR_ARGUMENT, "each message needs a 'role' and a 'content'");
    if (is_system(role) && !last)
        return ERR_OK;
    if (strcmp(role, "user") != 0 && (last || strcmp(role, "assistant") != 0))
        return FAIL(ERR_ARGUMENT, last ? "the last message must be the user's: it is the question"
                                       : "a message's role must be system, user or assistant");
    rc = read_content(json_object_get(message, "content"), g->mem, &text);
    if (rc < 0)
        return rc;
    if (last)
        json_object_set_new(g->out->query, "question", text_of(text));
    else
        json_array_append_new(history,
                              json_pack("{s:s,s:o}", "role", role, "content", text_of(text)));
    return ERR_OK;
}

static int read_messages(struct reading *g, const json_t *tree)
{
    int rc = ERR_OK;
    const json_t *list = json_object_get(tree, "messages"), *message;
    json_t *history = json_array();
    size_t i, n = json_array_size(list);

    g->param = "messages";
    if (!json_is_array(list) || n == 0) {
        rc = FAIL(ERR_ARGUMENT, "'messages' must be a list with the question as its last message");
        goto out;
    }
    json_array_foreach(list, i, message)
        TRY(read_message(g, message, i + 1 == n, history));
    if (json_array_size(history))
        json_object_set(g->out->query, "history", history);
out:
    json_decref(history);
    return rc;
}

/* ---- the rest ---- */

static int read_model(struct reading *g, const json_t *tree)
{
    int rc = ERR_OK;
    struct str model = {0};

    g->param = "model";
    TRY(json_get_str(tree, "model", &model));
    if (!model.p || model.n == 0)
        return FAIL(ERR_ARGUMENT, "'model' is required; 'ragd' lets the server choose");
    g->out->model = arena_strndup(g->mem, model.p, model.n);
    if (strcmp(g->out->model, OURS) == 0)
        return ERR_OK;
    if (strcmp(g->out->model, EXTRACTIVE) == 0) {
        json_object_set_new(g->out->query, "answer", json_string("extractive"));
    } else if (g->e->chat_models && chat_models_find(g->e->chat_models, g->out->model) >= 0) {
        json_object_set_new(g->out->query, "model", json_string(g->out->model));
    } else {
        g->code = "model_not_found";
        g->status = 404;
        rc =
            FAIL(ERR_NOT_FOUND, "the model '%.100s' does not exist here; GET /v1/models lists them",
                 g->out->model);
    }
out:
    return rc;
}

/* One answer, and no tools: what OpenAI's clients may ask for and we cannot give. */
static int refuse_others(struct reading *g, const json_t *tree)
{
    int64_t n = 1;
    const json_t *tools = json_object_get(tree, "tools");
    int rc;

    g->param = "n";
    rc = json_get_int(tree, "n", INT64_MIN, INT64_MAX, &n);
    if (rc == ERR_OK && n != 1)
        rc = FAIL(ERR_UNSUPPORTED, "'n' is %lld; there is one answer to a question", (long long)n);
    if (rc < 0)
        return rc;
    g->param = "tools";
    if (tools && !json_is_null(tools) && json_array_size(tools))
        return FAIL(ERR_UNSUPPORTED, "tools are not supported");
    return ERR_OK;
}

static int read_sampling(struct reading *g, const json_t *tree)
{
    static const char *const limits[] = {"max_tokens", "max_completion_tokens"};
    int rc = ERR_OK;
    int64_t n = 0;

    for (size_t i = 0; i < 2; i++) {
        g->param = limits[i];
        TRY(json_get_int(tree, limits[i], 1, QUERY_TOKENS_MAX, &n));
    }
    if (n)
        json_object_set_new(g->out->query, "max_tokens", json_integer(n));
    if (json_is_number(json_object_get(tree, "temperature")))
        json_object_set(g->out->query, "temperature", json_object_get(tree, "temperature"));
    g->param = "stream";
    TRY(json_get_bool(tree, "stream", &g->out->stream));
    g->param = "stream_options";
    if (json_is_object(json_object_get(tree, "stream_options")))
        TRY(json_get_bool(json_object_get(tree, "stream_options"), "include_usage",
                          &g->out->include_usage));
out:
    return rc;
}

/* What /query takes beside; it checks them itself. */
static int read_ours(struct reading *g, const json_t *tree)
{
    const json_t *ours = json_object_get(tree, OURS);

    g->param = OURS;
    if (!ours || json_is_null(ours))
        return ERR_OK;
    if (!json_is_object(ours))
        return FAIL(ERR_ARGUMENT, "'ragd' must be an object with members of /query");
    json_object_update_missing(g->out->query, (json_t *)(uintptr_t)ours);
    return ERR_OK;
}

static int read_all(struct reading *g, const json_t *tree)
{
    static const char *const known[] = {"messages",
                                        "model",
                                        "max_tokens",
                                        "max_completion_tokens",
                                        "temperature",
                                        "stream",
                                        "stream_options",
                                        "n",
                                        "tools",
                                        OURS,
                                        NULL};
    int rc = ERR_OK;

    if (!json_is_object(tree))
        return FAIL(ERR_ARGUMENT, "the request must be a JSON object");
    TRY(read_model(g, tree));
    TRY(read_messages(g, tree));
    TRY(refuse_others(g, tree));
    TRY(read_sampling(g, tree));
    TRY(read_ours(g, tree));
    g->out->ignored = ignored_members(tree, known, g->mem);
out:
    return rc;
}

int chat_request_read(const struct engine *e, const json_t *tree, struct arena *mem,
                      struct chat_request *out, struct refusal *why)
{
    struct reading g = {.e = e, .mem = mem, .out = out, .code = "invalid_request", .status = 400};
    int rc;

    *out = (struct chat_request){.query = json_object(), .ignored = ""};
    rc = read_all(&g, tree);
    if (rc == ERR_OK)
        return rc;
    json_decref(out->query);
    out->query = NULL;
    *why = (struct refusal){g.status, g.code, g.param, str_of(arena_strdup(mem, err_text()))};
    return rc;
}
