/* asking.h - an engine that is nothing but its defaults, which is all that reading a request
 * needs. */
#pragma once
#include "engine/engine.h"
#include "fuzz/fuzz.h"

static inline const struct engine *asking_engine(void)
{
    static struct engine e;

    FUZZ_ONCE(config_defaults(&e.config));
    return &e;
}
