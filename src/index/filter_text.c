/* Filters of the command line: document_type=policy and year>=2020 (grammar in filter.h).
 *
 * One token is looked at; each rule of the grammar is one function.
 */
#include "index/filter.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "index/filter_parts.h"

enum token {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_QUOTED,
    TOKEN_SIGN,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA
};

struct scan {
    struct filter_parse p;
    struct str text;
    size_t at;   /* behind the token */
    size_t from; /* where the token begins, for messages */
    enum token token;
    struct str s;      /* WORD; QUOTED without its quotes */
    enum filter_op op; /* SIGN */
    int depth;
};

static int wanted(const struct scan *s, const char *what)
{
    struct str rest;

    if (s->token == TOKEN_END)
        return FAIL(ERR_ARGUMENT, "filter: %s is missing at the end", what);
    rest = str_sub(s->text, s->from, s->text.n);
    if (rest.n > 20)
        rest.n = utf8_floor(rest.p, rest.n, 20);
    return FAIL(ERR_ARGUMENT, "filter, character %zu: %s is wanted, not '%.*s'", s->from + 1, what,
                STR_ARGS(rest));
}

/* ---- tokens ---- */

static bool ends_word(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || strchr("()=!<>,\"'", c) != NULL;
}

/* "say \"no\"": a backslash before a quote or a backslash takes it as it is. */
static int next_quoted(struct scan *s)
{
    char quote = s->text.p[s->at++];
    char *out = arena_alloc(s->p.mem, s->text.n - s->at + 1);
    size_t n = 0;

    for (; s->at < s->text.n && s->text.p[s->at] != quote; s->at++) {
        char next = s->at + 1 < s->text.n ? s->text.p[s->at + 1] : 0;

        if (s->text.p[s->at] == '\\' && (next == quote || next == '\\'))
            s->at++;
        out[n++] = s->text.p[s->at];
    }
    if (s->at == s->text.n)
        return FAIL(ERR_ARGUMENT, "filter, character %zu: this quote has no end", s->from + 1);
    s->at++;
    out[n] = '\0';
    s->token = TOKEN_QUOTED;
    s->s = (struct str){out, n};
    return ERR_OK;
}

static int next_sign(struct scan *s)
{
    char c = s->text.p[s->at++];
    bool equal = s->at < s->text.n && s->text.p[s->at] == '=';

    if (c == '!' && !equal)
        return FAIL(ERR_ARGUMENT, "filter, character %zu: '!=' is wanted, or 'not'", s->from + 1);
    s->at += equal; /* "==" is "=" */
    s->token = TOKEN_SIGN;
    s->op = c == '='   ? FILTER_EQ
            : c == '!' ? FILTER_NE
            : c == '<' ? (equal ? FILTER_LTE : FILTER_LT)
                       : (equal ? FILTER_GTE : FILTER_GT);
    return ERR_OK;
}

static int next(struct scan *s)
{
    struct str t = s->text;

    while (s->at < t.n &&
           (t.p[s->at] == ' ' || t.p[s->at] == '\t' || t.p[s->at] == '\n' || t.p[s->at] == '\r'))
        s->at++;
    s->from = s->at;
    s->s = (struct str){"", 0};
    if (s->at == t.n) {
        s->token = TOKEN_END;
        return ERR_OK;
    }
    switch (t.p[s->at]) {
    case '(': s->token = TOKEN_OPEN; break;
    case ')': s->token = TOKEN_CLOSE; break;
    case ',': s->token = TOKEN_COMMA; break;
    case '=':
    case '!':
    case '<':
    case '>': return next_sign(s);
    case '"':
    case '\'': return next_quoted(s);
    default:
        while (s->at < t.n && !ends_word(t.p[s->at]))
            s->at++;
        s->token = TOKEN_WORD;
        s->s = str_sub(t, s->from, s->at);
        return ERR_OK;
    }
    s->at++;
    return ERR_OK;
}

static bool is_keyword(const struct scan *s, const char *word)
{
    return s->token == TOKEN_WORD && str_eq_nocase(s->s, str_of(word));
}

/* ---- values ---- */

