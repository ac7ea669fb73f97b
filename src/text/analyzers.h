/* analyzers.h - analyzers lent to whoever needs one for a moment.
 *
 * An analyzer is confined and warms up with use; this keeps those that are back for the next
 * borrower. There are never more of them than threads that used one at the same time.
 *
 * Threads  locked.
 */
#pragma once
#include "text/words.h"

struct analyzers;

/* Fails as word_analyzer_new does (an unknown language), so that borrowing never does. */
int analyzers_new(struct analyzers **out, const struct word_settings *s);
void analyzers_free(struct analyzers *p); /* all must be back */

struct word_analyzer *analyzers_get(struct analyzers *p);
void analyzers_put(struct analyzers *p, struct word_analyzer *a);
