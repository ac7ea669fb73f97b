/* fuzz_filter.c - a filter as text or as JSON, then the metadata of documents. Its canonical form
 * is a fixed point, and columns find what filter_matches says. */
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "index/bitmap.h"
#include "index/columns.h"
#include "index/filter.h"

#define DOCUMENTS_MAX 8

static int read_json(struct filter **out, struct str text, struct arena *mem)
{
    json_t *tree = NULL;
    int rc = json_parse(&tree, text, "filter");

    if (rc == ERR_OK)
        rc = filter_from_json(out, tree, mem);
    json_decref(tree);
    return rc;
}

static struct filter *again(const struct filter *f, struct arena *mem)
{
    const char *text = filter_canonical(f, mem);
    struct filter *g = NULL;

    FUZZ_TRUE(read_json(&g, str_of(text), mem) == ERR_OK);
    FUZZ_TRUE(str_eq(str_of(filter_canonical(g, mem)), str_of(text)));
    return g;
}

static bool is_passing(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> i % 64 & 1;
}

/* Documents of one chunk each; the metadata that is an object, as ingest would store it. */
static void compare(const struct filter *f, struct str in, struct arena *mem)
{
    struct columns_builder *b = columns_builder_new();
    struct filter_builtin builtin = {.kind = "text", .title = STR_LIT("t"), .page = 1};
    json_t *trees[DOCUMENTS_MAX];
    size_t n = 0;
    struct columns *c;
    uint64_t *bits;

    while (in.n && n < DOCUMENTS_MAX) {
        char *text;

        if (json_parse(&trees[n], fuzz_part(&in), "metadata") < 0)
            continue;
        if (!json_is_object(trees[n])) {
            json_decref(trees[n]);
            continue;
        }
        text = json_canonical(trees[n++]);
        columns_add_document(b, &(struct document_row){.key = STR_LIT("k"),
                                                       .title = builtin.title,
                                                       .metadata = str_of(text)});
        columns_add_chunk(b, &(struct chunk_row){.page = 1, .kind = CHUNK_TEXT});
        mem_free(text);
    }
    builtin.document = STR_LIT("k");
    c = columns_finish(b);
    bits = columns_filter(c, f, mem);
    for (size_t i = 0; i < n; i++) {
        FUZZ_TRUE(filter_matches(f, trees[i], &builtin) == is_passing(bits, i));
        json_decref(trees[i]);
    }
    columns_free(c);
}

FUZZ_TARGET(filter)
{
    struct str text = fuzz_part(&in);
    struct filter *f = NULL;
    int rc =
        text.n && text.p[0] == '{' ? read_json(&f, text, mem) : filter_from_text(&f, text, mem);

    if (rc < 0 || !f)
        return;
    compare(f, in, mem);
    compare(again(f, mem), in, mem);
}
