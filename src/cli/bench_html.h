/* bench_html.h - a measurement as one HTML page with charts, without anything from elsewhere.
 *
 * Threads  free of state.
 */
#pragma once
#include "base/buf.h"
#include "cli/bench_run.h"

/* facts: "name: value" lines about machine and data. Sides are sorted by this. */
void bench_html(const char *facts, struct bench_side *cold, struct bench_side *cached,
                struct buf *out);
