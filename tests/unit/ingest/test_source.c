#include "ingest/source.h"

#include <criterion/criterion.h>

#include "base/mem.h"

/* The sanitizer tells when it is freed too early, or never. */
Test(source, lives_until_its_last_reference)
{
    struct source *s = source_new();
    struct source *again = source_ref(s);

    s->list.v = mem_grow(NULL, &s->list.cap, 1, sizeof *s->list.v);
    s->list.v[s->list.n++] = (struct extracted){.text = {arena_strdup(s->mem, "text"), 4}};
    source_unref(s);
    cr_expect_str_eq(again->list.v[0].text.p, "text");
    source_unref(again);
    source_unref(NULL);
}
