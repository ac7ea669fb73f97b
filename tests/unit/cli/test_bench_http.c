#include "cli/bench_http.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"

Test(bench_http, nobody_there_is_told_with_the_address)
{
    struct bench_http *h = bench_http_new("http://127.0.0.1:1/");
    json_t *request = json_pack("{s:s}", "question", "x");
    struct buf reply;

    buf_init(&reply);
    cr_expect_eq(bench_http_post(h, request, &reply), ERR_UNAVAILABLE);
    cr_expect_not_null(strstr(err_text(), "http://127.0.0.1:1/query"), "%s", err_text());
    buf_done(&reply);
    json_decref(request);
    bench_http_free(h);
    bench_http_free(NULL);
}
