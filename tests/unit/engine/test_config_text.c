#include "engine/config_text.h"

#include <criterion/criterion.h>
#include <libconfig.h>
#include <string.h>

/* The text as libconfig reads what was printed. */
static void expect_same(const char *text)
{
    config_t c;
    struct buf file;
    const char *read = NULL;

    buf_init(&file);
    buf_add_str(&file, "a = ");
    config_text_print(text, &file);
    buf_add_str(&file, ";\n");
    config_init(&c);
    cr_assert(config_read_string(&c, file.p), "%s: %s", file.p, config_error_text(&c));
    cr_assert(config_lookup_string(&c, "a", &read));
    cr_expect_str_eq(read, text, "'%s' came back from %s", read, file.p);
    config_destroy(&c);
    buf_done(&file);
}

Test(config_text, is_read_as_it_was)
{
    char one[2] = "";

    expect_same("");
    expect_same("plain /path/to");
    expect_same("say \"no\" \\ \\n \\x41 // # /* */");
    expect_same("caf\xc3\xa9 \xe2\x82\xac");
    for (int c = 1; c < 256; c++) {
        one[0] = (char)c;
        expect_same(one);
    }
}

Test(config_text, looks_like_what_one_would_write)
{
    struct buf out;

    buf_init(&out);
    config_text_print("a\"b\\c\n", &out);
    cr_expect_str_eq(out.p, "\"a\\\"b\\\\c\\x0a\"");
    buf_done(&out);
}
