/* access_log.h - a line for each request, never with what was asked.
 *
 *   {"time":"...","level":"info","event":"request","method":"POST","route":"/query","status":200,
 *    "ms":0.123,"bytes_in":41,"bytes_out":1530,"request_id":"...","trace_id":"...",
 *    "tenant":"default","key":"web","cache":"hit"}
 *
 * trace_id where the request is of a trace, key (its name) where one was shown, cache where it is a
 * question. The same form as
 * base/log.h, written by hand: it is the one line that every cached reply pays for.
 *
 * Threads  confined to the loop.
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"

struct request;

/* Adds the line of a request that was answered within `ns`; nothing when LOG_INFO is not wanted. */
void access_log_add(const struct request *r, uint64_t ns, struct buf *out);
