/* metrics_page.h - the whole of /metrics: requests and stages (metrics.h), caches
 * (cache_report.h), language models (model_metrics.h), the process (process_metrics.h), and here
 * what is in flight, the indexes, the store, ingest, servers that embed and rerank, and traces.
 *
 * Nothing is labelled by tenant, key or collection: their number has no bound, that of a page's
 * lines has. The access log tells them.
 *
 * Threads  any.
 */
#pragma once
#include "base/buf.h"

struct service;

void metrics_page_write(struct service *s, struct buf *out);
