/* heading_guess.h - headings in text that has no marks for them (txt, PDF).
 *
 * Only what hardly anything else looks like, because a wrong heading costs more than a missing
 * one: "PART II" (level 1); "Item 1A. Risk Factors", "§ 32.1 Scope.", "Subpart B", "Article 5",
 * "Chapter 3" (2); "Note 12 - Debt" and lines all in capitals (3). The caller sees to it that the
 * line stands alone between blank lines.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>

#include "base/str.h"

#define HEADING_GUESS_MAX 150 /* bytes; longer lines are text */

/* The level from 1, 0 when the line is no heading. */
int heading_guess(struct str line);

/* Whether a short line reads like the name of what follows ("Knowing the customer"): it begins
 * with a capital, has small letters too, no end mark, and no word that wants another behind it.
 * Names and places read like this as well, so the caller looks at where the line stands. */
bool heading_is_caption(struct str line);
#define HEADING_CAPTION_LEVEL 4 /* of a caption among the levels above */
