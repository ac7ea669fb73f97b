/* filter.h - which documents may answer: typed comparisons over metadata.
 *
 * From JSON ({"year":{"gte":2020},"type":{"in":["a","b"]},"or":[...],"not":{...}}) or from the
 * command line; both become the same tree and the same canonical text:
 *
 *   document_type=policy and (year>=2020 or not region in (eu, "new york")) and owner exists
 *
 *   expression = term { or term }        comparison = field sign value
 *   term       = factor { and factor }              | field [not] in ( value {, value} )
 *   factor     = not factor | ( expression )        | field [not] exists
 *                | comparison            sign       = = != < <= > >=
 *
 * A bare value is a number, true, false, a date or else a string; "quoted" or 'quoted' it is a
 * string or a date.
 *
 * Values   string, number, date (ISO 8601, compared as time), bool. Types are never converted: the
 *          number 2020 is not the string "2020". A string in the metadata that is a date compares
 *          with dates as a time. Strings compare byte by byte.
 * Fields   names as they are written; "a.b" looks inside objects. A list in the metadata matches
 *          when one of its elements does; `ne` and `nin` are the contrary of `eq` and `in`. A
 *          missing field (null, empty list, an object itself) makes every comparison false but
 *          `ne`, `nin` and `exists:false`. Built-in: _kind _document _title _page _ingested.
 *
 * Limits   FILTER_NODES_MAX nodes, FILTER_DEPTH_MAX deep, FILTER_IN_MAX values in a list.
 *          Text and JSON are UTF-8; the text has no NUL.
 * Errors   ERR_ARGUMENT with the place and what would be right.
 * Threads  immutable once parsed (in the arena it was parsed into).
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

#define FILTER_NODES_MAX 256
#define FILTER_DEPTH_MAX 32
#define FILTER_IN_MAX    1000

enum filter_op {
    FILTER_AND,
    FILTER_OR,
    FILTER_NOT, /* children */
    FILTER_EQ,
    FILTER_NE,
    FILTER_LT,
    FILTER_LTE,
    FILTER_GT,
    FILTER_GTE, /* one value */
    FILTER_IN,
    FILTER_NIN,    /* values */
    FILTER_EXISTS, /* one bool */
};

enum value_type { VALUE_STRING, VALUE_NUMBER, VALUE_DATE, VALUE_BOOL };

struct value {
    enum value_type type;
    struct str s;  /* STRING, and DATE as written */
    double number; /* NUMBER; DATE: ms since 1970 */
    bool b;
};

struct filter {
    enum filter_op op;
    struct str field;
    struct value *values;
    size_t n_values;
    struct filter **children;
    size_t n_children;
};

/* An empty or absent filter gives *out = NULL: everything may answer. */
int filter_from_json(struct filter **out, const json_t *v, struct arena *mem);
int filter_from_text(struct filter **out, struct str text, struct arena *mem);

/* Both must pass, whatever they are; NULL for two NULLs. They are borrowed by the result. */
const struct filter *filter_both(const struct filter *a, const struct filter *b, struct arena *mem);

/* Canonical JSON, equal for equal filters; "" for NULL. Part of the question key. */
const char *filter_canonical(const struct filter *f, struct arena *mem);

/* Whether metadata (a JSON object) and built-in fields pass. The plain, slow truth: indexes
 * evaluate columns and are tested against this. */
struct filter_builtin {
    const char *kind; /* "text" or "summary" */
    struct str document, title;
    int page;
    int64_t ingested_ms;
};
bool filter_matches(const struct filter *f, const json_t *metadata,
                    const struct filter_builtin *builtin);

/* Whether one value of the metadata passes a comparison; NE and NIN are asked as EQ and IN. Never
 * called for AND, OR, NOT, EXISTS. */
bool filter_value_passes(const struct filter *comparison, const struct value *v);

/* NE, NIN and exists:false: true where nothing passes the comparison. */
bool filter_is_negative(const struct filter *comparison);

/* Whether a comparison of this field is in it; NULL has none. */
bool filter_names(const struct filter *f, struct str field);

/* The built-in fields, for those who lay metadata out. */
bool filter_is_builtin(struct str field);
