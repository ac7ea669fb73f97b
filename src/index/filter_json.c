/* Filters of requests: {"type":"policy","year":{"gte":2020,"lt":2024},"or":[{...},{...}]}
 *
 * Members of an object are joined by `and`. Errors carry the way to the place: "or[1]: year: ...".
 */
#include "index/filter.h"

#include "base/err.h"
#include "base/mem.h"
#include "index/filter_parts.h"

static int parse_object(struct filter_parse *p, const json_t *v, int depth, struct filter **out);

static int value_of(const json_t *v, struct value *out)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        *out = filter_string((struct str){json_string_value(v), json_string_length(v)});
        return ERR_OK;
    case JSON_INTEGER:
    case JSON_REAL:
        *out = (struct value){.type = VALUE_NUMBER, .number = json_number_value(v)};
        return ERR_OK;
    case JSON_TRUE:
    case JSON_FALSE: *out = (struct value){.type = VALUE_BOOL, .b = json_is_true(v)}; return ERR_OK;
    case JSON_NULL: return FAIL(ERR_ARGUMENT, "null is no value; {\"exists\":false} asks for none");
    case JSON_ARRAY: return FAIL(ERR_ARGUMENT, "a list is no value; {\"in\":[...]} takes one");
    default: return FAIL(ERR_ARGUMENT, "an object is no value");
    }
}

/* The tree outlives the JSON. */
static void own(struct filter *f, struct arena *mem)
{
    for (size_t i = 0; i < f->n_values; i++)
        if (f->values[i].s.n)
            f->values[i].s.p = arena_strndup(mem, f->values[i].s.p, f->values[i].s.n);
}

static int parse_comparison(struct filter_parse *p, struct str field, enum filter_op op,
                            const json_t *v, struct filter **out)
{
    int rc = ERR_OK;
    bool list = op == FILTER_IN || op == FILTER_NIN;
    size_t n = list ? json_array_size(v) : 1;

    if (list && !json_is_array(v))
        return FAIL(ERR_ARGUMENT, "'%s' takes a list of values", filter_op_name(op));
    if (op == FILTER_EXISTS && !json_is_boolean(v))
        return FAIL(ERR_ARGUMENT, "'exists' takes true or false");
    TRY(filter_comparison(p, field, op, n, out));
    for (size_t i = 0; i < n; i++)
        TRY(value_of(list ? json_array_get(v, i) : v, &(*out)->values[i]));
    own(*out, p->mem);
    TRY(filter_check(*out));
out:
    return rc;
}

static int op_of(const char *name, enum filter_op *out)
{
    for (enum filter_op op = FILTER_EQ; op <= FILTER_EXISTS; op++)
        if (strcmp(name, filter_op_name(op)) == 0) {
            *out = op;
            return ERR_OK;
        }
    return FAIL(ERR_ARGUMENT, "unknown operator '%.40s'; one of eq ne lt lte gt gte in nin exists",
                name);
}

/* {"gte":2020,"lt":2024}: all of them. */
static int parse_operators(struct filter_parse *p, struct str field, const json_t *v,
                           struct filter **out)
{
    int rc = ERR_OK;
    struct filter **parts = ARENA_ARRAY(p->mem, struct filter *, json_object_size(v));
    size_t n = 0;
    const char *name;
    json_t *value;

    if (json_object_size(v) == 0)
        return FAIL(ERR_ARGUMENT, "an operator is missing, as in {\"gte\":2020}");
    json_object_foreach((json_t *)v, name, value) {
        enum filter_op op = FILTER_EQ;

        TRY(op_of(name, &op));
        TRY(parse_comparison(p, field, op, value, &parts[n++]));
    }
    TRY(filter_join(p, FILTER_AND, parts, n, out));
out:
    return rc;
}

static int parse_list(struct filter_parse *p, enum filter_op op, const json_t *v, int depth,
                      struct filter **out)
{
    int rc = ERR_OK;
    size_t n = json_array_size(v);
    struct filter **parts;

    if (!json_is_array(v) || n == 0 || n > FILTER_NODES_MAX)
        return FAIL(ERR_ARGUMENT, "'%s' takes a list of 1 to %d filters", filter_op_name(op),
                    FILTER_NODES_MAX);
    parts = ARENA_ARRAY(p->mem, struct filter *, n);
    for (size_t i = 0; i < n; i++) {
        rc = parse_object(p, json_array_get(v, i), depth + 1, &parts[i]);
        if (rc < 0)
            return err_context(rc, "%s[%zu]", filter_op_name(op), i);
    }
    TRY(filter_join(p, op, parts, n, out));
out:
    return rc;
}

static int parse_not(struct filter_parse *p, const json_t *v, int depth, struct filter **out)
{
    int rc = ERR_OK;
    struct filter *child = NULL;

    rc = parse_object(p, v, depth + 1, &child);
    if (rc < 0)
        return err_context(rc, "not");
    TRY(filter_node(p, FILTER_NOT, out));
    (*out)->children = arena_dup(p->mem, &child, sizeof child);
    (*out)->n_children = 1;
out:
    return rc;
}

static int parse_field(struct filter_parse *p, const char *name, const json_t *v,
                       struct filter **out)
{
    int rc = json_is_object(v) ? parse_operators(p, str_of(name), v, out)
                               : parse_comparison(p, str_of(name), FILTER_EQ, v, out);

    return rc < 0 ? err_context(rc, "%.100s", name) : rc;
}

static int parse_member(struct filter_parse *p, const char *name, const json_t *v, int depth,
                        struct filter **out)
{
    if (strcmp(name, "and") == 0)
        return parse_list(p, FILTER_AND, v, depth, out);
    if (strcmp(name, "or") == 0)
        return parse_list(p, FILTER_OR, v, depth, out);
    if (strcmp(name, "not") == 0)
        return parse_not(p, v, depth, out);
    return parse_field(p, name, v, out);
}

static int parse_object(struct filter_parse *p, const json_t *v, int depth, struct filter **out)
{
    int rc = ERR_OK;
    struct filter **parts;
    const char *name;
    json_t *member;
    size_t n = 0;

    if (depth > FILTER_DEPTH_MAX)
        return FAIL(ERR_ARGUMENT, "the filter is more than %d deep", FILTER_DEPTH_MAX);
    if (!json_is_object(v) || json_object_size(v) == 0)
        return FAIL(ERR_ARGUMENT, "a filter is an object with at least one condition, as "
                                  "{\"year\":2020}");
    if (json_object_size(v) > FILTER_NODES_MAX)
        return FAIL(ERR_ARGUMENT, "the filter has more than %d conditions", FILTER_NODES_MAX);
    parts = ARENA_ARRAY(p->mem, struct filter *, json_object_size(v));
    json_object_foreach((json_t *)v, name, member)
        TRY(parse_member(p, name, member, depth, &parts[n++]));
    TRY(filter_join(p, FILTER_AND, parts, n, out));
out:
    return rc;
}

int filter_from_json(struct filter **out, const json_t *v, struct arena *mem)
{
    struct filter_parse p = {.mem = mem};
    struct filter *f = NULL;
    int rc;

    if (!v || json_is_null(v) || (json_is_object(v) && json_object_size(v) == 0)) {
        *out = NULL;
        return ERR_OK;
    }
    rc = parse_object(&p, v, 1, &f);
    if (rc < 0)
        return err_context(rc, "filter");
    *out = f;
    return ERR_OK;
}
