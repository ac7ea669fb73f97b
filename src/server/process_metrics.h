/* process_metrics.h - what the system says of this process, under the names that Prometheus' own
 * clients use.
 *
 * Source   https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
 * Threads  any.
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"

/* What the system does not tell is left out. started_ms: wall clock. */
void process_metrics_write(int64_t started_ms, struct buf *out);
