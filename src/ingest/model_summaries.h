/* model_summaries.h - summaries by a language model, in place of the central sentences.
 *
 *   the store says what is owed -> a request a document, MODEL_SUMMARIES_AT_ONCE at a time
 *     -> what the document bears out (generate/summarize.h) -> written as an ingest writes
 *
 * An ingest never waits for it: documents stand with their central sentences first. A summary and
 * the mark that it is made are one transaction, so whoever is killed goes on where it was, and only
 * what was under way is asked, and paid, again. Where nothing is borne out, the central sentences
 * stay and the document is marked all the same. A document that was replaced or deleted meanwhile
 * keeps nothing of it. One document a request: what one says reaches no other's summary, and short
 * ones, which several of would fit, have none.
 *
 * Off unless `ingest.summary_model` names a model: it costs money and sends documents away.
 *
 * Limits   ingest.summary_budget and ingest.summary_tokens, a day (UTC). What is under way counts
 *          with all it may take, and a document that fits only beside less waits for it; servers
 *          that do not tell their usage are counted by a guess that is rather too high. What was
 *          paid is written before the summary is.
 * Failures a server that says when to come back is asked again then, MODEL_SUMMARIES_TRIES times
 *          and for MODEL_SUMMARIES_PAUSE_MAX_MS at most; whatever else fails stays owed. After
 *          some in a row the run ends.
 * Threads  on the caller's; one run at a time for an engine, else ERR_BUSY.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct engine;

#define MODEL_SUMMARIES_AT_ONCE      4
#define MODEL_SUMMARIES_TRIES        3
#define MODEL_SUMMARIES_PAUSE_MAX_MS 60000

struct model_summaries_options {
    const char *tenant, *collection; /* NULL: the configuration's */
    bool again;                      /* also those that another model has made */
    void (*progress)(void *arg, size_t n_done, size_t n_total); /* many times a second */
    void *arg;
    const atomic_bool *cancel; /* NULL: cannot be cancelled */
};

struct model_summaries {
    size_t made;
    size_t kept; /* nothing was borne out: the central sentences stay */
    size_t owed; /* still */
    int64_t tokens;
    double cost;
    char reason[ERR_TEXT_MAX]; /* why some are owed; "": none is */
};

/* Whether the configuration asks for them. */
bool model_summaries_wanted(const struct engine *e);
int model_summaries_check(const struct engine *e); /* ERR_ARGUMENT, and what to set, where not */

/* Does what is owed. ERR_ARGUMENT when the configuration does not ask for it. What a model or its
 * limits prevent is no error: `out` says it. */
int model_summaries_make(struct engine *e, const struct model_summaries_options *o,
                         struct model_summaries *out);

/* Only out->owed. */
int model_summaries_count(struct engine *e, const struct model_summaries_options *o,
                          struct model_summaries *out);
