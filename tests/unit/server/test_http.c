#include "server/http.h"

#include <criterion/criterion.h>
#include <jansson.h>

#include "base/err.h"

static struct http_head parse(struct arena *mem, const char *text)
{
    struct http_head h;

    cr_assert_eq(http_parse_head(str_of(text), mem, &h), ERR_OK, "%s", err_text());
    return h;
}

Test(http, reads_a_head)
{
    struct arena *mem = arena_new(0);
    struct http_head h =
        parse(mem, "GET /a/b?x=1?y HTTP/1.1\r\nHost: localhost\r\nX-One:  two \r\nEmpty:\r\n\r\n");

    cr_expect(str_eq(h.method, STR_LIT("GET")));
    cr_expect(str_eq(h.path, STR_LIT("/a/b")));
    cr_expect(str_eq(h.query, STR_LIT("x=1?y")));
    cr_expect(str_eq(http_field(&h, "x-one"), STR_LIT("two")));
    cr_expect_not_null(http_field(&h, "empty").p);
    cr_expect_null(http_field(&h, "missing").p);
    cr_expect(h.keep_alive);
    cr_expect_eq(h.http_minor, 1);
    arena_free(mem);
}

Test(http, knows_when_a_connection_ends)
{
    struct arena *mem = arena_new(0);

    cr_expect_not(parse(mem, "GET / HTTP/1.0\r\n\r\n").keep_alive);
    cr_expect(parse(mem, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
    cr_expect_not(parse(mem, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").keep_alive);
    arena_free(mem);
}

static void expect_path(const char *head, const char *path)
{
    struct str got = http_path_of(str_of(head));

    cr_expect(str_eq(got, str_of(path)), "'%s': '%.*s'", head, STR_ARGS(got));
}

Test(http, finds_the_path_of_a_head_that_broke_off)
{
    expect_path("POST /v1/x HTTP/1.1\r\nBad", "/v1/x");
    expect_path("GET /a?b=c HT", "/a");
    expect_path("GET /a", "");
    expect_path("GET", "");
    expect_path("", "");
}

Test(http, refuses_a_head_that_is_not_whole)
{
    struct arena *mem = arena_new(0);
    struct http_head h;

    cr_expect_eq(http_parse_head(STR_LIT("NONSENSE\r\n\r\n"), mem, &h), ERR_FORMAT);
    cr_expect_eq(http_parse_head(STR_LIT("BREW / HTTP/1.1\r\n\r\n"), mem, &h), ERR_FORMAT);
    cr_expect_eq(http_parse_head(STR_LIT("GET / HTTP/1.1\r\nno field\r\n\r\n"), mem, &h),
                 ERR_FORMAT);
    cr_expect_eq(http_parse_head(STR_LIT("GET / HTTP/1.1\r\n\r\nmore"), mem, &h), ERR_FORMAT);
    cr_expect_eq(http_parse_head(STR_LIT("GET / HTTP/1.1\r\nHost: a\r\n"), mem, &h), ERR_FORMAT);
    arena_free(mem);
}

Test(http, media_types_without_their_parameters)
{
    cr_expect(http_media_is(STR_LIT("application/json"), "application/json"));
    cr_expect(http_media_is(STR_LIT("Application/JSON ; charset=utf-8"), "application/json"));
    cr_expect_not(http_media_is(STR_LIT("application/jsonx"), "application/json"));
    cr_expect_not(http_media_is((struct str){NULL, 0}, "application/json"));
}

Test(http, accept_lists)
{
    cr_expect(http_accepts(STR_LIT("text/html, text/plain;q=0.5"), "text/plain"));
    cr_expect_not(http_accepts(STR_LIT("text/plain;q=0.0"), "text/plain"));
    cr_expect_not(http_accepts(STR_LIT("*/*"), "text/plain"), "a wildcard is no wish");
    cr_expect_not(http_accepts((struct str){NULL, 0}, "text/plain"));
}

Test(http, percent_decoding)
{
    struct arena *mem = arena_new(0);
    struct str out;
    const char *bad[] = {"%", "%4", "%zz", "a%0", "%00", "%ff", "%C3"};

    cr_assert_eq(http_percent_decode(STR_LIT("a%2Fb%20c+d/%C3%A9"), mem, &out), ERR_OK);
    cr_expect(str_eq(out, STR_LIT("a/b c+d/\xc3\xa9")));
    cr_assert_eq(http_percent_decode(STR_LIT("x%41"), mem, &out), ERR_OK);
    cr_expect(str_eq(out, STR_LIT("xA")));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(http_percent_decode(str_of(bad[i]), mem, &out), ERR_ARGUMENT, "%s", bad[i]);
    arena_free(mem);
}

Test(http, query_parameters)
{
    static const char *const known[] = {"a", "b", NULL};
    struct arena *mem = arena_new(0);
    struct str q = STR_LIT("a=1+2&&b=%26&c"), out = {NULL, 0};

    cr_assert_eq(http_query_param(q, "a", mem, &out), ERR_OK);
    cr_expect(str_eq(out, STR_LIT("1 2")));
    cr_assert_eq(http_query_param(q, "b", mem, &out), ERR_OK);
    cr_expect(str_eq(out, STR_LIT("&")));
    cr_assert_eq(http_query_param(q, "c", mem, &out), ERR_OK);
    cr_expect_eq(out.n, 0);
    out = (struct str){NULL, 0};
    cr_assert_eq(http_query_param(q, "d", mem, &out), ERR_OK);
    cr_expect_null(out.p);
    cr_expect_eq(http_query_only(q, known), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "'c'") != NULL, "%s", err_text());
    arena_free(mem);
}

Test(http, every_error_has_a_status)
{
    cr_expect_eq(http_status_of(ERR_ARGUMENT), 400);
    cr_expect_eq(http_status_of(ERR_NOT_FOUND), 404);
    cr_expect_eq(http_status_of(ERR_BUSY), 503);
    cr_expect_eq(http_status_of(ERR_TIMEOUT), 504);
    cr_expect_eq(http_status_of(ERR_NO_SPACE), 507);
    for (int rc = ERR_SYSTEM; rc < 0; rc++)
        cr_expect_geq(http_status_of(rc), 400, "%s", err_name(rc));
    cr_expect_str_eq(http_reason(404), "Not Found");
    cr_expect_str_eq(http_reason(799), "Unknown");
}

Test(http, problems_are_json_whatever_the_detail)
{
    struct buf b = {0};
    json_t *root;

    http_problem(&b, 400, "argument", STR_LIT("a \"quote\"\n\xff"));
    root = json_loadb(b.p, b.n, 0, NULL);
    cr_assert_not_null(root);
    cr_expect_eq(json_integer_value(json_object_get(root, "status")), 400);
    cr_expect_str_eq(json_string_value(json_object_get(root, "title")), "Bad Request");
    json_decref(root);
    buf_done(&b);
}

Test(http, request_ids_are_the_clients_when_sane)
{
    char id[REQUEST_ID_MAX + 1], other[REQUEST_ID_MAX + 1];
    struct id_source ids = {0};

    http_request_id(&ids, STR_LIT("abc-DEF_123"), id);
    cr_expect_str_eq(id, "abc-DEF_123");
    http_request_id(&ids, STR_LIT("a b\r\nSet-Cookie: x"), id);
    cr_expect_eq(strlen(id), 32);
    http_request_id(&ids, (struct str){NULL, 0}, other);
    cr_expect_str_neq(id, other);
    for (int i = 0; i < 100; i++) { /* more than are drawn at once */
        http_random_id(&ids, "q_", id);
        cr_expect_eq(strlen(id), 34);
        cr_expect_str_neq(id, other);
        strcpy(other, id);
    }
}
