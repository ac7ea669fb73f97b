/* summaries.h - which documents a question is about, before their chunks are looked at.
 *
 *   question -> summaries, both lists      \  the best        their chunks,
 *            -> chunks of documents without /  documents  ->  both lists     -> hits
 *
 * Of 44 questions about 18 filings, asked over these and 45 other documents, 0.364 of the pages
 * with the evidence are among ten hits, 0.295 in mode hybrid (over the filings alone 0.364 and
 * 0.318); of the questions about the compliance library 23 of 29 find their gold text in five, 24
 * in mode hybrid (tests/quality). So it is for collections of long documents that are much alike,
 * and not the default. Choosing five documents, or by summary and best chunk together, found no
 * more pages.
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
