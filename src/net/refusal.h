/* refusal.h - what a status other than 200 means, and how long to wait before asking again.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* What a refusal came from. */
struct refusal {
    const char *shown;   /* the URL, without secrets */
    const char *section; /* of the configuration, for hints: "embed" */
    const char *key;     /* that was sent, so that it is never repeated; NULL: none */
    int status;
    struct str body; /* the server's own words */
};

/* Whether another try may help: 408, 429, 500, 502, 503 and 504. */
bool refusal_passes(int status);

/* One sentence with what the server said and what to look at. Returns ERR_UNAVAILABLE when it
 * passes, else ERR_ARGUMENT. */
int refusal_explain(const struct refusal *r);

/* A text of someone else's may end on a terminal, which must not obey it. */
void refusal_make_plain(char *text);

/* Before try i_try + 1: 0.1 s doubling, half of it chance, so that those who failed together do
 * not come back together; or what the server asked for (retry_after_ms, -1: nothing) when that is
 * longer. */
int64_t refusal_pause_ms(int i_try, int64_t retry_after_ms);
