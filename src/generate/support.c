#include "generate/support.h"

#include <math.h>

double support_of(const struct extract_signals *s)
{
    double z = -3.0994;

    z += 1.5516 * s->passage_cosine;
    z += 2.9943 * s->sentence_cosine;
    z += 3.1356 * s->sentence_words;
    z += -2.3487 * s->passage_words;
    z += -0.6494 * s->names_missing;
    z += 0.4397 * s->kind_matches;
    z += -2.8574 * s->negation_differs;
    return 1 / (1 + exp(-z));
}
