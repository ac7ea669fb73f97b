/* fuzz_query.c - the body of POST /query and of POST /search. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"
#include "fuzz/asking.h"
#include "index/filter.h"
#include "query/query.h"

static void check(const struct query *q, struct arena *mem)
{
    struct query again = *q;

    FUZZ_TRUE(q->question.n >= 1 && q->question.n <= QUESTION_BYTES_MAX);
    FUZZ_TRUE(utf8_valid(q->question.p, q->question.n));
    FUZZ_TRUE(q->k >= 1 && q->k <= QUERY_K_MAX && q->ef >= 1);
    FUZZ_TRUE(q->n_history <= QUERY_HISTORY_MAX && q->window >= 0);
    FUZZ_TRUE(strlen(q->tenant) > 0 && strlen(q->collection) > 0);
    FUZZ_TRUE(query_prepare(&again, mem) == ERR_OK);
    FUZZ_TRUE(str_eq(again.question, q->question)); /* the one form is the one form */
    (void)filter_canonical(q->filter, mem);
}

FUZZ_TARGET(query)
{
    json_t *tree = NULL;
    struct query q;

    if (json_parse(&tree, in, "request") < 0)
        return;
    for (int search_only = 0; search_only <= 1; search_only++) {
        query_defaults(&q, asking_engine());
        if (query_from_json(&q, tree, search_only, mem) >= 0)
            check(&q, mem);
    }
    json_decref(tree);
}
