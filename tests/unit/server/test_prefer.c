#include "server/prefer.h"

#include <criterion/criterion.h>

#include "base/arena.h"

static struct http_head head_of(struct http_field *fields, size_t n)
{
    return (struct http_head){.fields = fields, .n_fields = n};
}

#define PREFER(text) ((struct http_field){STR_LIT("Prefer"), STR_LIT(text)})

Test(prefer, finds_a_preference_in_any_field_and_place)
{
    struct http_field fields[] = {PREFER("wait=10; x=y, Respond-Async"), PREFER("return=minimal")};
    struct http_head h = head_of(fields, 2);

    cr_expect(prefer_has(&h, "respond-async"));
    cr_expect(prefer_has(&h, "return"));
    cr_expect_not(prefer_has(&h, "respond"));
    cr_expect_eq(prefer_number(&h, "wait", 60), 10);
}

Test(prefer, numbers_are_cut_at_the_most_and_nonsense_is_none)
{
    struct http_field fields[] = {PREFER("wait=999999999999999999999999"), PREFER("wait=1")};
    struct http_field bad[] = {PREFER("wait=ten, \"quoted, respond-async\"=1, =, ;,,")};
    struct http_head h = head_of(fields, 2), b = head_of(bad, 1), none = head_of(NULL, 0);

    cr_expect_eq(prefer_number(&h, "wait", 60), 60, "the first one counts");
    cr_expect_eq(prefer_number(&b, "wait", 60), 0);
    cr_expect_not(prefer_has(&b, "respond-async"));
    cr_expect_eq(prefer_number(&none, "wait", 60), 0);
    cr_expect_not(prefer_has(&none, "wait"));
}
