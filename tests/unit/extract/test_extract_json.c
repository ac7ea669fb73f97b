#include "extract/extract_json.h"

#include "made.h"

static struct arena *mem;
static struct extracted_list list;

static void setup(void)
{
    mem = arena_new(0);
}

static void teardown(void)
{
    extracted_list_done(&list);
    arena_free(mem);
}

TestSuite(extract_json, .init = setup, .fini = teardown);

static int json(const char *s)
{
    extracted_list_done(&list);
    return extract_json(str_of(s), 1 << 20, mem, &list);
}

static int lines(const char *s)
{
    extracted_list_done(&list);
    return extract_jsonl(str_of(s), 1 << 20, mem, &list);
}

static bool is(struct str s, const char *want)
{
    return str_eq(s, str_of(want));
}

Test(extract_json, reads_a_record)
{
    cr_expect_eq(
        json("{\"id\":\"a\",\"title\":\"T\",\"text\":\"one\\r\\n\\r\\ntwo\\u0000\",\"uri\":\"u\","
             "\"metadata\":{\"year\":2020},\"kind\":\"x\"}"),
        ERR_OK);
    cr_assert_eq(list.n, 1);
    cr_expect(is(list.v[0].id, "a"));
    cr_expect(is(list.v[0].title, "T"));
    cr_expect(is(list.v[0].uri, "u"));
    cr_expect(is(list.v[0].text, "one\n\ntwo"));
    cr_expect_eq(json_integer_value(json_object_get(list.v[0].metadata, "year")), 2020);
    cr_expect_str_eq(json_string_value(json_object_get(list.v[0].metadata, "kind")), "x");
}

Test(extract_json, reads_a_list_and_names_bad_records)
{
    cr_expect_eq(json("[{\"id\":7,\"text\":\"one\"},{\"id\":[],\"text\":\"two\"},{\"text\":\" \"},"
                      "{\"text\":\"four\",\"metadata\":3}]"),
                 ERR_OK);
    cr_assert_eq(list.n, 1);
    cr_expect(is(list.v[0].id, "7"));
    cr_assert_eq(list.n_problems, 3);
    cr_expect_str_eq(list.problems[0], "record 2: 'id' must be a string, not a list");
    cr_expect_str_eq(list.problems[1], "record 3: no text");
    cr_expect_str_eq(list.problems[2], "record 4: 'metadata' must be an object");
}

Test(extract_json, flattens_any_other_shape)
{
    cr_expect_eq(json("{\"bank\":{\"name\":\"A\",\"ratios\":[4.5,true,null,{\"x\":1}]}}"), ERR_OK);
    cr_assert_eq(list.n, 1);
    cr_expect(is(list.v[0].text, "bank.name: A\nbank.ratios[0]: 4.5\nbank.ratios[1]: true\n"
                                 "bank.ratios[2]:\nbank.ratios[3].x: 1"));
}

Test(extract_json, refuses_what_is_broken_deep_or_huge)
{
    struct buf b;

    cr_expect_eq(json("{\"a\":"), ERR_FORMAT);
    cr_expect(said("line 1"));
    cr_expect_eq(json("{\"a\":\"\xFF\"}"), ERR_FORMAT);
    buf_init(&b);
    for (int i = 0; i < 100000; i++)
        buf_add_char(&b, '[');
    cr_expect_eq(json(b.p), ERR_LIMIT);
    buf_clear(&b);
    buf_add_char(&b, '[');
    for (int i = 0; i < JSON_VALUES_MAX; i++)
        buf_add_str(&b, "[],");
    cr_expect_eq(json(b.p), ERR_LIMIT);
    cr_expect(said("values"));
    buf_done(&b);
}

Test(extract_json, jsonl_goes_on_behind_bad_lines)
{
    cr_expect_eq(lines("{\"text\":\"one\"}\r\n\nnot json\n{\"id\":1}\n{\"text\":\"five\"}"),
                 ERR_OK);
    cr_assert_eq(list.n, 2);
    cr_expect(is(list.v[1].text, "five"));
    cr_assert_eq(list.n_problems, 2);
    cr_expect(strncmp(list.problems[0], "line 3: ", 8) == 0);
    cr_expect_str_eq(list.problems[1], "line 4: not an object with a string \"text\"");
}

Test(extract_json, jsonl_of_nothing_has_no_text)
{
    cr_expect_eq(lines("\n\n"), ERR_FORMAT);
    cr_expect_eq(lines("bad\n"), ERR_OK);
    cr_expect_eq(list.n_problems, 1);
}
