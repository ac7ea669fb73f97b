/* request_spans.h - the spans of a request that is over, as server/tracing.h lists them.
 *
 * Threads  confined to the request's loop, from which new ids come.
 */
#pragma once
#include <stddef.h>

#include "base/buf.h"

struct request;

/* Of a request that is recorded and over; for exporter_add. Returns how many there are. */
size_t request_spans_write(struct request *r, struct buf *out);
