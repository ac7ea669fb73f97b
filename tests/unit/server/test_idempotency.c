#include "server/idempotency.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"

static struct digest d(const char *text)
{
    return digest_of(text, strlen(text));
}

static int begin_at(struct idempotency *t, const char *name, const char *content, int64_t now_ms,
                    struct arena *mem, struct kept_reply *out)
{
    struct digest n = d(name), c = d(content);

    return idempotency_begin(t, &n, &c, now_ms, mem, out);
}

static int begin(struct idempotency *t, const char *name, const char *content)
{
    struct arena *mem = arena_new(0);
    struct kept_reply out;
    int rc = begin_at(t, name, content, 0, mem, &out);

    arena_free(mem);
    return rc;
}

static void end(struct idempotency *t, const char *name, const char *body)
{
    struct digest n = d(name);
    struct kept_reply reply = {.status = 200, .lines = STR_LIT("A: b\r\n"), .body = {body, 0}};

    if (body)
        reply.body = str_of(body);
    idempotency_end(t, &n, body ? &reply : NULL);
}

Test(idempotency, the_same_again_gets_the_first_reply)
{
    struct idempotency *t = idempotency_new(10, 1000);
    struct arena *mem = arena_new(0);
    struct kept_reply out;

    cr_assert_eq(begin(t, "k", "body"), 0);
    end(t, "k", "reply");
    cr_assert_eq(begin_at(t, "k", "body", 5, mem, &out), 1);
    cr_expect_eq(out.status, 200);
    cr_expect(str_eq(out.lines, STR_LIT("A: b\r\n")));
    cr_expect(str_eq(out.body, STR_LIT("reply")));
    cr_expect_eq(out.rc, 0);
    arena_free(mem);
    idempotency_free(t);
}

Test(idempotency, another_content_or_one_under_way_is_refused)
{
    struct idempotency *t = idempotency_new(10, 1000);

    cr_expect_eq(begin(t, "k", "body"), 0);
    cr_expect_eq(begin(t, "k", "body"), ERR_EXISTS);
    cr_expect_eq(begin(t, "k", "other"), ERR_MISMATCH);
    end(t, "k", "reply");
    cr_expect_eq(begin(t, "k", "other"), ERR_MISMATCH);
    cr_expect_eq(begin(t, "other", "other"), 0, "another name is another request");
    idempotency_free(t);
}

Test(idempotency, what_failed_may_be_tried_again)
{
    struct idempotency *t = idempotency_new(10, 1000);

    cr_expect_eq(begin(t, "k", "body"), 0);
    end(t, "k", NULL);
    cr_expect_eq(begin(t, "k", "other"), 0);
    idempotency_free(t);
}

Test(idempotency, forgets_after_a_day)
{
    struct idempotency *t = idempotency_new(10, 1000);
    struct arena *mem = arena_new(0);
    struct kept_reply out;

    cr_assert_eq(begin(t, "k", "body"), 0);
    end(t, "k", "reply");
    cr_expect_eq(begin_at(t, "k", "body", IDEMPOTENCY_TTL_MS - 1, mem, &out), 1);
    cr_expect_eq(begin_at(t, "k", "body", IDEMPOTENCY_TTL_MS, mem, &out), 0);
    arena_free(mem);
    idempotency_free(t);
}

Test(idempotency, over_its_bounds_the_oldest_finished_one_gives_way)
{
    struct idempotency *t = idempotency_new(3, 24);

    cr_expect_eq(begin(t, "running", "x"), 0);
    for (int i = 0; i < 5; i++) {
        char name[16];

        snprintf(name, sizeof name, "k%d", i);
        cr_expect_eq(begin(t, name, "x"), 0);
        end(t, name, "12"); /* 8 bytes each with its lines */
    }
    cr_expect_eq(begin(t, "running", "x"), ERR_EXISTS);
    cr_expect_eq(begin(t, "k4", "x"), 1);
    cr_expect_eq(begin(t, "k3", "x"), 1);
    cr_expect_eq(begin(t, "k2", "x"), 0, "by number");
    end(t, "k2", "123456789"); /* 15 bytes: by bytes k3 goes */
    cr_expect_eq(begin(t, "k2", "x"), 1);
    cr_expect_eq(begin(t, "k3", "x"), 0);
    idempotency_free(t);
}

Test(idempotency, a_reply_that_is_too_long_is_not_kept)
{
    struct idempotency *t = idempotency_new(10, 64u << 20);
    struct digest name = d("k");
    struct kept_reply reply = {.status = 200, .lines = STR_LIT("")};
    char *body = mem_calloc(1, IDEMPOTENCY_REPLY_MAX + 1);

    cr_expect_eq(begin(t, "k", "x"), 0);
    reply.body = (struct str){body, IDEMPOTENCY_REPLY_MAX + 1};
    idempotency_end(t, &name, &reply);
    cr_expect_eq(begin(t, "k", "x"), 0);
    mem_free(body);
    idempotency_free(t);
}

static void expect_key(const char *value, const char *key)
{
    struct arena *mem = arena_new(0);
    struct str out = {NULL, 0};
    int rc = idempotency_key(str_of(value), mem, &out);

    cr_expect_eq(rc, key ? ERR_OK : ERR_FORMAT, "%s", value);
    if (key)
        cr_expect(str_eq(out, str_of(key)), "%s", value);
    arena_free(mem);
}

Test(idempotency, a_key_comes_quoted_or_bare_and_is_one_string)
{
    char longest[IDEMPOTENCY_KEY_MAX + 2];

    expect_key("\"8e03978e-40d5\"", "8e03978e-40d5");
    expect_key("8e03978e-40d5", "8e03978e-40d5");
    expect_key("\"a \\\"b\\\\\"", "a \"b\\");
    expect_key("", NULL);
    expect_key("\"\"", NULL);
    expect_key("\"open", NULL);
    expect_key("\"a\" b", NULL);
    expect_key("\"a\\n\"", NULL);
    expect_key("\"a\\", NULL);
    expect_key("a b", NULL);
    expect_key("a,b", NULL);
    expect_key("a\xc3\xa9", NULL);
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    expect_key(longest, NULL);
    longest[IDEMPOTENCY_KEY_MAX] = '\0';
    expect_key(longest, longest);
}
