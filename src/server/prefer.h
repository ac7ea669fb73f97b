/* prefer.h - what a client would like (RFC 7240): "Prefer: respond-async, wait=10".
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "server/http.h"

/* Whether the preference is there, in any of the fields and without regard to its value. What
 * cannot be read is no preference: the RFC wants them ignored, not refused. */
bool prefer_has(const struct http_head *h, const char *name);

/* Its value as a number of at most `max`; 0 when it is not there or no number. */
int64_t prefer_number(const struct http_head *h, const char *name, int64_t max);
