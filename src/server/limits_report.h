/* limits_report.h - the limits in numbers: for /stats and for /metrics.
 *
 * Keys are told one by one for administrators alone; a metric has no label that grows with them.
 *
 * Threads  any.
 */
#pragma once
#include "base/buf.h"
#include "base/jsonw.h"

struct spending;

/* One object: what was refused by which limit, and each key that has spent: its id, what is left
 * and what it took today (UTC). */
void limits_report_json(struct spending *s, struct jsonw *w);

void limits_report_metrics(struct spending *s, struct buf *out);
