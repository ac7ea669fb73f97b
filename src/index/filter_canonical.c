/* One text for equal filters.
 *
 * `not` is moved down to the comparisons, where it becomes their contrary, or stays before an
 * order (a missing field makes both x<1 and x>=1 false, so `not x<1` has no other form). Nested
 * ands and ors become one; children and lists are sorted and told once; a list of one value is an
 * equality; a date is its time. The text is JSON and parses to an equal filter.
 */
#include "index/filter.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "index/filter_parts.h"

struct texts {
    const char **v;
    size_t n, cap;
};

static void add(struct texts *t, const char *s)
{
    t->v = mem_grow(t->v, &t->cap, t->n + 1, sizeof *t->v);
    t->v[t->n++] = s;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_once(struct texts *t)
{
    size_t n = 0;

    if (t->n)
        qsort(t->v, t->n, sizeof *t->v, by_text);
    for (size_t i = 0; i < t->n; i++)
        if (n == 0 || strcmp(t->v[i], t->v[n - 1]) != 0)
            t->v[n++] = t->v[i];
    t->n = n;
}

/* "a,b,c" */
static void add_list(struct buf *out, const struct texts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (i)
            buf_add_char(out, ',');
        buf_add_str(out, t->v[i]);
    }
}

static const char *keep(struct buf *b, struct arena *mem)
{
    const char *s = arena_strndup(mem, b->p, b->n);

    buf_done(b);
    return s;
}

static const char *value_text(const struct value *v, struct arena *mem)
{
    char iso[CLOCK_ISO_BYTES];
    struct buf b;

    buf_init(&b);
    switch (v->type) {
    case VALUE_STRING: jsonw_string(&b, v->s); break;
    case VALUE_NUMBER: buf_addf(&b, "%.17g", v->number == 0 ? 0 : v->number); break;
    case VALUE_DATE:
        clock_iso((int64_t)v->number, iso);
        jsonw_string(&b, str_of(iso));
        break;
    case VALUE_BOOL: buf_add_str(&b, v->b ? "true" : "false"); break;
    }
    return keep(&b, mem);
}

/* The comparison that is true where this one is false; the same where there is none. */
static enum filter_op contrary(enum filter_op op)
{
    switch (op) {
    case FILTER_EQ: return FILTER_NE;
    case FILTER_NE: return FILTER_EQ;
    case FILTER_IN: return FILTER_NIN;
    case FILTER_NIN: return FILTER_IN;
    default: return op;
    }
}

static const char *comparison_text(const struct filter *f, bool negated, struct arena *mem)
{
    enum filter_op op = negated ? contrary(f->op) : f->op;
    bool wrapped = negated && op == f->op && op != FILTER_EXISTS;
    struct texts values = {0};
    struct buf b;

    for (size_t i = 0; i < f->n_values; i++) {
        struct value v = f->values[i];

        if (op == FILTER_EXISTS)
            v.b = v.b != negated;
        add(&values, value_text(&v, mem));
    }
    sort_once(&values);
    if (values.n == 1 && op == FILTER_IN)
        op = FILTER_EQ;
    if (values.n == 1 && op == FILTER_NIN)
        op = FILTER_NE;
    buf_init(&b);
    buf_add_str(&b, wrapped ? "{\"not\":{" : "{");
    jsonw_string(&b, f->field);
    buf_addf(&b, ":{\"%s\":", filter_op_name(op));
    buf_add_str(&b, op == FILTER_IN || op == FILTER_NIN ? "[" : "");
    add_list(&b, &values);
    buf_add_str(&b, op == FILTER_IN || op == FILTER_NIN ? "]" : "");
    buf_add_str(&b, wrapped ? "}}}" : "}}");
    mem_free(values.v);
    return keep(&b, mem);
}

static const char *text_of(const struct filter *f, bool negated, struct arena *mem);

/* The texts of what an `op` joins, through any depth of the same. */
static void collect(const struct filter *f, bool negated, enum filter_op op, struct texts *out,
                    struct arena *mem)
{
    enum filter_op mine = f->op;

    if (f->op == FILTER_NOT) {
        collect(f->children[0], !negated, op, out, mem);
        return;
    }
    if (negated && (mine == FILTER_AND || mine == FILTER_OR))
        mine = mine == FILTER_AND ? FILTER_OR : FILTER_AND;
    if (mine != op) {
        add(out, text_of(f, negated, mem));
        return;
    }
    for (size_t i = 0; i < f->n_children; i++)
        collect(f->children[i], negated, op, out, mem);
}

static const char *text_of(const struct filter *f, bool negated, struct arena *mem)
{
    enum filter_op op = f->op;
    struct texts parts = {0};
    const char *text;
    struct buf b;

    if (op == FILTER_NOT)
        return text_of(f->children[0], !negated, mem);
    if (op != FILTER_AND && op != FILTER_OR)
        return comparison_text(f, negated, mem);
    if (negated)
        op = op == FILTER_AND ? FILTER_OR : FILTER_AND;
    collect(f, negated, op, &parts, mem);
    sort_once(&parts);
    text = parts.v[0];
    if (parts.n > 1) {
        buf_init(&b);
        buf_addf(&b, "{\"%s\":[", filter_op_name(op));
        add_list(&b, &parts);
        buf_add_str(&b, "]}");
        text = keep(&b, mem);
    }
    mem_free(parts.v);
    return text;
}

const char *filter_canonical(const struct filter *f, struct arena *mem)
{
    return f ? text_of(f, false, mem) : "";
}
