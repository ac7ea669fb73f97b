#include "server/compat.h"

#include "base/jsonw.h"
#include "server/http.h"

#define IGNORED_NAME_BYTES 64

enum dialect dialect_of_path(struct str path)
{
    if (str_eq(path, STR_LIT("/v1/rerank")) || str_eq(path, STR_LIT("/v2/rerank")))
        return DIALECT_COHERE;
    if (str_starts(path, STR_LIT("/v1/")))
        return DIALECT_OPENAI;
    if (str_eq(path, STR_LIT("/embed")) || str_eq(path, STR_LIT("/rerank")))
        return DIALECT_TEI;
    return DIALECT_RAGD;
}

static const char *openai_type(int status)
{
    switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

/* The members of an object that is open. */
static void write_openai_members(struct jsonw *w, const struct refusal *why)
{
    jsonw_key(w, "error"), jsonw_open(w, '{');
    jsonw_key(w, "message"), jsonw_str(w, why->detail);
    jsonw_key(w, "type"), jsonw_cstr(w, openai_type(why->status));
    jsonw_key(w, "param"), jsonw_cstr(w, why->param);
    jsonw_key(w, "code"), jsonw_cstr(w, why->code);
    jsonw_close(w, '}');
}

static void write_openai(struct jsonw *w, const struct refusal *why)
{
    jsonw_open(w, '{');
    write_openai_members(w, why);
    jsonw_close(w, '}');
}

/* Cohere's clients read the message; others that speak its form under /v1 read OpenAI's error. */
static void write_cohere(struct jsonw *w, const struct refusal *why)
{
    jsonw_open(w, '{');
    jsonw_key(w, "message"), jsonw_str(w, why->detail);
    write_openai_members(w, why);
    jsonw_close(w, '}');
}

/* Its words are few: Empty, Validation, Overloaded, Backend. */
static const char *tei_type(const struct refusal *why)
{
    if (strcmp(why->code, "empty") == 0)
        return "Empty";
    if (why->status == 429 || why->status == 503)
        return "Overloaded";
    return why->status >= 500 ? "Backend" : "Validation";
}

static void write_tei(struct jsonw *w, const struct refusal *why)
{
    jsonw_open(w, '{');
    jsonw_key(w, "error"), jsonw_str(w, why->detail);
    jsonw_key(w, "error_type"), jsonw_cstr(w, tei_type(why));
    jsonw_close(w, '}');
}

const char *refusal_write(struct buf *out, enum dialect d, const struct refusal *why)
{
    struct jsonw w = jsonw_to(out);

    switch (d) {
    case DIALECT_OPENAI: write_openai(&w, why); return "application/json";
    case DIALECT_TEI: write_tei(&w, why); return "application/json";
    case DIALECT_COHERE: write_cohere(&w, why); return "application/json";
    default: http_problem(out, why->status, why->code, why->detail);
    }
    return "application/problem+json";
}

/* ---- members that nobody reads ---- */

static bool is_known(const char *key, const char *const *known)
{
    while (*known && strcmp(*known, key) != 0)
        known++;
    return *known != NULL;
}

static void add_name(struct buf *out, const char *key)
{
    size_t n = strnlen(key, IGNORED_NAME_BYTES);

    if (out->n)
        buf_add_str(out, ", ");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)key[i];

        buf_add_char(out, c > 0x20 && c < 0x7f && c != ',' ? (char)c : '?');
    }
}

const char *ignored_members(const json_t *obj, const char *const *known, struct arena *mem)
{
    struct buf names = {0};
    const char *key, *copy;
    size_t n = 0;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)obj, key, v) {
        if (is_known(key, known))
            continue;
        if (n++ < IGNORED_NAMES_MAX)
            add_name(&names, key);
    }
    if (n > IGNORED_NAMES_MAX)
        buf_add_str(&names, ", ...");
    copy = arena_strndup(mem, buf_view(&names).p, names.n);
    buf_done(&names);
    return copy;
}
