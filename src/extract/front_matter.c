#include "extract/front_matter.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"

/* Takes the next line off *rest, without its end. False at the end. */
static bool next_line(struct str *rest, struct str *line)
{
    const char *lf;

    if (rest->n == 0)
        return false;
    lf = memchr(rest->p, '\n', rest->n);
    *line = str_sub(*rest, 0, lf ? (size_t)(lf - rest->p) : rest->n);
    *rest = str_sub(*rest, line->n + (lf ? 1 : 0), rest->n);
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

static bool is_fence(struct str line, const char *fence)
{
    line = str_trim(line);
    return str_eq(line, str_of(fence));
}

static json_t *string_of(struct str s)
{
    return json_stringn(s.p, s.n); /* NULL when not UTF-8; the member is then left out */
}

/* "a \"b\"" with JSON's escapes, 'it''s' with doubled quotes. */
static json_t *quoted(struct str s)
{
    char quote = s.p[0];
    json_t *v = NULL;
    char *made;
    size_t n = 0;

    if (quote == '"')
        v = json_loadb(s.p, s.n, JSON_DECODE_ANY, NULL);
    if (v)
        return v;
    made = malloc(s.n + 1);
    if (!made)
        return NULL;
    for (size_t i = 1; i + 1 < s.n; i++) {
        made[n++] = s.p[i];
        if (quote == '\'' && s.p[i] == '\'' && s.p[i + 1] == '\'')
            i++;
    }
    v = json_stringn(made, n);
    free(made);
    return v;
}

static bool is_quoted(struct str s)
{
    return s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0];
}

/* Digits with sign, point and exponent only: "1e5" and "-3.5", not "0x10", "1_000", "nan" or
 * "007", which people mean as text. */
static json_t *number(struct str s)
{
    char copy[32];
    char *end;
    double f;
    long long i;
    size_t first = s.n && s.p[0] == '-';

    if (s.n == 0 || s.n >= sizeof(copy))
        return NULL;
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    if (strspn(copy, "+-.eE0123456789") < s.n)
        return NULL;
    if (s.n > first + 1 && s.p[first] == '0' && s.p[first + 1] != '.')
        return NULL;
    errno = 0;
    i = strtoll(copy, &end, 10);
    if (*end == '\0' && errno == 0)
        return json_integer(i);
    f = strtod(copy, &end);
    return *end == '\0' && isfinite(f) ? json_real(f) : NULL;
}

static struct str without_comment(struct str s)
{
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] == '#' && (s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
            return str_trim(str_sub(s, 0, i));
    return s;
}

static json_t *scalar(struct str s)
{
    json_t *v;

    s = str_trim(s);
    if (is_quoted(s))
        return quoted(s);
    s = without_comment(s);
    if (is_quoted(s))
        return quoted(s);
    if (str_eq_nocase(s, STR_LIT("true")))
        return json_true();
    if (str_eq_nocase(s, STR_LIT("false")))
        return json_false();
    if (s.n == 0 || str_eq_nocase(s, STR_LIT("null")) || str_eq(s, STR_LIT("~")))
        return json_null();
    v = number(s);
    return v ? v : string_of(s);
}

/* Where the item that begins at `from` ends: at a comma outside quotes. */
static size_t item_end(struct str s, size_t from)
{
    char quote = 0;

    for (size_t i = from; i < s.n; i++) {
        char c = s.p[i];

        if (quote && c == '\\' && quote == '"')
            i++;
        else if (quote && c == quote)
            quote = 0;
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
        else if (!quote && c == ',')
            return i;
    }
    return s.n;
}

static json_t *list(struct str inside)
{
    json_t *v = json_array();

    inside = str_trim(inside);
    for (size_t at = 0; at < inside.n;) {
        size_t end = item_end(inside, at);

        json_array_append_new(v, scalar(str_sub(inside, at, end)));
        at = end + 1;
    }
    return v;
}

static json_t *value(struct str s)
{
    s = str_trim(s);
    if (s.n && s.p[0] == '[') {
        struct str bare = s.p[s.n - 1] == ']' ? s : without_comment(s);

        if (bare.p[bare.n - 1] == ']' && bare.n >= 2)
            return list(str_sub(bare, 1, bare.n - 1));
    }
    return scalar(s);
}

/* "key: value"; the colon needs a blank or the end behind it, so that "12:30" is no key. */
static bool split_key(struct str line, struct str *key, struct str *rest)
{
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] != ':' || (i + 1 < line.n && line.p[i + 1] != ' ' && line.p[i + 1] != '\t'))
            continue;
        *key = str_trim(str_sub(line, 0, i));
        *rest = str_trim(str_sub(line, i + 1, line.n));
        if (is_quoted(*key))
            *key = str_sub(*key, 1, key->n - 1);
        return key->n > 0;
    }
    return false;
}

/* "- item" below "key:" makes the key a list. */
static void add_item(json_t *object, struct str key, struct str item)
{
    json_t *v = json_object_getn(object, key.p, key.n);

    if (!json_is_array(v)) {
        v = json_array();
        json_object_setn_new(object, key.p, key.n, v);
    }
    json_array_append_new(v, scalar(item));
}

static json_t *read_members(struct str block)
{
    json_t *object = json_object();
    struct str line, key = {"", 0}, rest;

    while (next_line(&block, &line) && json_object_size(object) < FRONT_MATTER_KEYS_MAX) {
        struct str trimmed = str_trim(line);
        bool indented = line.n && (line.p[0] == ' ' || line.p[0] == '\t');

        if (trimmed.n == 0 || trimmed.p[0] == '#')
            continue;
        if (str_starts(trimmed, STR_LIT("- ")) && key.n)
            add_item(object, key, str_sub(trimmed, 2, trimmed.n));
        else if (!indented && split_key(line, &key, &rest))
            json_object_setn_new(object, key.p, key.n, value(rest));
    }
    return object;
}

struct str front_matter_read(struct str text, json_t **metadata)
{
    struct str rest = text, line, block;

    *metadata = NULL;
    if (!next_line(&rest, &line) || !is_fence(line, "---") || line.p[0] != '-')
        return text;
    block = rest;
    while (next_line(&rest, &line)) {
        size_t n = (size_t)(line.p - block.p);

        if (n > FRONT_MATTER_MAX)
            return text;
        if (!is_fence(line, "---") && !is_fence(line, "..."))
            continue;
        *metadata = read_members(str_sub(block, 0, n));
        if (json_object_size(*metadata) == 0) {
            json_decref(*metadata);
            *metadata = NULL;
            return text; /* two rulers around prose */
        }
        return rest;
    }
    return text;
}
