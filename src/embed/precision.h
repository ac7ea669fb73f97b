/* precision.h - which arithmetic the encoder uses: what was asked for, or what is best here.
 *
 * "auto" is the fastest on this processor, if the model stands it. */
#pragma once
#include <stdbool.h>

#include "base/cpu.h"
#include "embed/pack.h"
#include "simd/matrix.h"

/* The precisions to try, the fastest first; a forced one is alone.
 *   wish     "auto" or NULL, else the name of one
 *   returns  how many, at least 1; ERR_ARGUMENT for another word */
int precision_candidates(const char *wish, enum simd_level level, enum precision out[N_PRECISIONS]);

/* Whether vectors of that quality may stand in for those of f32: documents embedded by one are
 * asked for by the other, and retrieval must stay the same to 0.005 of recall. */
bool precision_is_good(enum precision p, const struct quality *q);
