#include "base/trace_context.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static bool parses(const char *text)
{
    struct trace_context c = {.sampled = true};
    bool yes = trace_context_parse(str_of(text), &c);

    cr_expect(yes || c.trace_id[0] == 0, "untouched");
    return yes;
}

Test(trace_context, a_parent_is_read_and_written_as_it_was)
{
    struct trace_context c;
    char text[TRACEPARENT_BYTES];

    cr_assert(trace_context_parse(STR_LIT(PARENT), &c));
    cr_expect(c.sampled);
    cr_expect_null(c.state);
    cr_expect_eq(c.trace_id[0], 0x0a);
    cr_expect_eq(c.span_id[7], 0x31);
    trace_context_write(&c, text);
    cr_expect_str_eq(text, PARENT);
    c.sampled = false;
    trace_context_write(&c, text);
    cr_expect_str_eq(text + 53, "00");
}

Test(trace_context, flags_but_sampled_mean_nothing)
{
    struct trace_context c;

    cr_assert(trace_context_parse(
        STR_LIT("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe"), &c));
    cr_expect_not(c.sampled);
    cr_assert(trace_context_parse(
        STR_LIT("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03"), &c));
    cr_expect(c.sampled);
}

Test(trace_context, what_is_not_to_the_letter_is_refused)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(parses(bad[i]), "%s", bad[i]);
}

Test(trace_context, a_version_to_come_may_say_more)
{
    cr_expect(parses("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    cr_expect(parses("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future"));
}

Test(trace_context, the_share_of_the_chosen_is_as_asked)
{
    int n = 0;

    for (uint64_t i = 0; i < 65536; i++) {
        uint64_t random = i << 48 | 0xffffffffffff;

        n += trace_is_chosen(random, 0.25);
        cr_assert_not(trace_is_chosen(random, 0));
        cr_assert(trace_is_chosen(random, 1));
    }
    cr_expect_eq(n, 16384, "%d", n);
}

Test(trace_context, new_ids_are_some_and_differ)
{
    unsigned char a[SPAN_ID_BYTES], b[SPAN_ID_BYTES], zero[SPAN_ID_BYTES] = {0};

    trace_new_span_id(a);
    trace_new_span_id(b);
    cr_expect_neq(memcmp(a, b, sizeof a), 0);
    cr_expect_neq(memcmp(a, zero, sizeof a), 0);
}

Test(trace_context, a_thread_works_for_what_was_bound_last)
{
    struct trace_context c = {.sampled = true};

    cr_expect_null(trace_context_bound());
    trace_context_bind(&c);
    cr_expect_eq(trace_context_bound(), &c);
    trace_context_bind(NULL);
    cr_expect_null(trace_context_bound());
}

Test(trace_context, every_byte_has_its_two_digits)
{
    unsigned char id[256];
    char text[2 * sizeof id + 1], two[3];

    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (unsigned char)i;
    trace_hex(id, sizeof id, text);
    for (size_t i = 0; i < sizeof id; i++) {
        snprintf(two, sizeof two, "%02zx", i);
        cr_expect_eq(memcmp(text + 2 * i, two, 2), 0, "%zu", i);
    }
    cr_expect_eq(text[2 * sizeof id], '\0');
}
