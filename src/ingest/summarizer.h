/* summarizer.h - does beside a running server what is owed of summaries by a language model.
 *
 * Every few seconds it looks whether a collection has changed, which costs a row each, and only
 * then what is owed. What could not be done (limits, a model that is away) is tried again after
 * some minutes. What it did, it logs.
 *
 * Threads  a thread of its own, from start to stop.
 */
#pragma once

struct engine;
struct summarizer;

/* *out NULL: the configuration does not ask for it. */
int summarizer_start(struct summarizer **out, struct engine *e);

/* Calls that are under way are given up; what they would have made stays owed. NULL is fine. */
void summarizer_stop(struct summarizer *s);
