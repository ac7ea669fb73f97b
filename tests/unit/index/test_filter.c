#include <criterion/criterion.h>

#include "base/err.h"
#include "base/json.h"
#include "index/filter.h"
#include "index/filter_parts.h"

static const char metadata_text[] =
    "{\"year\":2020,\"type\":\"policy\",\"tags\":[\"a\",\"b\",3],\"date\":\"2023-06-30\",\"draft\":"
    "false,"
    "\"none\":null,\"empty\":[],\"owner\":{\"name\":\"Ann\",\"team\":{\"id\":7}},\"x.y\":1,"
    "\"parts\":[{\"n\":1},{\"n\":2}],\"_title\":\"not this\"}";

static bool passes(const char *text)
{
    struct filter_builtin builtin = {"text", STR_LIT("a/b.md"), STR_LIT("A title"), 3,
                                     1700000000000};
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;
    json_t *metadata = NULL;
    bool yes;

    cr_assert_eq(json_parse(&metadata, str_of(metadata_text), "test"), ERR_OK, "%s", err_text());
    cr_assert_eq(filter_from_text(&f, str_of(text), mem), ERR_OK, "%s: %s", text, err_text());
    yes = filter_matches(f, metadata, &builtin);
    json_decref(metadata);
    arena_free(mem);
    return yes;
}

Test(filter, compares_with_types)
{
    cr_expect(passes("year=2020"));
    cr_expect(passes("year>=2020 and year<2020.5"));
    cr_expect_not(passes("year=\"2020\""), "a string is not a number");
    cr_expect_not(passes("type=1"));
    cr_expect(passes("type=policy"));
    cr_expect(passes("type>=p and type<q"), "strings by bytes");
    cr_expect(passes("draft=false"));
    cr_expect_not(passes("draft=true"));
}

Test(filter, compares_dates_as_time)
{
    cr_expect(passes("date=2023-06-30"));
    cr_expect(passes("date=2023-06-30T00:00:00Z"));
    cr_expect(passes("date=\"2023-06-30T02:00:00+02:00\""));
    cr_expect(passes("date>2023-01-01 and date<2024-01-01"));
    cr_expect_not(passes("type>2000-01-01"), "no date at all");
    cr_expect_not(passes("year>2000-01-01"));
}

Test(filter, looks_into_lists_and_objects)
{
    cr_expect(passes("tags=a and tags=b and tags=3"));
    cr_expect_not(passes("tags=c"));
    cr_expect_not(passes("tags!=a"), "ne is the contrary of eq");
    cr_expect(passes("tags!=c"));
    cr_expect(passes("owner.name=Ann"));
    cr_expect(passes("owner.team.id=7"));
    cr_expect(passes("x.y=1"));
    cr_expect(passes("parts.n=2"));
    cr_expect_not(passes("owner=Ann"));
}

Test(filter, of_a_missing_field_is_false_but_for_its_negatives)
{
    cr_expect_not(passes("nosuch=1"));
    cr_expect_not(passes("nosuch<1"));
    cr_expect(passes("not nosuch<1"));
    cr_expect(passes("nosuch!=1"));
    cr_expect(passes("nosuch not in (1, 2)"));
    cr_expect(passes("nosuch not exists"));
    cr_expect(passes("none not exists and empty not exists and owner not exists"));
    cr_expect(passes("year exists"));
}

Test(filter, knows_the_built_in_fields)
{
    cr_expect(passes("_kind=text"));
    cr_expect(passes("_document=\"a/b.md\""));
    cr_expect(passes("_title=\"A title\""), "a user's _title does not hide ours");
    cr_expect_not(passes("_title=\"not this\""));
    cr_expect(passes("_page>2"));
    cr_expect(passes("_ingested>2023-01-01"));
    cr_expect_not(passes("_document=2023-01-01"), "a name, not a time");
}

Test(filter, joins)
{
    cr_expect(passes("year=1 or type=policy and draft=false"));
    cr_expect_not(passes("(year=1 or type=policy) and draft=true"));
    cr_expect(passes("not (year=1 or year=2)"));
    cr_expect(passes("NOT year=1 AND type IN (x, policy)"));
    cr_expect(passes(""), "no filter: everything");
}

Test(filter, refuses_built_in_fields_of_another_type)
{
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;

    cr_expect_eq(filter_from_text(&f, STR_LIT("_page=one"), mem), ERR_ARGUMENT);
    cr_expect_eq(filter_from_text(&f, STR_LIT("_ingested>5"), mem), ERR_ARGUMENT);
    cr_expect_eq(filter_from_text(&f, STR_LIT("_kind=1"), mem), ERR_ARGUMENT);
    cr_expect_eq(filter_from_text(&f, STR_LIT("draft>true"), mem), ERR_ARGUMENT);
    cr_expect_null(f);
    cr_expect_str_eq(filter_op_name(FILTER_GTE), "gte");
    arena_free(mem);
}

Test(filter, knows_which_fields_it_names)
{
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;

    cr_expect(!filter_names(NULL, STR_LIT("_kind")));
    cr_assert_eq(filter_from_text(&f, STR_LIT("year>=2020 and not (_kind=text or a exists)"), mem),
                 ERR_OK, "%s", err_text());
    cr_expect(filter_names(f, STR_LIT("_kind")));
    cr_expect(filter_names(f, STR_LIT("year")));
    cr_expect(!filter_names(f, STR_LIT("_page")));
    arena_free(mem);
}
