/* guard_phrases.h - the guard's tables of phrases and synonyms, made ready for look-up.
 *
 * Both fill a guard whose function words are there already; guard_free gives all back.
 * Threads  called once, before anybody else has the guard.
 */
#pragma once
#include "cache/guard_parts.h"

void guard_phrases_ready(struct guard *g);
void guard_synonyms_ready(struct guard *g);
