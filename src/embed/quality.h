/* quality.h - how near to f32 a model's vectors stay in a smaller precision.
 *
 * What rounding costs depends on the model's weights, so it is measured on the model at hand, once,
 * when its pack is made: some sixty texts, short and long, English and other, by both encoders.
 */
#pragma once
#include <stdbool.h>

#include "embed/bert.h"
#include "embed/pack.h"
#include "text/wordpiece.h"

/* The cosines between the vectors that `exact` and `b` give, with one tokenizer and pooling.
 * ERR_FORMAT when a vector has no direction: the weights are damaged. */
int quality_measure(struct quality *out, const struct bert *exact, const struct bert *b,
                    const struct wordpiece *tokenizer, bool cls_pooling);
