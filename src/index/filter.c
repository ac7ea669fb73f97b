#include "index/filter.h"

#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "index/filter_parts.h"

/* ---- building the tree ---- */

static const char *const op_names[] = {
    [FILTER_AND] = "and", [FILTER_OR] = "or", [FILTER_NOT] = "not", [FILTER_EQ] = "eq",
    [FILTER_NE] = "ne",   [FILTER_LT] = "lt", [FILTER_LTE] = "lte", [FILTER_GT] = "gt",
    [FILTER_GTE] = "gte", [FILTER_IN] = "in", [FILTER_NIN] = "nin", [FILTER_EXISTS] = "exists",
};

const char *filter_op_name(enum filter_op op)
{
    return op_names[op];
}

int filter_node(struct filter_parse *p, enum filter_op op, struct filter **out)
{
    if (++p->n_nodes > FILTER_NODES_MAX)
        return FAIL(ERR_ARGUMENT, "the filter has more than %d conditions", FILTER_NODES_MAX);
    *out = ARENA_NEW(p->mem, struct filter);
    (*out)->op = op;
    return ERR_OK;
}

int filter_comparison(struct filter_parse *p, struct str field, enum filter_op op, size_t n_values,
                      struct filter **out)
{
    int rc = ERR_OK;

    if (field.n == 0)
        return FAIL(ERR_ARGUMENT, "the filter names an empty field");
    if (str_eq(field, STR_LIT("and")) || str_eq(field, STR_LIT("or")) ||
        str_eq(field, STR_LIT("not")))
        return FAIL(ERR_ARGUMENT, "'%.*s' joins conditions and is no field", STR_ARGS(field));
    if (n_values == 0 || n_values > FILTER_IN_MAX)
        return FAIL(ERR_ARGUMENT, "field '%.*s': a list of %zu values; 1 to %d are possible",
                    STR_ARGS(field), n_values, FILTER_IN_MAX);
    TRY(filter_node(p, op, out));
    (*out)->field = (struct str){arena_strndup(p->mem, field.p, field.n), field.n};
    (*out)->values = ARENA_ARRAY(p->mem, struct value, n_values);
    (*out)->n_values = n_values;
out:
    return rc;
}

const struct filter *filter_both(const struct filter *a, const struct filter *b, struct arena *mem)
{
    struct filter *both;

    if (!a || !b)
        return a ? a : b;
    both = ARENA_NEW(mem, struct filter);
    both->op = FILTER_AND;
    both->children = ARENA_ARRAY(mem, struct filter *, 2);
    both->children[0] = (struct filter *)(uintptr_t)a;
    both->children[1] = (struct filter *)(uintptr_t)b;
    both->n_children = 2;
    return both;
}

int filter_join(struct filter_parse *p, enum filter_op op, struct filter **children, size_t n,
                struct filter **out)
{
    int rc = ERR_OK;

    CHECK(n > 0);
    if (n == 1) {
        *out = children[0];
        return ERR_OK;
    }
    TRY(filter_node(p, op, out));
    (*out)->children = arena_dup(p->mem, children, n * sizeof *children);
    (*out)->n_children = n;
out:
    return rc;
}

bool filter_parse_date(struct str s, double *ms)
{
    int64_t at;

    /* cheap first: failing to parse writes an error text */
    if (s.n < 10 || s.p[4] != '-' || s.p[7] != '-' || clock_parse_iso(s.p, s.n, &at) < 0)
        return false;
    *ms = (double)at;
    return true;
}

struct value filter_string(struct str s)
{
    struct value v = {.type = VALUE_STRING, .s = s};

    if (filter_parse_date(s, &v.number))
        v.type = VALUE_DATE;
    return v;
}

/* ---- built-in fields ---- */

enum builtin {
    NOT_BUILTIN,
    BUILTIN_KIND,
    BUILTIN_DOCUMENT,
    BUILTIN_TITLE,
    BUILTIN_PAGE,
    BUILTIN_INGESTED
};

static enum builtin builtin_of(struct str field)
{
    static const char *const names[] = {"_kind", "_document", "_title", "_page", "_ingested"};

    for (int i = 0; i < 5 && field.n && field.p[0] == '_'; i++)
        if (str_eq(field, str_of(names[i])))
            return (enum builtin)(i + 1);
    return NOT_BUILTIN;
}

bool filter_is_builtin(struct str field)
{
    return builtin_of(field) != NOT_BUILTIN;
}

static int check_builtin(const struct filter *f, struct value *v)
{
    switch (builtin_of(f->field)) {
    case NOT_BUILTIN: return ERR_OK;
    case BUILTIN_KIND:
    case BUILTIN_DOCUMENT:
    case BUILTIN_TITLE:
        if (v->type == VALUE_DATE)
            v->type = VALUE_STRING; /* a document may be called 2020-01-01 */
        if (v->type != VALUE_STRING)
            return FAIL(ERR_ARGUMENT, "field '%.*s' compares with a string", STR_ARGS(f->field));
        return ERR_OK;
    case BUILTIN_PAGE:
        if (v->type != VALUE_NUMBER)
            return FAIL(ERR_ARGUMENT, "field '_page' compares with a number");
        return ERR_OK;
    case BUILTIN_INGESTED:
        if (v->type != VALUE_DATE)
            return FAIL(ERR_ARGUMENT, "field '_ingested' compares with a date, as 2026-01-31");
        return ERR_OK;
    }
    return ERR_OK;
}

static bool is_order(enum filter_op op)
{
    return op == FILTER_LT || op == FILTER_LTE || op == FILTER_GT || op == FILTER_GTE;
}

