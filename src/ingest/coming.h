/* coming.h - what is written while the model changes gets vectors of both.
 *
 * Otherwise an ingest as fast as the reembed would keep it from ever being through. A document that
 * cannot be embedded with the coming model is written without, and the reembed meets it again.
 *
 * Threads  as batch.h.
 */
#pragma once
#include "ingest/batch.h"

/* Fills `next` of the upserts, which are those of `docs`, when a model is on its way. Vectors lie
 * in the documents' memory; `scratch` is reset. */
void coming_vectors(struct engine *e, struct ready *const *docs, struct upsert *ups, size_t n,
                    struct arena *scratch);
