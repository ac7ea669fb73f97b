/* routes.h - the table of routes, and who answers each.
 *
 * Threads  immutable.
 */
#pragma once
#include <stddef.h>

#include "engine/caller.h"
#include "server/exchange.h"

enum body_kind {
    BODY_NONE,
    BODY_JSON,          /* required */
    BODY_JSON_OPTIONAL, /* may be empty */
    BODY_DOCUMENTS,     /* JSON or multipart, with its own bounds */
};

struct route {
    const char *method;
    const char *pattern; /* a "{...}" at the end takes the rest of the path, slashes included */
    enum body_kind body;
    enum role role; /* the least that may */
    void (*handle)(struct request *r);
    bool local_only; /* on DIR/ragd.sock alone */
};

size_t routes_count(void);
const struct route *route_at(size_t i);
size_t route_index(const struct route *r);

/* Sets r->route and r->tail from r->head; HEAD is answered by GET. Returns 0, or a status with the
 * reason in err_text: 404, 405 (with Allow in r->extra), 400 for a path that cannot be decoded. */
int route_find(struct request *r);

/* routes_query.c, routes_batch.c */
void handle_query(struct request *r);
void handle_query_stream(struct request *r);
void handle_query_batch(struct request *r);
void handle_search(struct request *r);

/* routes_embed.c, routes_rerank.c, routes_models.c */
void handle_embed(struct request *r);
void handle_rerank(struct request *r);
void handle_chat_completions(struct request *r);
void handle_models_list(struct request *r);
void handle_model_get(struct request *r);

/* routes_documents.c */
void handle_documents_add(struct request *r);
void handle_documents_list(struct request *r);
void handle_document_get(struct request *r);
void handle_document_delete(struct request *r);

/* routes_jobs.c */
void handle_jobs_list(struct request *r);
void handle_job_get(struct request *r);
void handle_job_cancel(struct request *r);

/* routes_collections.c */
void handle_collections_list(struct request *r);
void handle_collection_put(struct request *r);
void handle_collection_delete(struct request *r);

/* routes_admin.c */
void handle_healthz(struct request *r);
void handle_readyz(struct request *r);
void handle_version(struct request *r);
void handle_metrics(struct request *r);
void handle_stats(struct request *r);
void handle_cache_get(struct request *r);
void handle_cache_delete(struct request *r);
void handle_openapi(struct request *r);

/* routes_command.c */
void handle_command(struct request *r);
