/* polarity.h - whether two texts agree in what they negate.
 *
 * A negation is about the next word, or the one before in "requires none"; a word is negated when a
 * negation stands within three marks of it, or by its own beginning ("undamaged", "non-exempt").
 * That one text says "not" about a word that the other says without it is what counts; a word that
 * a text says both with and without counts as either.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "generate/marks.h"

/* A "not" of the claim whose word marks from..to of `in` say without one. Limits ("not below") do
 * not count: they are said in too many other ways ("at least"). */
bool polarity_denies(const struct marks *claim, const struct marks *in, size_t from, size_t to);

/* A "not" among marks from..to whose word the claim says without one. */
bool polarity_affirms(const struct marks *claim, const struct marks *in, size_t from, size_t to);
