#include "cache/origin.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct str documents[] = {{"a.md", 4}, {"b\0c", 3}, {"a.md", 4}, {"", 0}};

static struct lru_value *made(size_t n)
{
    struct answer_origin o = {digest_of("p", 1), "acme", "laws", 7, documents, n};

    return origin_value(STR_LIT("\"answer\":1"), &o, 5000);
}

Test(origin, a_value_tells_what_it_was_made_from)
{
    struct lru_value *v = made(4);
    struct digest prompt = digest_of("p", 1);
    struct answer_origin o;

    origin_of(v, &o);
    cr_expect(digest_eq(&o.prompt_hash, &prompt));
    cr_expect_str_eq(o.tenant, "acme");
    cr_expect_str_eq(o.collection, "laws");
    cr_expect_eq(o.epoch, 7);
    cr_expect(str_eq((struct str){v->bytes, v->n}, STR_LIT("\"answer\":1")),
              "the body is as it was");
    cr_expect_eq(v->ttl_ms, 5000);
    lru_value_unref(v);
}

Test(origin, each_document_is_there_once)
{
    struct lru_value *v = made(4);
    struct answer_origin o;
    struct str document;
    size_t at = 0, n = 0;

    origin_of(v, &o);
    cr_expect_eq(o.n_documents, 3);
    for (; origin_next(v, &at, &document); n++)
        cr_expect(str_eq(document, documents[n < 2 ? n : 3]), "%zu", n);
    cr_expect_eq(n, 3);
    cr_expect_not(origin_next(v, &at, &document), "and stays at the end");
    lru_value_unref(v);
}

Test(origin, an_answer_may_show_no_document)
{
    struct lru_value *v = made(0);
    struct str document;
    size_t at = 0;

    cr_expect_not(origin_next(v, &at, &document));
    lru_value_unref(v);
}
