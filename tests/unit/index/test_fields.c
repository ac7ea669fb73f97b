#include "index/fields.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"

static struct arena *mem;
static struct buf out;

static void setup(void)
{
    mem = arena_new(0);
    buf_init(&out);
}

static void teardown(void)
{
    buf_done(&out);
    arena_free(mem);
}

TestSuite(fields, .init = setup, .fini = teardown);

static const char *names(const char *title, const char *metadata)
{
    struct document_row doc = {.title = str_of(title), .metadata = str_of(metadata)};

    buf_clear(&out);
    fields_names(&doc, &out);
    return arena_strndup(mem, out.p, out.n);
}

Test(fields, names_are_title_and_metadata)
{
    cr_expect_str_eq(names("Annual report", "{\"company\":\"Amcor\",\"period\":2023}"),
                     "Annual report\nAmcor\n2023");
    cr_expect_str_eq(names("", "{\"of\":{\"tags\":[\"a b\",\"c\"]}}"), "\na b\nc");
}

Test(fields, what_is_no_name_is_left_out)
{
    cr_expect_str_eq(names("T", "{\"a\":true,\"b\":null,\"c\":1.5,\"d\":\"\"}"), "T");
    cr_expect_str_eq(names("T", "{}"), "T");
    cr_expect_str_eq(names("T", ""), "T", "no metadata");
    cr_expect_str_eq(names("T", "[\"a\"]"), "T", "not an object");
    cr_expect_str_eq(names("T", "{\"a\":"), "T", "not JSON");
}

Test(fields, long_values_are_texts)
{
    char json[FIELDS_VALUE_MAX + 64] = "{\"a\":\"", *p = json + strlen(json);

    memset(p, 'x', FIELDS_VALUE_MAX);
    strcpy(p + FIELDS_VALUE_MAX, "\"}");
    cr_expect_eq(strlen(names("T", json)), FIELDS_VALUE_MAX + 2);
    strcpy(p + FIELDS_VALUE_MAX, "x\"}");
    cr_expect_str_eq(names("T", json), "T");
}

Test(fields, many_values_end_somewhere)
{
    struct buf json;

    buf_init(&json);
    buf_add_char(&json, '{');
    for (int i = 0; i < 300; i++)
        buf_addf(&json, "%s\"k%d\":\"value%d\"", i ? "," : "", i, i);
    buf_add_char(&json, '}');
    buf_add_char(&json, 0);
    names("T", json.p);
    cr_expect_leq(out.n, 1 + FIELDS_NAMES_MAX);
    cr_expect_gt(out.n, FIELDS_NAMES_MAX - 20);
    buf_done(&json);
}
