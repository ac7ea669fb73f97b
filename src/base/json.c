#include "base/json.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"

/* jansson recurses up to 2048 levels; ours is checked before it starts, in one pass that knows
 * strings and nothing else. */
static int check_depth(struct str text, const char *what)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return FAIL(ERR_LIMIT, "%s: nested deeper than the limit of %d levels", what,
                            JSON_DEPTH_MAX);
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return ERR_OK;
}

static int parse(json_t **out, struct str text, const char *what, size_t flags)
{
    json_error_t e;
    json_t *root;
    size_t valid = utf8_valid_prefix(text.p, text.n);
    int rc;

    if (valid != text.n)
        return FAIL(ERR_FORMAT, "%s: byte %zu is not UTF-8", what, valid);
    rc = check_depth(text, what);
    if (rc < 0)
        return rc;
    flags |= JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    root = json_loadb(text.p, text.n, flags, &e);
    if (!root)
        return FAIL(ERR_FORMAT, "%s: not valid JSON at line %d, column %d: %s", what, e.line,
                    e.column, e.text);
    *out = root;
    return ERR_OK;
}

int json_parse(json_t **out, struct str text, const char *what)
{
    return parse(out, text, what, 0);
}

int json_parse_reals(json_t **out, struct str text, const char *what)
{
    return parse(out, text, what, JSON_DECODE_INT_AS_REAL);
}

static const char *type_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    default: return "null";
    }
}

static const json_t *member(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);

    return v && !json_is_null(v) ? v : NULL;
}

int json_get_str(const json_t *obj, const char *key, struct str *out)
{
    const json_t *v = member(obj, key);

    if (!v)
        return ERR_OK;
    if (!json_is_string(v))
        return FAIL(ERR_ARGUMENT, "'%s' must be a string, not %s", key, type_name(v));
    *out = (struct str){json_string_value(v), json_string_length(v)};
    return ERR_OK;
}

int json_get_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *out)
{
    const json_t *v = member(obj, key);

    if (!v)
        return ERR_OK;
    if (!json_is_integer(v))
        return FAIL(ERR_ARGUMENT, "'%s' must be an integer, not %s", key, type_name(v));
    if (json_integer_value(v) < min || json_integer_value(v) > max)
        return FAIL(ERR_ARGUMENT, "'%s' is %lld; it must be from %lld to %lld", key,
                    (long long)json_integer_value(v), (long long)min, (long long)max);
    *out = json_integer_value(v);
    return ERR_OK;
}

int json_get_real(const json_t *obj, const char *key, double min, double max, double *out)
{
    const json_t *v = member(obj, key);

    if (!v)
        return ERR_OK;
    if (!json_is_number(v))
        return FAIL(ERR_ARGUMENT, "'%s' must be a number, not %s", key, type_name(v));
    if (!(json_number_value(v) >= min && json_number_value(v) <= max))
        return FAIL(ERR_ARGUMENT, "'%s' is %g; it must be from %g to %g", key, json_number_value(v),
                    min, max);
    *out = json_number_value(v);
    return ERR_OK;
}

int json_get_bool(const json_t *obj, const char *key, bool *out)
{
    const json_t *v = member(obj, key);

    if (!v)
        return ERR_OK;
    if (!json_is_boolean(v))
        return FAIL(ERR_ARGUMENT, "'%s' must be true or false, not %s", key, type_name(v));
    *out = json_is_true(v);
    return ERR_OK;
}

int json_only(const json_t *obj, const char *const *known, const char *what)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)obj, key, v) {
        const char *const *k = known;

        while (*k && strcmp(*k, key) != 0)
            k++;
        if (!*k)
            return FAIL(ERR_ARGUMENT, "%s has no member '%s'", what, key);
    }
    return ERR_OK;
}

char *json_canonical(const json_t *v)
{
    char *made = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    char *text = mem_strdup(made ? made : "null");

    free(made);
    return text;
}
