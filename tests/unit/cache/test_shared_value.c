#include "cache/shared_value.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"

static struct arena *mem;
static struct buf packed;
static struct digest prompt;
static const struct shared_scope scope = {"t", "c"};
static const struct str documents[] = {{"a.md", 4}, {"", 0}, {"b\0c", 3}};

static void up(void)
{
    mem = arena_new(0);
    buf_init(&packed);
    prompt = digest_of("p", 1);
}

static void down(void)
{
    buf_done(&packed);
    arena_free(mem);
}

TestSuite(shared_value, .init = up, .fini = down);

static struct shared_answer made(struct str body)
{
    return (struct shared_answer){
        .body = body, .stored_ms = 1000, .ttl_ms = 500, .documents = documents, .n_documents = 3};
}

static int unpack_at(int64_t now_ms, struct shared_answer *out)
{
    return shared_value_unpack(buf_view(&packed), &prompt, &scope, now_ms, mem, out);
}

Test(shared_value, comes_back_as_it_went)
{
    struct shared_answer a = made(STR_LIT("{\"answer\":\"4.5 %\"}")), b;

    a.tokens_in = 100;
    a.tokens_out = 20;
    a.made_us = 300;
    a.cost = 0.25;
    a.precomputed = true;
    cr_assert_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_OK);
    cr_assert_eq(unpack_at(1200, &b), ERR_OK, "%s", err_text());
    cr_expect(str_eq(a.body, b.body));
    cr_expect_eq(b.stored_ms, 1000);
    cr_expect_eq(b.ttl_ms, 500);
    cr_expect_eq(b.tokens_in, 100);
    cr_expect_eq(b.tokens_out, 20);
    cr_expect_eq(b.made_us, 300);
    cr_expect_eq(b.cost, 0.25);
    cr_expect(b.precomputed);
    cr_assert_eq(b.n_documents, 3);
    for (int i = 0; i < 3; i++)
        cr_expect(str_eq(b.documents[i], documents[i]));
}

Test(shared_value, an_empty_answer_of_no_document_is_one)
{
    struct shared_answer a = {.ttl_ms = 1, .body = STR_LIT("")}, b;

    cr_assert_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_OK);
    cr_assert_eq(unpack_at(0, &b), ERR_OK, "%s", err_text());
    cr_expect_eq(b.body.n, 0);
    cr_expect_eq(b.n_documents, 0);
}

Test(shared_value, lives_until_its_time_is_over)
{
    struct shared_answer a = made(STR_LIT("x")), b;

    cr_assert_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_OK);
    cr_expect_eq(unpack_at(1499, &b), ERR_OK);
    cr_expect_eq(unpack_at(1500, &b), ERR_NOT_FOUND);
    cr_expect_eq(unpack_at(INT64_MAX, &b), ERR_NOT_FOUND);
    cr_expect_eq(unpack_at(0, &b), ERR_OK, "a clock that is behind the one who stored it");
}

Test(shared_value, of_another_scope_or_prompt_is_none)
{
    struct shared_scope other_tenant = {"u", "c"}, other_collection = {"t", "d"},
                        moved = {"tc", ""};
    struct digest other = digest_of("q", 1);
    struct shared_answer a = made(STR_LIT("x")), b;
    struct str bytes;

    cr_assert_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_OK);
    bytes = buf_view(&packed);
    cr_expect_eq(shared_value_unpack(bytes, &prompt, &other_tenant, 1, mem, &b), ERR_NOT_FOUND);
    cr_expect_eq(shared_value_unpack(bytes, &prompt, &other_collection, 1, mem, &b), ERR_NOT_FOUND);
    cr_expect_eq(shared_value_unpack(bytes, &prompt, &moved, 1, mem, &b), ERR_NOT_FOUND);
    cr_expect_eq(shared_value_unpack(bytes, &other, &scope, 1, mem, &b), ERR_FORMAT);
}

Test(shared_value, every_flipped_bit_and_every_cut_is_found)
{
    struct shared_answer a = made(STR_LIT("an answer that is long enough to be packed, packed")), b;

    cr_assert_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_OK);
    for (size_t i = 0; i < packed.n * 8; i++) {
        packed.p[i / 8] ^= (char)(1 << i % 8);
        cr_expect_eq(unpack_at(1200, &b), ERR_FORMAT, "bit %zu", i);
        packed.p[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t n = 0; n < packed.n; n++)
        cr_expect_eq(shared_value_unpack((struct str){packed.p, n}, &prompt, &scope, 1200, mem, &b),
                     ERR_FORMAT, "%zu bytes", n);
}

/* Bytes whose checksum is right and whose numbers are not: made by somebody else. */
Test(shared_value, numbers_that_lie_are_found_behind_a_right_checksum)
{
    struct shared_answer a = made(STR_LIT("an answer")), b;

    cr_assert_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_OK);
    for (size_t at = 65; at < packed.n; at++) {
        for (int k = 0; k < 3; k++) {
            struct digester *d = digester_new();
            struct digest sum;
            char kept = packed.p[at];
            int rc;

            packed.p[at] = "\xff\x7f\x01"[k];
            digester_add(d, prompt.b, DIGEST_BYTES);
            digester_add(d, packed.p + 33, packed.n - 33);
            sum = digester_finish(d);
            memcpy(packed.p + 1, sum.b, DIGEST_BYTES);
            rc = unpack_at(1200, &b);
            cr_expect(rc == ERR_OK || rc == ERR_FORMAT || rc == ERR_NOT_FOUND, "%zu: %d", at, rc);
            cr_expect(rc < 0 || b.body.n <= SHARED_BODY_MAX);
            packed.p[at] = kept;
        }
    }
}

Test(shared_value, what_is_over_a_limit_is_not_packed)
{
    struct shared_answer a = made(STR_LIT("x"));
    struct str many[SHARED_DOCUMENTS_MAX + 1] = {{0}}, longest = {"x", SHARED_DOCUMENT_MAX + 1};

    a.body.n = SHARED_BODY_MAX + 1;
    cr_expect_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_LIMIT);
    a = made(STR_LIT("x"));
    a.documents = many;
    a.n_documents = SHARED_DOCUMENTS_MAX + 1;
    cr_expect_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_LIMIT);
    a.documents = &longest;
    a.n_documents = 1;
    cr_expect_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_LIMIT);
    a = made(STR_LIT("x"));
    a.ttl_ms = 0;
    cr_expect_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_LIMIT);
    a.ttl_ms = SHARED_TTL_MAX_MS + 1;
    cr_expect_eq(shared_value_pack(&prompt, &scope, &a, &packed), ERR_LIMIT);
    cr_expect_eq(packed.n, 0);
}

Test(shared_value, a_document_is_named_by_where_it_is)
{
    struct shared_scope a = {"ab", "c"}, b = {"a", "bc"};
    struct digest x = shared_scope_digest(&a, STR_LIT("d"));
    struct digest y = shared_scope_digest(&b, STR_LIT("d"));
    struct digest z = shared_scope_digest(&a, (struct str){0});

    cr_expect(!digest_eq(&x, &y));
    cr_expect(!digest_eq(&x, &z));
}