static bool parse_number(struct str s, struct arena *mem, double *out)
{
    const char *text = arena_strndup(mem, s.p, s.n);
    char *end;

    if (!strchr("-+.0123456789", text[0]) || strpbrk(text, "xXnN"))
        return false; /* strtod takes 0x10, nan and inf */
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

static int parse_value(struct scan *s, struct value *out)
{
    if (s->token == TOKEN_QUOTED) {
        *out = filter_string(s->s);
        return next(s);
    }
    if (s->token != TOKEN_WORD)
        return wanted(s, "a value");
    *out = (struct value){.type = VALUE_BOOL, .b = str_eq(s->s, STR_LIT("true"))};
    if (out->b || str_eq(s->s, STR_LIT("false")))
        return next(s);
    if (parse_number(s->s, s->p.mem, &out->number))
        out->type = VALUE_NUMBER;
    else
        *out = filter_string((struct str){arena_strndup(s->p.mem, s->s.p, s->s.n), s->s.n});
    return next(s);
}

/* "(a, b)": values in a growing array, which the caller frees. */
static int parse_values(struct scan *s, struct value **v, size_t *n)
{
    int rc = ERR_OK;
    size_t cap = 0;

    if (s->token != TOKEN_OPEN)
        return wanted(s, "'(' and a list of values");
    do {
        if (*n == FILTER_IN_MAX)
            return FAIL(ERR_ARGUMENT, "filter, character %zu: more than %d values", s->from + 1,
                        FILTER_IN_MAX);
        TRY(next(s));
        *v = mem_grow(*v, &cap, *n + 1, sizeof **v);
        TRY(parse_value(s, &(*v)[*n]));
        ++*n;
    } while (s->token == TOKEN_COMMA);
    if (s->token != TOKEN_CLOSE)
        return wanted(s, "',' or ')'");
    TRY(next(s));
out:
    return rc;
}

/* ---- the grammar ---- */

static int parse_expression(struct scan *s, struct filter **out);

static int compare_with(struct scan *s, struct str field, enum filter_op op,
                        const struct value *values, size_t n, struct filter **out)
{
    int rc = ERR_OK;

    TRY(filter_comparison(&s->p, field, op, n, out));
    memcpy((*out)->values, values, n * sizeof *values);
    TRY(filter_check(*out));
out:
    return rc;
}

static int parse_in(struct scan *s, struct str field, enum filter_op op, struct filter **out)
{
    int rc = ERR_OK;
    struct value *values = NULL;
    size_t n = 0;

    TRY(next(s));
    TRY(parse_values(s, &values, &n));
    TRY(compare_with(s, field, op, values, n, out));
out:
    mem_free(values);
    return rc;
}

static int parse_comparison(struct scan *s, struct filter **out)
{
    int rc = ERR_OK;
    struct str field = s->s;
    bool negated = false;
    enum filter_op op;
    struct value v;

    if (s->token != TOKEN_WORD && s->token != TOKEN_QUOTED)
        return wanted(s, "the name of a field");
    TRY(next(s));
    if (s->token == TOKEN_SIGN) {
        op = s->op;
        TRY(next(s));
        TRY(parse_value(s, &v));
        return compare_with(s, field, op, &v, 1, out);
    }
    if (is_keyword(s, "not")) {
        negated = true;
        TRY(next(s));
    }
    if (is_keyword(s, "in"))
        return parse_in(s, field, negated ? FILTER_NIN : FILTER_IN, out);
    if (!is_keyword(s, "exists"))
        return wanted(s, negated ? "'in' or 'exists'" : "one of = != < <= > >= in exists");
    TRY(next(s));
    v = (struct value){.type = VALUE_BOOL, .b = !negated};
    return compare_with(s, field, FILTER_EXISTS, &v, 1, out);
out:
    return rc;
}

static int parse_factor(struct scan *s, struct filter **out)
{
    int rc = ERR_OK;
    struct filter *child = NULL;

    if (++s->depth > FILTER_DEPTH_MAX)
        return FAIL(ERR_ARGUMENT, "the filter is more than %d deep", FILTER_DEPTH_MAX);
    if (is_keyword(s, "not")) {
        TRY(next(s));
        TRY(parse_factor(s, &child));
        TRY(filter_node(&s->p, FILTER_NOT, out));
        (*out)->children = arena_dup(s->p.mem, &child, sizeof child);
        (*out)->n_children = 1;
    } else if (s->token == TOKEN_OPEN) {
        TRY(next(s));
        TRY(parse_expression(s, out));
        if (s->token != TOKEN_CLOSE)
            return wanted(s, "')'");
        TRY(next(s));
    } else {
        TRY(parse_comparison(s, out));
    }
    s->depth--;
out:
    return rc;
}

/* Operands of `word` joined by `op`. */
static int parse_joined(struct scan *s, const char *word, enum filter_op op,
                        int (*operand)(struct scan *, struct filter **), struct filter **out)
{
    int rc = ERR_OK;
    struct filter **parts = NULL;
    size_t n = 0, cap = 0;

    for (;;) {
        parts = mem_grow(parts, &cap, n + 1, sizeof *parts);
        TRY(operand(s, &parts[n++]));
        if (!is_keyword(s, word))
            break;
        TRY(next(s));
    }
    TRY(filter_join(&s->p, op, parts, n, out));
out:
    mem_free(parts);
    return rc;
}

static int parse_term(struct scan *s, struct filter **out)
{
    return parse_joined(s, "and", FILTER_AND, parse_factor, out);
}

static int parse_expression(struct scan *s, struct filter **out)
{
    return parse_joined(s, "or", FILTER_OR, parse_term, out);
}

int filter_from_text(struct filter **out, struct str text, struct arena *mem)
{
    int rc = ERR_OK;
    struct scan s = {.p = {.mem = mem}, .text = text};
    struct filter *f = NULL;

    if (!utf8_valid(text.p, text.n) || (text.n && memchr(text.p, 0, text.n)))
        return FAIL(ERR_ARGUMENT, "the filter must be UTF-8 without NUL bytes");
    TRY(next(&s));
    if (s.token != TOKEN_END)
        TRY(parse_expression(&s, &f));
    if (s.token != TOKEN_END)
        return wanted(&s, "'and', 'or' or the end");
    *out = f;
out:
    return rc;
}
