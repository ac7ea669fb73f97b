#include "server/routes.h"

#include "base/err.h"

static const struct route routes[] = {
    {"GET", "/healthz", BODY_NONE, ROLE_ANYONE, handle_healthz, false},
    {"GET", "/readyz", BODY_NONE, ROLE_ANYONE, handle_readyz, false},
    {"GET", "/version", BODY_NONE, ROLE_READ, handle_version, false},
    {"GET", "/metrics", BODY_NONE, ROLE_ADMIN, handle_metrics, false},
    {"GET", "/stats", BODY_NONE, ROLE_ADMIN, handle_stats, false},
    {"GET", "/cache", BODY_NONE, ROLE_ADMIN, handle_cache_get, false},
    {"DELETE", "/cache", BODY_NONE, ROLE_ADMIN, handle_cache_delete, false},
    {"GET", "/openapi.json", BODY_NONE, ROLE_ANYONE, handle_openapi, false},
    {"POST", "/query", BODY_JSON, ROLE_READ, handle_query, false},
    {"POST", "/query/stream", BODY_JSON, ROLE_READ, handle_query_stream, false},
    {"POST", "/query/batch", BODY_JSON, ROLE_READ, handle_query_batch, false},
    {"POST", "/search", BODY_JSON, ROLE_READ, handle_search, false},
    {"POST", "/v1/chat/completions", BODY_JSON, ROLE_READ, handle_chat_completions, false},
    {"POST", "/v1/embeddings", BODY_JSON, ROLE_READ, handle_embed, false},
    {"GET", "/v1/models", BODY_NONE, ROLE_READ, handle_models_list, false},
    {"GET", "/v1/models/{id}", BODY_NONE, ROLE_READ, handle_model_get, false},
    {"POST", "/embed", BODY_JSON, ROLE_READ, handle_embed, false},
    {"POST", "/rerank", BODY_JSON, ROLE_READ, handle_rerank, false},
    {"POST", "/v1/rerank", BODY_JSON, ROLE_READ, handle_rerank, false},
    {"POST", "/v2/rerank", BODY_JSON, ROLE_READ, handle_rerank, false},
    {"POST", "/documents", BODY_DOCUMENTS, ROLE_WRITE, handle_documents_add, false},
    {"GET", "/documents", BODY_NONE, ROLE_READ, handle_documents_list, false},
    {"GET", "/documents/{id}", BODY_NONE, ROLE_READ, handle_document_get, false},
    {"DELETE", "/documents/{id}", BODY_NONE, ROLE_WRITE, handle_document_delete, false},
    {"GET", "/jobs", BODY_NONE, ROLE_WRITE, handle_jobs_list, false},
    {"GET", "/jobs/{id}", BODY_NONE, ROLE_WRITE, handle_job_get, false},
    {"DELETE", "/jobs/{id}", BODY_NONE, ROLE_WRITE, handle_job_cancel, false},
    {"GET", "/collections", BODY_NONE, ROLE_READ, handle_collections_list, false},
    {"PUT", "/collections/{name}", BODY_JSON_OPTIONAL, ROLE_ADMIN, handle_collection_put, false},
    {"DELETE", "/collections/{name}", BODY_NONE, ROLE_ADMIN, handle_collection_delete, false},
    {"POST", "/-/command", BODY_JSON, ROLE_ADMIN, handle_command, true},
};
#define N_ROUTES (sizeof routes / sizeof *routes)

size_t routes_count(void)
{
    return N_ROUTES;
}

const struct route *route_at(size_t i)
{
    return &routes[i];
}

size_t route_index(const struct route *r)
{
    return (size_t)(r - routes);
}

static bool matches(const struct route *route, struct str path, struct str *tail)
{
    struct str pattern = str_of(route->pattern);
    const char *brace = memchr(pattern.p, '{', pattern.n);

    if (!brace) {
        *tail = (struct str){"", 0};
        return str_eq(path, pattern);
    }
    pattern.n = (size_t)(brace - pattern.p);
    if (!str_starts(path, pattern) || path.n == pattern.n)
        return false;
    *tail = str_sub(path, pattern.n, path.n);
    return true;
}

static void allow(struct buf *methods, const char *method)
{
    if (methods->n)
        buf_add_str(methods, ", ");
    buf_add_str(methods, method);
    if (strcmp(method, "GET") == 0)
        buf_add_str(methods, ", HEAD");
}

int route_find(struct request *r)
{
    struct str method = r->head.method, tail;
    struct buf methods = {0};

    if (str_eq(method, STR_LIT("HEAD")))
        method = STR_LIT("GET");
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (!matches(&routes[i], r->head.path, &tail) || (routes[i].local_only && !r->from_local))
            continue;
        if (!str_eq(method, str_of(routes[i].method))) {
            allow(&methods, routes[i].method);
            continue;
        }
        r->route = &routes[i];
        buf_done(&methods);
        return http_percent_decode(tail, r->mem, &r->tail) < 0 ? 400 : 0;
    }
    if (methods.n == 0)
        return FAIL(404, "there is no such route; /openapi.json lists them");
    buf_addf(&r->extra, "Allow: %s\r\n", methods.p);
    (void)FAIL(405, "this route has the methods %s", methods.p);
    buf_done(&methods);
    return 405;
}
