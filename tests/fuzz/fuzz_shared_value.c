/* fuzz_shared_value.c - an answer out of a Redis that anybody may write to, with checksum and scope
 * put right so that the rest is met. */
#include <string.h>

#include "base/err.h"
#include "cache/shared_value.h"
#include "fuzz/fuzz.h"

#define SUM_AT   1
#define SCOPE_AT 33
#define HEAD_MIN 122

static const struct digest prompt = {{1, 2, 3}};
static const struct shared_scope scope = {"default", "default"};

static struct str sealed(struct str in, struct arena *mem)
{
    char *p = arena_dup(mem, in.n ? in.p : "", in.n);
    struct digest of = shared_scope_digest(&scope, (struct str){0}), sum;
    struct digester *d;

    if (in.n < HEAD_MIN)
        return in;
    memcpy(p + SCOPE_AT, of.b, DIGEST_BYTES);
    d = digester_new();
    digester_add(d, prompt.b, DIGEST_BYTES);
    digester_add(d, p + SCOPE_AT, in.n - SCOPE_AT);
    sum = digester_finish(d);
    memcpy(p + SUM_AT, sum.b, DIGEST_BYTES);
    return (struct str){p, in.n};
}

/* What was read can be packed, and is then the same. */
static void check(const struct shared_answer *a, struct arena *mem)
{
    struct shared_answer again = {0};
    struct buf out;

    FUZZ_TRUE(a->body.n <= SHARED_BODY_MAX && a->body.p[a->body.n] == '\0');
    FUZZ_TRUE(a->n_documents <= SHARED_DOCUMENTS_MAX && a->cost >= 0);
    buf_init(&out);
    FUZZ_TRUE(shared_value_pack(&prompt, &scope, a, &out) == ERR_OK);
    FUZZ_TRUE(shared_value_unpack(buf_view(&out), &prompt, &scope, 1000, mem, &again) == ERR_OK);
    FUZZ_TRUE(str_eq(again.body, a->body) && again.n_documents == a->n_documents);
    for (size_t i = 0; i < a->n_documents; i++)
        FUZZ_TRUE(str_eq(again.documents[i], a->documents[i]));
    buf_done(&out);
}

FUZZ_TARGET(shared_value)
{
    struct shared_answer a = {0};

    (void)shared_value_unpack(in, &prompt, &scope, 1000, mem, &a);
    if (shared_value_unpack(sealed(in, mem), &prompt, &scope, 1000, mem, &a) == ERR_OK)
        check(&a, mem);
}
