/* limits.h - what a request's caller may still spend (engine/spending.h), as HTTP says it.
 *
 *   head -> authorised -> limits_admit --0------> read, run, limits_spend ... limits_leave
 *                           |           --429---> refused, with Retry-After
 *                           +--LIMITS_LATER-----> decided(r) later, on the loop
 *
 * Routes that need no key and those of administrators cost nothing, nor does anything over
 * DIR/ragd.sock. Everybody else who has limits, a key's own or the configuration's, gets them told
 * in every reply (RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers, and
 * OpenAI's x-ratelimit-*): what is left after this request, its tokens included where they are
 * known before the head goes out. Whoever has none gets no line and costs a comparison.
 *
 * Threads  confined to the loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct limited;
struct request;

#define LIMITS_LATER 1

/* r->caller and r->route are set. 0; 429 with the reason in err_text and Retry-After in r->extra;
 * or LIMITS_LATER: r is held until `decided` is called, with status and reason as from here. */
int limits_admit(struct request *r, void (*decided)(struct request *r, int status));

/* What the request took; l NULL is fine. */
void limits_spend(struct limited *l, int64_t tokens);

/* The request is over, or nobody will answer it; more than once is fine. */
void limits_leave(struct request *r);

/* The header lines. */
void limits_add_lines(const struct limited *l, struct buf *out);

/* "120ms", "1s", "6m0s", "1h0m0.5s": as OpenAI's clients are told durations. */
void limits_add_duration(struct buf *out, int64_t ms);
