/* upstream.h - one server that is asked over HTTP: again where that may help, not at all while it
 * is down.
 *
 *   upstream_ask --breaker lets it through--> try --works--> read
 *                 |                            +--passing trouble--> pause, the next try
 *                 +--open: fails at once, or sends one probe first
 *
 * Tries    up to UPSTREAM_TRIES a request, after 0.1 s doubling with jitter, or what Retry-After
 *          asks for: when the server is not reached or hangs up, and on 408, 429, 500, 502, 503 and
 *          504. Any other status, and a reply that is not what it should be, is final. Nothing
 *          waits beyond its time.
 * Breaker  five failures in a row (statuses 4xx are none) and calls fail at once; see
 *          net/breaker.h. The probe is a request of the owner's own, short in text and in time
 *          (UPSTREAM_PROBE_MS), so that a large request cannot hold it up.
 * Errors   ERR_TIMEOUT: time was up. ERR_UNAVAILABLE: not there, perhaps later. ERR_ARGUMENT:
 *          refused for good. ERR_FORMAT: nonsense. Each names the server and says what was wrong;
 *          the key is in none of them.
 * Threads  any number of requests at once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define UPSTREAM_TRIES    4
#define UPSTREAM_PROBE_MS 1500

struct upstream;

struct upstream_options {
    const char *section; /* of the configuration, for hints: "embed"; borrowed, static */
    const char *key;     /* NULL or "": none */
    int64_t timeout_ms;  /* of one request with all its tries; at least 1 */
    /* Finds out whether the server is back, by upstream_probe and what else it wants to know. */
    int (*probe)(void *arg, int64_t until_ms);
    /* Told of every status but 200; may be NULL. */
    void (*refused)(void *arg, int status, struct str body);
    void *arg;
};

/* One request: what to send, how to read the reply, until when. */
struct upstream_call {
    const char *url, *shown; /* `shown` without secrets */
    struct str body;         /* JSON to POST; p NULL: GET */
    size_t reply_max;
    int64_t until_ms; /* on the clock of upstream_now_ms */
    int (*read)(void *arg, struct str reply);
    void *arg;
    /* out, of the last try */
    int status;  /* 0: none came */
    bool again;  /* another may help */
    bool failed; /* counts for the breaker */
    int64_t retry_after_ms;
};

struct upstream_stats {
    uint64_t requests, failures, retries; /* failures: of tries, but not statuses 4xx */
    bool open;                            /* the breaker */
};

struct upstream *upstream_new(const struct upstream_options *o);
void upstream_free(struct upstream *u);

int upstream_ask(struct upstream *u, struct upstream_call *c);

/* One try whose end the breaker takes for the probe's, within UPSTREAM_PROBE_MS of now. */
int upstream_probe(struct upstream *u, struct upstream_call *c);

/* What is left of the configured time and the caller's wish (0: none). */
int64_t upstream_allowed_ms(const struct upstream *u, int64_t within_ms);
int64_t upstream_now_ms(void);
void upstream_stats_get(struct upstream *u, struct upstream_stats *out);
