#include "server/cors.h"

#include "engine/engine.h"
#include "engine/origins.h"
#include "server/exchange.h"
#include "server/service.h"

#define METHODS "GET, HEAD, POST, PUT, DELETE"
/* What our routes look at and a page may not send without leave. */
#define HEADERS                                                                                    \
    "authorization, content-type, cache-control, last-event-id, idempotency-key, "                 \
    "prefer, traceparent, tracestate, x-request-id"
/* What a page may not read without leave. */
#define EXPOSED                                                                                    \
    "x-request-id, cache-status, age, server-timing, retry-after, location, ratelimit, "           \
    "ratelimit-policy, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "               \
    "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, "         \
    "x-ratelimit-reset-tokens, x-ragd-ignored, x-upstream-retry-after, traceresponse"
/* Two hours: browsers keep none longer. */
#define MAX_AGE "7200"

static const char *list_of(const struct request *r)
{
    return engine_settings(r->loop->service->engine)->server.cors_origins;
}

static struct str page_of(const struct request *r)
{
    return http_field(&r->head, "origin");
}

bool cors_allows(const struct request *r)
{
    return *list_of(r) && origins_have(list_of(r), page_of(r));
}

void cors_add(struct request *r)
{
    const char *list = list_of(r);
    bool all = origins_are_all(list);

    if (!*list)
        return;
    if (!all)
        buf_add_str(&r->extra, "Vary: Origin\r\n");
    if (!cors_allows(r))
        return;
    buf_add_str(&r->extra, "Access-Control-Allow-Origin: ");
    buf_add_view(&r->extra, all ? STR_LIT("*") : page_of(r));
    buf_add_str(&r->extra, "\r\nAccess-Control-Expose-Headers: " EXPOSED "\r\n");
}

bool cors_answer(struct request *r)
{
    if (!str_eq(r->head.method, STR_LIT("OPTIONS")) || !cors_allows(r) ||
        !http_field(&r->head, "access-control-request-method").p)
        return false;
    buf_add_str(&r->extra, "Access-Control-Allow-Methods: " METHODS
                           "\r\nAccess-Control-Allow-Headers: " HEADERS
                           "\r\nAccess-Control-Max-Age: " MAX_AGE "\r\n");
    if (http_field(&r->head, "access-control-request-private-network").p)
        buf_add_str(&r->extra, "Access-Control-Allow-Private-Network: true\r\n");
    reply(r, 204, NULL, NULL);
    return true;
}
