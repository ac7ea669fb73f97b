/* fuzz_embed_request.c - the bodies of POST /v1/embeddings and POST /embed: what is read goes to
 * the encoder as it is, so every id must be one of its own. */
#include "fuzz/tiny.h"
#include "server/embed_request.h"

static void check(const struct embed_request *r, const struct embedder_info *info)
{
    size_t n = 0;

    FUZZ_TRUE(r->n >= 1 && r->n <= EMBED_INPUTS_MAX && r->ignored);
    for (size_t i = 0; i < r->n; i++) {
        const struct embed_item *item = &r->items[i];

        FUZZ_TRUE(item->n_ids >= 1 && item->n_ids <= info->max_tokens);
        for (size_t j = 0; j < item->n_ids; j++)
            FUZZ_TRUE(item->ids[j] >= 0 && (size_t)item->ids[j] < info->vocab_size);
        n += item->n_ids;
    }
    FUZZ_TRUE(n == r->n_tokens && n <= EMBED_TOKENS_MAX);
}

FUZZ_TARGET(embed_request)
{
    static const enum dialect dialects[] = {DIALECT_OPENAI, DIALECT_TEI};
    const struct embedder *e = tiny_embedder();

    for (size_t i = 0; i < 2; i++) {
        struct embed_request r = {0};
        struct refusal why = {0};

        if (embed_request_read(&r, dialects[i], in, e, 1 << 16, mem, &why) < 0)
            FUZZ_TRUE(why.status >= 400 && why.status < 600 && why.code);
        else
            check(&r, embedder_info(e));
    }
}
