#include "ingest/source.h"

#include "base/mem.h"

struct source *source_new(void)
{
    struct source *s = mem_calloc(1, sizeof *s);

    s->mem = arena_new(0);
    s->n_refs = 1;
    return s;
}

struct source *source_ref(struct source *s)
{
    s->n_refs++;
    return s;
}

void source_unref(struct source *s)
{
    if (!s || --s->n_refs > 0)
        return;
    extracted_list_done(&s->list);
    arena_free(s->mem);
    mem_free(s);
}
