/* fuzz_chat_request.c - the body of POST /v1/chat/completions, and the question it becomes. */
#include "base/err.h"
#include "base/json.h"
#include "fuzz/asking.h"
#include "query/query.h"
#include "server/chat_request.h"

FUZZ_TARGET(chat_request)
{
    json_t *tree = NULL;
    struct chat_request r = {0};
    struct refusal why = {0};
    struct query q;

    if (json_parse(&tree, in, "request") < 0)
        return;
    if (chat_request_read(asking_engine(), tree, mem, &r, &why) < 0) {
        FUZZ_TRUE(why.status >= 400 && why.status < 600 && why.code && why.detail.n);
    } else {
        FUZZ_TRUE(r.query && r.model && r.ignored);
        query_defaults(&q, asking_engine());
        (void)query_from_json(&q, r.query, false, mem);
        json_decref(r.query);
    }
    json_decref(tree);
}
