#include "net/http_handle.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static bool has_line(const struct curl_slist *list, const char *line)
{
    for (; list; list = list->next)
        if (strcmp(list->data, line) == 0)
            return true;
    return false;
}

Test(http_handle, this_machine_is_never_behind_a_proxy)
{
    char *list;

    unsetenv("no_proxy");
    setenv("NO_PROXY", "example.com", 1);
    list = http_handle_no_proxy();
    cr_expect_str_eq(list, "example.com,localhost,127.0.0.1,::1");
    mem_free(list);
    setenv("no_proxy", "", 1);
    list = http_handle_no_proxy();
    cr_expect_str_eq(list, "localhost,127.0.0.1,::1");
    mem_free(list);
}

Test(http_handle, the_key_is_a_header_and_nothing_else)
{
    struct curl_slist *with = http_handle_headers("sesame", "text/event-stream", true, NULL),
                      *without = http_handle_headers(NULL, "application/json", false, NULL);

    cr_expect(has_line(with, "Authorization: Bearer sesame"));
    cr_expect(has_line(with, "Accept: text/event-stream"));
    cr_expect(has_line(with, "Content-Type: application/json"));
    cr_expect(has_line(without, "Accept: application/json"));
    cr_expect_not(has_line(without, "Content-Type: application/json"));
    for (struct curl_slist *l = without; l; l = l->next)
        cr_expect_null(strstr(l->data, "Authorization"));
    curl_slist_free_all(with);
    curl_slist_free_all(without);
}

static int64_t retry_after(const char *line)
{
    struct http_head h = {.retry_after_ms = -1};

    cr_expect(http_head_add(&h, str_of(line)));
    return h.retry_after_ms;
}

Test(http_handle, retry_after_is_seconds_or_a_date)
{
    cr_expect_eq(retry_after("Retry-After: 7\r\n"), 7000);
    cr_expect_eq(retry_after("retry-after:0\r\n"), 0);
    cr_expect_eq(retry_after("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), 0);
    cr_expect_gt(retry_after("Retry-After: Fri, 06 Nov 2099 08:49:37 GMT\r\n"), 1000000);
    cr_expect_eq(retry_after("Retry-After: soon\r\n"), -1);
    cr_expect_eq(retry_after("Retry-After: -3\r\n"), -1);
    cr_expect_eq(retry_after("Retry-After:\r\n"), -1);
    cr_expect_eq(retry_after("Retry-Later: 7\r\n"), -1);
}

Test(http_handle, a_head_has_a_limit)
{
    static char line[1024];
    struct http_head h = {.retry_after_ms = -1};
    size_t n = 0;

    while (http_head_add(&h, (struct str){line, sizeof line}))
        n++;
    cr_expect_eq(n, HTTP_HANDLE_HEAD_MAX / sizeof line);
}

Test(http_handle, each_failure_has_its_code_and_names_the_url)
{
    char reason[CURL_ERROR_SIZE] = "", *none = http_handle_no_proxy();
    CURL *curl = http_handle_new(none, reason);
    struct http_waits waits = {1000, 5000}, sooner = {1000, 500}, ever = {1000, 0};
    const char *url = "http://joe:sesame@example.com/v1";

    cr_assert(curl);
    cr_expect_eq(http_handle_explain(curl, CURLE_OPERATION_TIMEDOUT, url, reason, &waits),
                 ERR_UNAVAILABLE);
    cr_expect_str_eq(err_text(), "http://example.com/v1: no connection within 1000 ms");
    cr_expect_eq(http_handle_explain(curl, CURLE_OPERATION_TIMEDOUT, url, reason, &ever),
                 ERR_UNAVAILABLE);
    cr_expect_eq(http_handle_explain(curl, CURLE_OPERATION_TIMEDOUT, url, reason, &sooner),
                 ERR_TIMEOUT);
    cr_expect_str_eq(err_text(), "http://example.com/v1: no full reply within 500 ms");
    cr_expect_eq(http_handle_explain(curl, CURLE_URL_MALFORMAT, url, reason, &waits), ERR_ARGUMENT);
    cr_expect_eq(http_handle_explain(curl, CURLE_RECV_ERROR, url, "it left", &waits),
                 ERR_UNAVAILABLE);
    cr_expect_str_eq(err_text(), "http://example.com/v1: it left");
    cr_expect_eq(http_handle_too_long(url, 10), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "10 bytes"), "%s", err_text());
    curl_easy_cleanup(curl);
    mem_free(none);
}

Test(http_handle, a_trace_is_told_with_what_others_said_of_it)
{
    struct trace_context c = {.trace_id = {1}, .span_id = {2}, .sampled = true, .state = "a=b"};
    struct curl_slist *list = http_handle_headers(NULL, "application/json", true, &c);

    cr_expect(
        has_line(list, "traceparent: 00-01000000000000000000000000000000-0200000000000000-01"));
    cr_expect(has_line(list, "tracestate: a=b"));
    curl_slist_free_all(list);
    c.state = NULL;
    list = http_handle_headers(NULL, "application/json", true, &c);
    for (struct curl_slist *l = list; l; l = l->next)
        cr_expect_null(strstr(l->data, "tracestate"));
    curl_slist_free_all(list);
}
