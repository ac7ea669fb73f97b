/* bench_http.h - one connection to a server under measurement.
 *
 * Threads  confined; each thread of a bench has its own.
 */
#pragma once
#include <jansson.h>

#include "base/buf.h"

struct bench_http;

struct bench_http *bench_http_new(const char *url); /* "http://host:port"; copied */
void bench_http_free(struct bench_http *h);

/* POST /query over the kept connection. ERR_UNAVAILABLE with the status or the reason. */
int bench_http_post(struct bench_http *h, const json_t *request, struct buf *reply);
