/* json.h - reads JSON with bounds, and says what was wrong with it.
 *
 * A thin layer over jansson: size and depth limits, duplicate members refused, and getters that
 * fail with the member's name and what would be right. Objects are jansson's json_t; the caller
 * releases the root with json_decref.
 *
 * Errors   ERR_FORMAT (with line and column), ERR_LIMIT, ERR_ARGUMENT (member missing or
 * ill-typed). Threads  confined: a tree belongs to one thread.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define JSON_DEPTH_MAX 64

/* `what` names the source in messages ("request", "metadata of 'a.md'"). */
int json_parse(json_t **out, struct str text, const char *what);

/* The same with every number as a real: for files of others that hold integers beyond 64 bits,
 * such as the "no limit" of 10^30 in a tokenizer_config.json. */
int json_parse_reals(json_t **out, struct str text, const char *what);

/* Each leaves *out alone when the member is absent (returns ERR_OK), and fails with ERR_ARGUMENT,
 * naming the member and the type wanted, when it has another type. null counts as absent.
 * Strings are borrowed from the tree. */
int json_get_str(const json_t *obj, const char *key, struct str *out);
int json_get_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *out);
int json_get_real(const json_t *obj, const char *key, double min, double max, double *out);
int json_get_bool(const json_t *obj, const char *key, bool *out);

/* ERR_ARGUMENT, naming it, when obj has a member that is not in the NULL-terminated list. */
int json_only(const json_t *obj, const char *const *known, const char *what);

/* Compact text with sorted keys; mem_free it. Two equal values give equal text. */
char *json_canonical(const json_t *v);
