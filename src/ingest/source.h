/* source.h - one file's extracted documents, alive until the last of them is written.
 *
 * Threads  confined; handed over as a whole.
 */
#pragma once
#include <stddef.h>

#include "base/arena.h"
#include "extract/extract.h"

struct source {
    struct arena *mem; /* texts */
    struct extracted_list list;
    size_t n_refs;
};

struct source *source_new(void); /* one reference */
struct source *source_ref(struct source *s);
void source_unref(struct source *s); /* NULL is fine */
