#include "server/routes.h"

#include <criterion/criterion.h>

#include "base/err.h"

static struct request *request(const char *method, const char *path, bool local)
{
    struct request *r = request_new(NULL, NULL, local, 1);

    r->head.method = str_of(method);
    r->head.path = str_of(path);
    return r;
}

static int find(const char *method, const char *path, bool local, const char *pattern)
{
    struct request *r = request(method, path, local);
    int status = route_find(r);

    if (pattern)
        cr_expect_str_eq(r->route ? r->route->pattern : "none", pattern);
    request_release(r);
    return status;
}

Test(routes, are_found_by_method_and_path)
{
    cr_expect_eq(find("GET", "/healthz", false, "/healthz"), 0);
    cr_expect_eq(find("HEAD", "/healthz", false, "/healthz"), 0);
    cr_expect_eq(find("POST", "/query", false, "/query"), 0);
    cr_expect_eq(find("POST", "/query/stream", false, "/query/stream"), 0);
    cr_expect_eq(find("GET", "/documents", false, "/documents"), 0);
    cr_expect_eq(find("GET", "/documents/a/b", false, "/documents/{id}"), 0);
}

Test(routes, what_is_not_there)
{
    cr_expect_eq(find("GET", "/", false, NULL), 404);
    cr_expect_eq(find("GET", "/healthz/", false, NULL), 404);
    cr_expect_eq(find("GET", "/documents/", false, NULL), 404);
    cr_expect_eq(find("GET", "/documentsx", false, NULL), 404);
    cr_expect_eq(find("GET", "/documents/%zz", false, NULL), 400);
}

Test(routes, ids_are_decoded_and_may_hold_slashes)
{
    struct request *r = request("DELETE", "/documents/a%2Fb/c%20d", false);

    cr_expect_eq(route_find(r), 0);
    cr_expect(str_eq(r->tail, STR_LIT("a/b/c d")));
    request_release(r);
}

Test(routes, another_method_is_405_with_allow)
{
    struct request *r = request("PUT", "/documents/x", false);

    cr_expect_eq(route_find(r), 405);
    cr_expect_str_eq(r->extra.p, "Allow: GET, HEAD, DELETE\r\n");
    request_release(r);
}

Test(routes, commands_are_for_the_local_socket_alone)
{
    cr_expect_eq(find("POST", "/-/command", true, "/-/command"), 0);
    cr_expect_eq(find("POST", "/-/command", false, NULL), 404);
}

Test(routes, each_has_a_handler_and_its_place)
{
    for (size_t i = 0; i < routes_count(); i++) {
        cr_expect_not_null(route_at(i)->handle);
        cr_expect_eq(route_index(route_at(i)), i);
    }
}
