#include "extract/front_matter.h"

#include "made.h"

static json_t *meta;

static struct str read_it(const char *s)
{
    json_decref(meta);
    return front_matter_read(str_of(s), &meta);
}

static bool is_json(const char *key, const char *json)
{
    json_t *want = json_loads(json, JSON_DECODE_ANY, NULL);
    bool same = json_equal(json_object_get(meta, key), want);

    json_decref(want);
    return same;
}

Test(front_matter, reads_every_kind_of_value)
{
    struct str rest = read_it("---\ntitle: \"Capital: \\\"rules\\\"\"\nyear: 2024\nratio: -4.5\n"
                              "when: 2024-01-31\npublic: true\nnone:\nquoted: 'it''s'\n"
                              "code: 007\n# a comment\nnote: plain text # behind\n---\nBody\n");

    cr_expect(str_eq(rest, STR_LIT("Body\n")));
    cr_expect(is_json("title", "\"Capital: \\\"rules\\\"\""));
    cr_expect(is_json("year", "2024"));
    cr_expect(is_json("ratio", "-4.5"));
    cr_expect(is_json("when", "\"2024-01-31\""));
    cr_expect(is_json("public", "true"));
    cr_expect(is_json("none", "null"));
    cr_expect(is_json("quoted", "\"it's\""));
    cr_expect(is_json("code", "\"007\""));
    cr_expect(is_json("note", "\"plain text\""));
    json_decref(meta);
}

Test(front_matter, reads_lists_in_both_forms)
{
    read_it("---\ntags: [capital, \"tier 1, 2\", 3]\nowners:\n  - Ann\n  - Bob\nempty: []\n...\n");
    cr_expect(is_json("tags", "[\"capital\",\"tier 1, 2\",3]"));
    cr_expect(is_json("owners", "[\"Ann\",\"Bob\"]"));
    cr_expect(is_json("empty", "[]"));
    json_decref(meta);
}

Test(front_matter, leaves_prose_between_rulers_alone)
{
    struct str rest = read_it("---\njust prose\n---\nmore\n");

    cr_expect_null(meta);
    cr_expect(str_eq(rest, STR_LIT("---\njust prose\n---\nmore\n")));
    rest = read_it("no front matter");
    cr_expect_null(meta);
    cr_expect(str_eq(rest, STR_LIT("no front matter")));
    read_it("---\nnever: closed\n");
    cr_expect_null(meta);
}

Test(front_matter, takes_windows_line_ends)
{
    struct str rest = read_it("---\r\na: 1\r\n---\r\nBody");

    cr_expect(is_json("a", "1"));
    cr_expect(str_eq(rest, STR_LIT("Body")));
    json_decref(meta);
}

Test(front_matter, survives_what_it_does_not_understand)
{
    read_it("---\na: [1, 2\nb: {x: 1}\n: no key\nc: 'open\nd: \"\\q\"\n- stray\n&x *y\n---\n");
    cr_expect(is_json("a", "\"[1, 2\""));
    cr_expect(is_json("b", "\"{x: 1}\""));
    cr_expect(is_json("c", "\"'open\""));
    json_decref(meta);
}
