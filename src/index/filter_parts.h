/* filter_parts.h - what the two parsers of filters share.
 *
 * Threads  confined.
 */
#pragma once
#include "index/filter.h"

struct filter_parse {
    struct arena *mem;
    size_t n_nodes;
};

/* A node of the tree; ERR_ARGUMENT over FILTER_NODES_MAX. */
int filter_node(struct filter_parse *p, enum filter_op op, struct filter **out);

/* A comparison with room for n values, which the caller fills and then has checked: lists not
 * empty nor too long, an order only for what has one, built-in fields with their type. */
int filter_comparison(struct filter_parse *p, struct str field, enum filter_op op, size_t n_values,
                      struct filter **out);
int filter_check(struct filter *f);

/* AND or OR over children; one child stands for itself. */
int filter_join(struct filter_parse *p, enum filter_op op, struct filter **children, size_t n,
                struct filter **out);

/* A string is a date when it reads as one. */
struct value filter_string(struct str s);

bool filter_parse_date(struct str s, double *ms);

/* "eq", "lt", ... for comparisons. */
const char *filter_op_name(enum filter_op op);
