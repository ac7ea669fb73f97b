/* section_name.h - the name of a section, behind the prefix of who it belongs to:
 * "words.terms.end".
 *
 * Threads  free of state.
 */
#pragma once
#include <stdio.h>

#include "base/check.h"
#include "base/sections.h"

struct section_name {
    char s[SECTION_NAME_MAX + 1];
};

static inline struct section_name section_name(const char *prefix, const char *name)
{
    struct section_name out;
    int n = snprintf(out.s, sizeof out.s, "%s%s", prefix, name);

    CHECK(n >= 0 && n <= SECTION_NAME_MAX);
    return out;
}
