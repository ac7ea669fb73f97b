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
#include "base/str.h"

#define HEADING_GUESS_MAX 150 /* bytes; longer lines are text */

/* The level from 1, 0 when the line is no heading. */
int heading_guess(struct str line);
