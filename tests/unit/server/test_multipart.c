#include "server/multipart.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/err.h"

#define TYPE "multipart/form-data; boundary=XX"

static int parse(struct arena *mem, const char *type, struct str body, struct part **parts,
                 size_t *n)
{
    return multipart_parse(str_of(type), body, mem, parts, n);
}

static void expect_refused(const char *type, const char *body, const char *word)
{
    struct arena *mem = arena_new(0);
    struct part *parts;
    size_t n;

    cr_expect_lt(parse(mem, type, str_of(body), &parts, &n), 0, "%s", body);
    cr_expect(strstr(err_text(), word) != NULL, "'%s' should name '%s'", err_text(), word);
    arena_free(mem);
}

Test(multipart, files_and_fields)
{
    struct arena *mem = arena_new(0);
    struct part *p;
    size_t n;
    struct str body =
        STR_LIT("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.md\"\r\n"
                "Content-Type: text/markdown\r\n\r\n# Hi\r\n--X is no boundary\r\n"
                "\r\n--XX\r\nContent-Disposition: form-data; name=collection\r\n\r\ndocs"
                "\r\n--XX--\r\n");

    cr_assert_eq(parse(mem, TYPE, body, &p, &n), ERR_OK, "%s", err_text());
    cr_assert_eq(n, 2);
    cr_expect(str_eq(p[0].filename, STR_LIT("a b.md")));
    cr_expect(str_eq(p[0].bytes, STR_LIT("# Hi\r\n--X is no boundary\r\n")));
    cr_expect(str_eq(p[1].name, STR_LIT("collection")));
    cr_expect_null(p[1].filename.p);
    cr_expect(str_eq(p[1].bytes, STR_LIT("docs")));
    arena_free(mem);
}

Test(multipart, bytes_are_kept_as_they_are)
{
    struct arena *mem = arena_new(0);
    struct part *p;
    size_t n;
    struct str body =
        STR_LIT("--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n"
                "\r\n\0\n\r\xff--XX\r\n--XX--");

    cr_assert_eq(parse(mem, TYPE, body, &p, &n), ERR_OK, "%s", err_text());
    cr_expect(str_eq(p[0].bytes, STR_LIT("\0\n\r\xff--XX")));
    arena_free(mem);
}

Test(multipart, quotes_in_names)
{
    struct arena *mem = arena_new(0);
    struct part *p;
    size_t n;
    struct str body = STR_LIT("--a b\r\nContent-Disposition: form-data; name=\"f\"; "
                              "filename=\"say \\\"hi\\\" %22x%22.txt\"\r\n\r\nz\r\n--a b--");

    cr_assert_eq(parse(mem, "multipart/form-data; charset=utf-8; boundary=\"a b\"", body, &p, &n),
                 ERR_OK, "%s", err_text());
    cr_expect(str_eq(p[0].filename, STR_LIT("say \"hi\" \"x\".txt")));
    arena_free(mem);
}

Test(multipart, no_parts_is_fine)
{
    struct arena *mem = arena_new(0);
    struct part *p;
    size_t n = 9;

    cr_expect_eq(parse(mem, TYPE, STR_LIT("--XX--\r\n"), &p, &n), ERR_OK);
    cr_expect_eq(n, 0);
    arena_free(mem);
}

Test(multipart, what_is_refused)
{
    const char *part = "--XX\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nz";
    char cut[200];

    expect_refused("multipart/form-data", "--XX--", "boundary");
    expect_refused("multipart/form-data; boundary=", "--XX--", "boundary");
    expect_refused("multipart/form-data; boundary=\"XX", "--XX--", "does not end");
    expect_refused(TYPE, "", "begin");
    expect_refused(TYPE, "preamble\r\n--XX--", "begin");
    expect_refused(TYPE, part, "last boundary");
    snprintf(cut, sizeof cut, "%s\r\n--XX", part);
    expect_refused(TYPE, cut, "followed by CRLF");
    snprintf(cut, sizeof cut, "%s\r\n--XX--and more", part);
    expect_refused(TYPE, cut, "followed by CRLF");
    expect_refused(TYPE, "--XX\r\n\r\n\r\nz\r\n--XX--", "no name");
    expect_refused(TYPE, "--XX\r\nno colon\r\n\r\nz\r\n--XX--", "Name: value");
    expect_refused(TYPE, "--XX\r\nA: b\nContent-Disposition: form-data; name=f\r\n\r\nz\r\n--XX--",
                   "bare line feed");
    expect_refused(TYPE, "--XX\r\nContent-Disposition: attachment; name=f\r\n\r\nz\r\n--XX--",
                   "form-data");
    expect_refused(TYPE,
                   "--XX\r\nContent-Disposition: form-data; name=f\r\n"
                   "Content-Transfer-Encoding: base64\r\n\r\nz\r\n--XX--",
                   "binary");
    expect_refused(TYPE, "--XX\r\nContent-Disposition: form-data; name=\"\x01\"\r\n\r\nz\r\n--XX--",
                   "control");
}

Test(multipart, cut_anywhere_it_is_refused_and_never_read_past)
{
    const char *whole = "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"q\"\r\n"
                        "\r\nbytes\r\n--XX--";

    for (size_t n = 0; n < strlen(whole); n++) {
        struct arena *mem = arena_new(0);
        char *copy = arena_dup(mem, whole, n + 1);
        struct part *p;
        size_t n_parts;

        cr_expect_lt(parse(mem, TYPE, (struct str){copy, n}, &p, &n_parts), 0, "cut at %zu", n);
        arena_free(mem);
    }
}
