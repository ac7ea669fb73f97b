#include "engine/caller.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "index/filter.h"
#include "store/store_keys.h"

static struct key_row a_row(void)
{
    return (struct key_row){
        .id = 7, .name = "n", .tenant = "acme", .role = "read", .collections = "", .filter = ""};
}

static int refusal_of(const struct key_row *row)
{
    struct caller *c = NULL;
    int rc = caller_of_row(&c, row);

    cr_expect(rc < 0 || c);
    caller_unref(c);
    return rc;
}

Test(caller, a_row_says_who_and_for_what)
{
    struct key_row row = a_row();
    struct caller *c;

    row.collections = "b,a";
    row.role = "write";
    row.requests_per_minute = 60;
    row.concurrency = 4;
    cr_assert_eq(caller_of_row(&c, &row), ERR_OK);
    cr_expect_eq(c->id, 7);
    cr_expect_eq(c->role, ROLE_WRITE);
    cr_expect_str_eq(c->tenant, "acme");
    cr_expect_str_eq(c->collections[0], "b", "the first named is the one meant");
    cr_expect(caller_sees(c, "a"));
    cr_expect_not(caller_sees(c, "ab"));
    cr_expect_not(caller_sees(c, ""));
    cr_expect_eq(c->limits.requests_per_minute, 60);
    cr_expect_eq(c->limits.concurrency, 4);
    caller_unref(c);
}

Test(caller, without_collections_all_of_the_tenant_are_there)
{
    struct key_row row = a_row();
    struct caller *c;

    cr_assert_eq(caller_of_row(&c, &row), ERR_OK);
    cr_expect(caller_sees(c, "whatever"));
    cr_expect_null(c->filter);
    caller_unref(c);
}

Test(caller, names_that_are_none_are_refused)
{
    static const char *const collections[] = {",", "a,", "a,,b", "a b", "a,b/c", ",a"};
    struct key_row row = a_row();

    for (size_t i = 0; i < sizeof collections / sizeof *collections; i++) {
        row.collections = collections[i];
        cr_expect_eq(refusal_of(&row), ERR_ARGUMENT, "%s", collections[i]);
    }
    row = a_row();
    row.tenant = "";
    cr_expect_eq(refusal_of(&row), ERR_ARGUMENT);
    row = a_row();
    row.role = "anyone";
    cr_expect_eq(refusal_of(&row), ERR_ARGUMENT, "that is no role of a key");
}

Test(caller, a_filter_is_for_those_who_read_and_about_documents)
{
    struct key_row row = a_row();
    struct caller *c;

    row.filter = "{\"dept\":{\"eq\":\"hr\"}}";
    cr_assert_eq(caller_of_row(&c, &row), ERR_OK);
    cr_expect(filter_names(c->filter, STR_LIT("dept")));
    caller_unref(c);
    row.role = "write";
    cr_expect_eq(refusal_of(&row), ERR_ARGUMENT);
    row.role = "read";
    row.filter = "{\"or\":[{\"x\":1},{\"_page\":{\"gt\":3}}]}";
    cr_expect_eq(refusal_of(&row), ERR_ARGUMENT, "a neighbour of a hit would show other pages");
    row.filter = "{\"_kind\":\"text\"}";
    cr_expect_eq(refusal_of(&row), ERR_ARGUMENT);
    row.filter = "{\"x\":";
    cr_expect_lt(refusal_of(&row), 0);
}

Test(caller, the_operator_may_everything_and_is_nobodys_key)
{
    struct caller *c = caller_operator("default");

    cr_expect_eq(c->id, 0);
    cr_expect_eq(c->role, ROLE_ADMIN);
    cr_expect(caller_sees(c, "any"));
    caller_unref(caller_ref(c));
    caller_unref(c);
    caller_unref(NULL);
}

Test(caller, roles_have_their_names)
{
    enum role r;

    for (int i = ROLE_READ; i <= ROLE_ADMIN; i++) {
        cr_assert(role_named(role_name((enum role)i), &r));
        cr_expect_eq(r, (enum role)i);
    }
    cr_expect_not(role_named("root", &r));
}
