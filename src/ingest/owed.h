/* owed.h - the next document that a language model is to summarise, as the store has it.
 *
 * Threads  confined.
 */
#pragma once
#include "ingest/batch.h"
#include "ingest/run.h"
#include "store/store_summaries.h"

struct owed_document {
    struct ready *ready; /* complete but for `given`: row, text, chunks, over; no summary */
    struct str excerpt;  /* what of its text is sent; in its memory */
};

/* Of run's collection. */
struct owed_spec owed_spec_of(const struct run *run, const struct digest *not_by);

/* After *after_id, which is moved. *found false: there is no more. */
int owed_next(const struct run *run, const struct owed_spec *spec, int64_t *after_id,
              struct owed_document *out, bool *found);
