/* summaries.h - which documents a question is about, before their chunks are looked at.
 *
 *   question -> summaries, both lists      \  the best        their chunks,
 *            -> chunks of documents without /  documents  ->  both lists     -> hits
 *
 * A collection's summaries are a state of their own (struct snapshot, `summaries`): their words and
 * vectors are counted, searched and deleted as chunks are, and no number of the chunks moves.
 *
 * Threads  free of state.
 */
#pragma once
#include "index/ranking.h"

#define SUMMARY_DOCUMENTS 10 /* or k, if that is more */

/* A search of mode SEARCH_SUMMARY; spec is checked. Without a vector all of it goes by words. */
void summaries_search(const struct snapshot *snap, const struct search_spec *spec,
                      struct arena *mem, struct hits *out);
