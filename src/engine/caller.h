/* caller.h - who asks: what that one may do, see and spend.
 *
 * Made from a key's row (engine/keys.h), or the operator, who needs none. It never changes; a key
 * that is revoked is not found any more, and requests under way go on with what they have.
 *
 * Threads  immutable, reference-counted.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct filter;
struct key_row;

#define CALLER_COLLECTIONS_MAX 64

/* Each may what those before it may. */
enum role {
    ROLE_ANYONE, /* of a route: no key is needed */
    ROLE_READ,   /* ask, search, look at documents */
    ROLE_WRITE,  /* add and delete documents */
    ROLE_ADMIN,  /* collections, and what is the whole server's: caches, numbers */
};
const char *role_name(enum role r);
bool role_named(const char *name, enum role *out); /* "read", "write", "admin" */

struct key_limits {
    int64_t requests_per_minute, tokens_per_minute, tokens_per_day, concurrency; /* 0: none */
};

struct caller {
    int64_t id;       /* of the key, never used again for another; 0: there is none */
    uint64_t mark;    /* of the key's hash: tells keys of copies of a folder apart that have the
                       * same id; 0: there is none */
    const char *name; /* of the key; "" */
    const char *tenant;
    enum role role;
    const char *const *collections; /* [n_collections], the first is the one meant when a request
                                     * names none; n 0: all of the tenant */
    size_t n_collections;
    const struct filter *filter; /* what passes is all there is for this caller; NULL: everything */
    struct key_limits limits;
    int64_t expires_ms; /* wall clock; 0: never */

    atomic_int refs; /* ours */
    struct arena *mem;
};

/* Who may do everything in a tenant. */
struct caller *caller_operator(const char *tenant);

/* Who a row says. ERR_ARGUMENT tells what of it is wrong: tenant, role and collections by their
 * names; a filter is for ROLE_READ, and asks what documents have, not their chunks. */
int caller_of_row(struct caller **out, const struct key_row *row);

struct caller *caller_ref(struct caller *c);
void caller_unref(struct caller *c); /* NULL is fine */

/* Whether this collection of the tenant is there for the caller. */
bool caller_sees(const struct caller *c, const char *collection);
