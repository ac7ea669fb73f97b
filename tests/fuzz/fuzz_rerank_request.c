/* fuzz_rerank_request.c - the bodies of POST /rerank and POST /v2/rerank. */
#include "fuzz/tiny.h"
#include "server/rerank_request.h"

static void check(const struct rerank_request *r, const struct reranker_info *info)
{
    size_t n = 0;

    FUZZ_TRUE(r->n <= RERANK_TEXTS_MAX && r->question.n && r->ignored);
    FUZZ_TRUE(r->top_n <= r->n);
    for (size_t i = 0; i < r->n; i++) {
        FUZZ_TRUE(r->n_tokens[i] >= info->n_frame && r->n_tokens[i] <= info->max_tokens);
        n += r->n_tokens[i];
    }
    FUZZ_TRUE(n == r->n_tokens_all && n <= RERANK_TOKENS_MAX);
}

FUZZ_TARGET(rerank_request)
{
    const struct reranker *model = tiny_reranker();
    static const char *const paths[] = {"/rerank", "/v2/rerank"};

    for (size_t i = 0; i < 2; i++) {
        struct rerank_request r = {0};
        struct refusal why = {0};

        if (rerank_request_read(&r, str_of(paths[i]), in, model, 1 << 16, mem, &why) < 0)
            FUZZ_TRUE(why.status >= 400 && why.status < 600 && why.code);
        else
            check(&r, reranker_info(model));
    }
}
