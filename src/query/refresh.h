/* refresh.h - popular questions are answered again after documents have changed, before anybody
 * asks (DESIGN section 7).
 *
 *   asked often (cache/asked.h) -> its collection has moved since it was last seen to?
 *     -> retrieval -> the prompt is the one it was, or is answered somewhere: remembered for memory
 *                  -> else answered, as `precompute.refresh` allows:
 *                       off     nothing of this at all
 *                       quoted  by quoting. What a language model is to answer is looked up only
 *                       all     by language models too, which costs what they cost
 *
 * Each question is tried once an epoch; what fails waits for the next change, or for who asks it.
 *
 * Threads  belongs on a thread of its own, none of the pool's.
 */
#pragma once
#include <stddef.h>

#define REFRESH_POPULAR_MAX 256 /* the most popular ones */

struct answer_listener;
struct engine;

struct refresh_report {
    size_t n_made, n_found; /* answered anew; answered somewhere */
    size_t n_left;          /* not paid for, or failed */
};

/* Sees to at most `limit` questions, adds what came of it; how many it saw to. `listener`: who may
 * let go of it (query_answer_for). */
size_t refresh_some(struct engine *e, size_t limit, const struct answer_listener *listener,
                    struct refresh_report *report);

/* What was kept before this process began is known to it again, at no epoch: so it is seen to. */
void refresh_recall(struct engine *e);
