/* fuzz_traceparent.c - a trace that somebody says we are part of: what is taken is told on as it
 * came. */
#include <string.h>

#include "base/trace_context.h"
#include "fuzz/fuzz.h"

FUZZ_TARGET(traceparent)
{
    struct trace_context c = {0}, again = {0};
    char text[TRACEPARENT_BYTES];

    (void)mem;
    if (!trace_context_parse(in, &c))
        return;
    trace_context_write(&c, text);
    FUZZ_TRUE(strlen(text) == TRACEPARENT_BYTES - 1);
    FUZZ_TRUE(memcmp(text + 3, in.p + 3, TRACEPARENT_BYTES - 1 - 5) == 0); /* both ids */
    FUZZ_TRUE(trace_context_parse(str_of(text), &again));
    FUZZ_TRUE(c.sampled == again.sampled &&
              memcmp(c.trace_id, again.trace_id, TRACE_ID_BYTES) == 0);
}