int filter_check(struct filter *f)
{
    int rc = ERR_OK;

    for (size_t i = 0; i < f->n_values && f->op != FILTER_EXISTS; i++) {
        struct value *v = &f->values[i];

        if (is_order(f->op) && v->type == VALUE_BOOL)
            return FAIL(ERR_ARGUMENT, "field '%.*s': true and false have no order; use eq or ne",
                        STR_ARGS(f->field));
        TRY(check_builtin(f, v));
    }
out:
    return rc;
}

/* ---- the plain truth ---- */

bool filter_is_negative(const struct filter *f)
{
    return f->op == FILTER_NE || f->op == FILTER_NIN || (f->op == FILTER_EXISTS && !f->values[0].b);
}

static int compare_numbers(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int compare_strings(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    return c ? c : compare_numbers((double)a.n, (double)b.n);
}

/* False when the two are of kinds that do not compare. */
static bool compare(const struct value *have, const struct value *want, int *order)
{
    double ms;

    if (want->type == VALUE_DATE) {
        if (have->type == VALUE_STRING ? !filter_parse_date(have->s, &ms)
                                       : have->type != VALUE_DATE)
            return false;
        *order = compare_numbers(have->type == VALUE_DATE ? have->number : ms, want->number);
        return true;
    }
    if (have->type != want->type)
        return false;
    switch (want->type) {
    case VALUE_STRING: *order = compare_strings(have->s, want->s); return true;
    case VALUE_NUMBER: *order = compare_numbers(have->number, want->number); return true;
    default: *order = have->b != want->b; return true;
    }
}

bool filter_value_passes(const struct filter *f, const struct value *v)
{
    int order;

    for (size_t i = 0; i < f->n_values; i++) {
        if (!compare(v, &f->values[i], &order))
            continue;
        switch (f->op) {
        case FILTER_LT: return order < 0;
        case FILTER_LTE: return order <= 0;
        case FILTER_GT: return order > 0;
        case FILTER_GTE: return order >= 0;
        default:
            if (order == 0)
                return true;
        }
    }
    return false;
}

/* Whether a value, or an element of it, passes; for exists, whether there is one. */
static bool any_passes(const struct filter *f, const json_t *v)
{
    struct value have = {0};
    size_t i;
    json_t *element;

    switch (json_typeof(v)) {
    case JSON_ARRAY:
        json_array_foreach((json_t *)v, i, element)
            if (any_passes(f, element))
                return true;
        return false;
    case JSON_STRING: have.s = (struct str){json_string_value(v), json_string_length(v)}; break;
    case JSON_INTEGER:
    case JSON_REAL:
        have.type = VALUE_NUMBER;
        have.number = json_number_value(v);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        have.type = VALUE_BOOL;
        have.b = json_is_true(v);
        break;
    default: return false; /* null, and an object is not a value */
    }
    return f->op == FILTER_EXISTS || filter_value_passes(f, &have);
}

/* "a.b" is the member b of a, and also a member whose name is "a.b". */
static bool field_passes(const struct filter *f, const json_t *v, struct str field)
{
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_array(v)) {
        json_array_foreach((json_t *)v, i, member)
            if (field_passes(f, member, field))
                return true;
        return false;
    }
    json_object_foreach((json_t *)v, key, member) {
        struct str name = str_of(key);

        if (str_eq(name, field) && any_passes(f, member))
            return true;
        if (field.n > name.n && field.p[name.n] == '.' && str_starts(field, name) &&
            field_passes(f, member, str_sub(field, name.n + 1, field.n)))
            return true;
    }
    return false;
}

static bool builtin_passes(const struct filter *f, enum builtin which,
                           const struct filter_builtin *b)
{
    struct value v = {.type = VALUE_STRING};

    switch (which) {
    case BUILTIN_KIND: v.s = str_of(b->kind); break;
    case BUILTIN_DOCUMENT: v.s = b->document; break;
    case BUILTIN_TITLE: v.s = b->title; break;
    case BUILTIN_PAGE:
        if (b->page == 0)
            return false; /* the format has none */
        v.type = VALUE_NUMBER;
        v.number = b->page;
        break;
    default: v.type = VALUE_DATE; v.number = (double)b->ingested_ms;
    }
    return f->op == FILTER_EXISTS || filter_value_passes(f, &v);
}

static bool comparison_matches(const struct filter *f, const json_t *metadata,
                               const struct filter_builtin *builtin)
{
    enum builtin which = builtin_of(f->field);
    bool any = which ? builtin && builtin_passes(f, which, builtin)
                     : metadata && field_passes(f, metadata, f->field);

    return any != filter_is_negative(f);
}

bool filter_matches(const struct filter *f, const json_t *metadata,
                    const struct filter_builtin *builtin)
{
    if (!f)
        return true;
    switch (f->op) {
    case FILTER_AND:
        for (size_t i = 0; i < f->n_children; i++)
            if (!filter_matches(f->children[i], metadata, builtin))
                return false;
        return true;
    case FILTER_OR:
        for (size_t i = 0; i < f->n_children; i++)
            if (filter_matches(f->children[i], metadata, builtin))
                return true;
        return false;
    case FILTER_NOT: return !filter_matches(f->children[0], metadata, builtin);
    default: return comparison_matches(f, metadata, builtin);
    }
}

bool filter_names(const struct filter *f, struct str field)
{
    if (!f)
        return false;
    for (size_t i = 0; i < f->n_children; i++)
        if (filter_names(f->children[i], field))
            return true;
    return f->n_children == 0 && str_eq(f->field, field);
}
