/* fuzz_manifest.c - which files are an index, with the checksums put right: names that are no path,
 * and a manifest written again is the same. */
#include <string.h>

#include "base/err.h"
#include "fuzz/fuzz.h"
#include "fuzz/seal.h"
#include "index/manifest.h"

FUZZ_TARGET(manifest)
{
    struct manifest m = {0};

    (void)manifest_read(fuzz_file(in), mem, &m);
    if (manifest_read(fuzz_file(seal_sections(in, mem)), mem, &m) < 0)
        return;
    for (size_t i = 0; i < m.n_views; i++) {
        const struct manifest_view *v = &m.views[i];

        FUZZ_TRUE(strlen(v->file) > 0 && strlen(v->file) < MANIFEST_NAME_MAX);
        FUZZ_TRUE(!strchr(v->file, '/') && v->n_documents <= 8 * in.n);
        FUZZ_TRUE(!v->dead_documents == (v->n_documents == 0));
    }
}
