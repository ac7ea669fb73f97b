/* access.h - who a request is from, and what is there for that one.
 *
 * Every route takes tenant, collection and filter through here, so there is one place where a key's
 * bounds are put around a request, and nothing that a request says can widen them:
 *
 *   Authorization: Bearer KEY -> caller -> the route's role -> tenant, collection, filter
 *
 * Threads  confined to the loop, but for access_collection and access_sees_document, which a
 *          request's worker may call.
 */
#pragma once
#include <jansson.h>

#include "base/arena.h"
#include "base/str.h"
#include "query/query.h"
#include "store/store.h"

struct caller;
struct request;

/* Who asked last on a connection: the next request with the same key costs a comparison. Zeros:
 * nobody. */
struct access_memo {
    struct caller *caller;
    struct str key;
    uint64_t version;
};
void access_forget(struct access_memo *m);

/* Sets r->caller. r->route is set. 0, or with the reason in err_text 401 (and WWW-Authenticate, RFC
 * 6750) or 403. */
int access_admit(struct request *r, struct access_memo *memo);

/* The collection that a request is about, in r->mem: the one it names (p NULL: none), else the
 * key's first, else the configuration's. ERR_FORBIDDEN when the key is not for it, whether it is
 * there or not. */
int access_collection(struct request *r, struct str named, const char **out);

/* Whether the document is there for the caller. */
bool access_sees_document(const struct request *r, const struct document_row *d);

/* Whose jobs and kept replies there are for the caller: the key's own. In r->mem. */
struct str access_scope(const struct request *r);

/* A question of this request: the caller's defaults, then what the body says of it (`v`, of POST
 * /query or /search, or of a batch a string), then the caller's bounds. */
int access_query(struct request *r, const json_t *v, bool search_only, struct arena *mem,
                 struct query *q);
