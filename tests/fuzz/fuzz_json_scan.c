/* fuzz_json_scan.c - JSON walked without a tree. It trusts its text, but must end and stay inside
 * whatever the text is; and of text that our own writer made it must say what the parser says. */
#include "base/err.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/jsonw.h"
#include "fuzz/fuzz.h"

static void expect_inside(struct str part, struct str all)
{
    FUZZ_TRUE(part.n == 0 || (part.p >= all.p && part.p + part.n <= all.p + all.n));
}

static void walk_any(struct str text)
{
    struct str rest = json_scan_open(text), key, value, members = rest;
    size_t n = 0;

    expect_inside(rest, text);
    for (; json_scan_element(&rest, &value); n++) {
        FUZZ_TRUE(n <= text.n);
        expect_inside(value, text);
    }
    for (n = 0; json_scan_member(&members, &key, &value); n++) {
        FUZZ_TRUE(n <= text.n);
        expect_inside(key, text);
        expect_inside(value, text);
    }
    expect_inside(json_scan_get(text, "a"), text);
}

/* The words of the input as an object, a list of strings and numbers in it. */
static void write_words(struct str in, struct jsonw *w)
{
    jsonw_open(w, '{');
    jsonw_key(w, "a");
    jsonw_open(w, '[');
    while (in.n) {
        struct str word = fuzz_part(&in);

        jsonw_str(w, word);
        jsonw_int(w, (int64_t)word.n);
        jsonw_real(w, (double)word.n / 7);
        jsonw_base64(w, word.p, word.n);
    }
    jsonw_close(w, ']');
    jsonw_key(w, "b"), jsonw_null(w);
    jsonw_close(w, '}');
}

static void compare(struct str list, const json_t *tree)
{
    struct str rest = json_scan_open(list), value;
    struct buf text;
    size_t i = 0;

    buf_init(&text);
    for (; json_scan_element(&rest, &value); i++) {
        const json_t *v = json_array_get(tree, i);

        buf_clear(&text);
        FUZZ_TRUE(v && json_scan_text(value, &text) == json_is_string(v));
        if (json_is_string(v))
            FUZZ_TRUE(
                str_eq(buf_view(&text), (struct str){json_string_value(v), json_string_length(v)}));
    }
    FUZZ_TRUE(i == json_array_size(tree));
    buf_done(&text);
}

FUZZ_TARGET(json_scan)
{
    struct buf out;
    struct jsonw w = jsonw_to(&out);
    json_t *tree = NULL;

    (void)mem;
    walk_any(in);
    buf_init(&out);
    write_words(in, &w);
    FUZZ_TRUE(json_parse(&tree, buf_view(&out), "ours") == ERR_OK);
    compare(json_scan_get(buf_view(&out), "a"), json_object_get(tree, "a"));
    FUZZ_TRUE(str_eq(json_scan_get(buf_view(&out), "b"), STR_LIT("null")));
    json_decref(tree);
    buf_done(&out);
}
