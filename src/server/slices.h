/* slices.h - a request for a list of work, done a slice at a time.
 *
 *   loop: small bodies are read here ---\
 *         large ones by the worker        > pool: a slice -> loop -> pool: the next ... -> reply
 *
 * One small item is like a question and goes in the questions' lane. A list goes in the bulk lane,
 * and each slice to its end: questions go first, and of two lists the short one does not wait for
 * the whole of the long one. When the client leaves, the rest is not done. What was accepted is
 * not refused half-way.
 *
 * Threads  as a handler and its worker: one of them at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "server/exchange.h"

struct slices;

/* What there is to do; each may fail with ERR_*. */
struct slices_work {
    enum stage stage; /* where the time of `run` belongs */
    /* Reads the body and fills n and ignored; fills `why` when it fails. Short bodies are read on
     * the loop. */
    int (*read)(struct request *r, struct slices *s);
    /* Does the next slice, from n_done on, on a worker, and returns how many items it had. ERR_*
     * is a failure of ours, not of the request. */
    int (*run)(struct request *r, struct slices *s);
    /* Writes the reply of a 200, on the worker that did the last slice. */
    void (*write)(struct request *r, const struct slices *s, struct buf *out);
};

struct slices {
    const struct slices_work *work;
    void *state; /* the route's own, in r->mem */
    size_t n, n_done;
    size_t n_tokens;     /* of all items; 0: nobody counts them */
    const char *ignored; /* for x-ragd-ignored; "": nothing was */
    struct refusal why;  /* when reading failed */
    /* slices.c's */
    bool read;
    size_t n_paid; /* of n_tokens */
    struct trace trace;
    struct buf body;
};

void slices_start(struct request *r, const struct slices_work *work, void *state);
