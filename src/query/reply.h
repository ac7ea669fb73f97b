/* reply.h - an answer as JSON.
 *
 * The part that is the same for everybody who asks (answer, sources, citations, model) is written
 * once and kept as bytes; id, age and timings are added to each reply.
 *
 * Threads  free of state.
 */
#pragma once
#include "base/buf.h"

struct answer;
struct query;

/* The shared part, without its braces: `"answer":...,"degraded":[]`. */
void reply_body(const struct query *q, const struct answer *ans, struct buf *out);

/* How the search was done, as the reply says it; part of the prompt hash when it is asked for. */
const char *reply_explain_text(const struct query *q, const struct answer *ans);
