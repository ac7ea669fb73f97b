/* name_forms.h - a name that is said in another form.
 *
 *   another ending            "German", "Germany"
 *   an acronym                "LCR" where "liquidity coverage ratio" stands
 *   what it stands for        "Organization of Arab Petroleum Exporting Countries" for "OAPEC"
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "generate/marks.h"

/* Whether `in` says the name that is mark i of the claim, but not by that word. */
bool name_said_otherwise(const struct marks *claim, size_t i, const struct marks *in);
