/* alike.h - questions answered lately, to be asked in the place of one that means the same.
 *
 * Holds questions, never answers: who finds one asks it instead, so nothing here can be stale. By
 * scope: everything that a question's key is made of but its text (tenant, collection, filter, k,
 * model, ...); questions of different scopes never meet. Equal forms and near vectors propose, the
 * guard decides.
 *
 * Memory   of the process only, for it is what users wrote: each question goes after its time to
 *          live (from when it was kept last; use does not prolong it), or before, least recently
 *          used first, for room. Some 3 KB each with vectors of 384 floats.
 * Limits   ALIKE_SCOPE_MAX questions a scope: a scan reads them all (1,000 of 384: 0.02 ms).
 * Threads  locked: scans run together.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "cache/guard.h"

struct alike;

#define ALIKE_CANDIDATES 8
#define ALIKE_SCOPE_MAX  4096

struct alike_question {
    struct digest key; /* the question's own */
    struct str text;
    float *vector; /* [dim]; NULL: kept without one */
    size_t dim;
    const struct guard_form *form; /* by the common acronyms alone */
    float cosine;                  /* to the asking one, within 0.01; 0: not looked at */
};

struct alike *alike_new(size_t bytes_max, int64_t ttl_ms);
void alike_free(struct alike *a);
void alike_set_ttl(struct alike *a, int64_t ttl_ms); /* of what is kept from now on */
const struct guard *alike_guard(const struct alike *a);

/* A question that has an answer. One that is there already gets its time again. `vector` NULL:
 * found by its form alone; of one scope all have one or none, and one that has not is not kept. */
void alike_keep(struct alike *a, const struct digest *scope, const struct digest *key,
                struct str text, const float *vector, size_t dim);

/* Those of the scope whose form has this key: before there is a vector, in a microsecond or two.
 *   out      [ALIKE_CANDIDATES] copies in `mem`
 *   returns  how many                                                                        */
size_t alike_of_form(struct alike *a, const struct digest *scope, uint64_t form_key,
                     struct arena *mem, struct alike_question *out);

/* The nearest of the scope with a cosine of at least GUARD_COSINE_MIN, best first.
 *   out      [ALIKE_CANDIDATES] copies in `mem`
 *   returns  how many                                                                        */
size_t alike_nearest(struct alike *a, const struct digest *scope, const float *vector, size_t dim,
                     struct arena *mem, struct alike_question *out);

/* This one stood in for another just now. */
void alike_used(struct alike *a, const struct digest *key);

void alike_clear(struct alike *a);

enum alike_event {
    ALIKE_SERVED,    /* answered by another's answer */
    ALIKE_REFUSED,   /* near ones were there, and the guard refused them all */
    ALIKE_CHECKED,   /* of the served, those answered in full afterwards */
    ALIKE_DISAGREED, /* of the checked, those with another answer */
    N_ALIKE_EVENTS
};
/* How often it had happened before. */
uint64_t alike_count(struct alike *a, enum alike_event event);

struct alike_stats {
    size_t questions, bytes, bytes_max;
    uint64_t events[N_ALIKE_EVENTS];
};
void alike_stats_get(struct alike *a, struct alike_stats *out);
