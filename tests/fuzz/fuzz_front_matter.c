/* fuzz_front_matter.c - the header of a Markdown file; what is behind it stays as it is. */
#include "base/json.h"
#include "base/mem.h"
#include "extract/front_matter.h"
#include "fuzz/fuzz.h"

FUZZ_TARGET(front_matter)
{
    json_t *metadata = NULL;
    struct str text = fuzz_utf8(in, mem), rest = front_matter_read(text, &metadata);
    char *canonical;

    FUZZ_TRUE(rest.p >= text.p && rest.p + rest.n == text.p + text.n);
    if (!metadata) {
        FUZZ_TRUE(rest.n == text.n || text.n - rest.n <= FRONT_MATTER_MAX);
        return;
    }
    FUZZ_TRUE(json_is_object(metadata) && json_object_size(metadata) >= 1);
    FUZZ_TRUE(json_object_size(metadata) <= FRONT_MATTER_KEYS_MAX);
    canonical = json_canonical(metadata);
    FUZZ_TRUE(canonical && canonical[0] == '{');
    mem_free(canonical);
    json_decref(metadata);
}
