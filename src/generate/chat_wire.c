#include "generate/chat_wire.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"

#define TOKENS_MAX 1000000000 /* more than any model reads or writes */
#define REASON_MAX 200        /* bytes of a server's own words in our errors */

/* ---- asking ---- */

static const char *role_name(enum chat_role role)
{
    switch (role) {
    case CHAT_SYSTEM: return "system";
    case CHAT_ASSISTANT: return "assistant";
    default: return "user";
    }
}

void chat_messages_write(const struct chat_message *messages, size_t n, struct buf *out)
{
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(&w, '{');
        jsonw_key(&w, "role"), jsonw_cstr(&w, role_name(messages[i].role));
        jsonw_key(&w, "content"), jsonw_str(&w, messages[i].text);
        jsonw_close(&w, '}');
    }
    jsonw_close(&w, ']');
}

void chat_ask_write(const struct chat_ask *a, struct buf *out)
{
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '{');
    jsonw_key(&w, "model"), jsonw_cstr(&w, a->model);
    jsonw_key(&w, "messages"), jsonw_raw(&w, a->messages);
    if (!isnan(a->temperature))
        jsonw_key(&w, "temperature"), jsonw_real(&w, a->temperature);
    if (a->max_tokens > 0)
        jsonw_key(&w, "max_tokens"), jsonw_int(&w, a->max_tokens);
    jsonw_key(&w, "stream"), jsonw_bool(&w, a->stream);
    if (a->stream) {
        jsonw_key(&w, "stream_options");
        jsonw_open(&w, '{');
        jsonw_key(&w, "include_usage"), jsonw_bool(&w, true);
        jsonw_close(&w, '}');
    }
    jsonw_close(&w, '}');
}

/* ---- reading ---- */

void chat_reply_init(struct chat_reply *r)
{
    memset(r, 0, sizeof *r);
    buf_init(&r->text);
}

void chat_reply_done(struct chat_reply *r)
{
    buf_done(&r->text);
}

/* {"error":{"message":"..."}} or {"error":"..."}; NULL: no words. */
static const char *words_of(const json_t *error)
{
    return json_string_value(json_is_object(error) ? json_object_get(error, "message") : error);
}

void chat_refusal_words(struct str body, struct buf *out)
{
    json_t *root = NULL;
    const char *words = NULL;

    if (json_parse(&root, body, "the refusal") == ERR_OK)
        words = words_of(json_object_get(root, "error"));
    if (words)
        buf_add_str(out, words);
    json_decref(root);
}

static int server_error(const json_t *error)
{
    const char *words = words_of(error);

    return FAIL(ERR_UNAVAILABLE, "the server says in its reply: %.*s", REASON_MAX,
                words ? words : "error");
}

/* The first that is said. */
static void read_model(struct chat_reply *r, const char *name)
{
    if (name && !r->model[0])
        snprintf(r->model, sizeof r->model, "%s", name);
}

static int read_usage(struct chat_reply *r, const json_t *usage)
{
    int rc = ERR_OK;
    int64_t in = 0, out = 0;

    if (!usage || json_is_null(usage))
        return ERR_OK;
    if (!json_is_object(usage))
        return FAIL(ERR_FORMAT, "'usage' must be an object");
    TRY(json_get_int(usage, "prompt_tokens", 0, TOKENS_MAX, &in));
    TRY(json_get_int(usage, "completion_tokens", 0, TOKENS_MAX, &out));
    r->prompt_tokens = (size_t)in;
    r->completion_tokens = (size_t)out;
    r->usage_known = true;
out:
    return rc;
}

static int read_finish(struct chat_reply *r, const json_t *choice)
{
    struct str finish = {0};
    int rc = json_get_str(choice, "finish_reason", &finish);

    if (rc < 0 || finish.n == 0)
        return rc;
    if (finish.n >= sizeof r->finish)
        return FAIL(ERR_FORMAT, "'finish_reason' has %zu bytes", finish.n);
    snprintf(r->finish, sizeof r->finish, "%.*s", STR_ARGS(finish));
    return ERR_OK;
}

/* `part` is "delta" or "message". */
static int read_choice(struct chat_reply *r, const json_t *choice, const char *part)
{
    const json_t *said = json_object_get(choice, part);
    struct str content = {0};
    int rc = ERR_OK;

    if (!json_is_object(choice))
        return FAIL(ERR_FORMAT, "'choices' must hold objects");
    if (!json_is_object(said))
        return FAIL(ERR_FORMAT, "a choice needs an object '%s'", part);
    TRY(json_get_str(said, "content", &content));
    TRY(read_finish(r, choice));
    if (content.n)
        buf_add_view(&r->text, content);
out:
    return rc;
}

static int read_parsed(struct chat_reply *r, const json_t *root, const char *part, bool need_choice)
{
    const json_t *error = json_object_get(root, "error");
    const json_t *choices = json_object_get(root, "choices");
    int rc = ERR_OK;

    if (!json_is_object(root))
        return FAIL(ERR_FORMAT, "it must be an object");
    if (error && !json_is_null(error))
        return server_error(error);
    if (!json_is_array(choices))
        return FAIL(ERR_FORMAT, "it needs a list 'choices'");
    if (need_choice && json_array_size(choices) == 0)
        return FAIL(ERR_FORMAT, "'choices' is empty");
    if (json_array_size(choices) > 0)
        TRY(read_choice(r, json_array_get(choices, 0), part));
    TRY(read_usage(r, json_object_get(root, "usage")));
    read_model(r, json_string_value(json_object_get(root, "model")));
out:
    return rc;
}

static int read_json(struct chat_reply *r, struct str text, const char *part, bool need_choice)
{
    json_t *root = NULL;
    int rc = json_parse(&root, text, "the model's reply");

    if (rc < 0)
        return rc;
    rc = read_parsed(r, root, part, need_choice);
    json_decref(root);
    if (rc == ERR_FORMAT || rc == ERR_ARGUMENT)
        rc = err_context(ERR_FORMAT, "the model's reply");
    return rc;
}

int chat_reply_chunk(struct chat_reply *r, struct str data)
{
    if (str_eq(str_trim(data), STR_LIT("[DONE]"))) {
        r->done = true;
        return ERR_OK;
    }
    return read_json(r, data, "delta", false);
}

int chat_reply_whole(struct chat_reply *r, struct str body)
{
    return read_json(r, body, "message", true);
}
