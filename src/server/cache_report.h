/* cache_report.h - how the caches are doing: for /cache and /stats, and as metrics.
 *
 * Threads  any.
 */
#pragma once
#include "base/buf.h"
#include "base/jsonw.h"

struct engine;

/* An object: the tier in memory, what came of the questions, "store", and "redis" or null. */
void cache_report_json(struct engine *e, struct jsonw *w);

void cache_report_metrics(struct engine *e, struct buf *out);
