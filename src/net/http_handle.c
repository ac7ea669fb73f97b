#include "net/http_handle.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/url.h"

char *http_handle_no_proxy(void)
{
    const char *given = getenv("no_proxy");
    struct buf b;

    given = given ? given : getenv("NO_PROXY");
    buf_init(&b);
    if (given && *given)
        buf_addf(&b, "%s,", given);
    buf_add_str(&b, "localhost,127.0.0.1,::1");
    return buf_take(&b);
}

CURL *http_handle_new(const char *no_proxy, char *reason)
{
    CURL *curl = curl_easy_init();

    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, no_proxy);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ragd/" RAGD_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    return curl;
}

/* ---- the request ---- */

static struct curl_slist *add_key(struct curl_slist *list, const char *key)
{
    struct buf line;

    buf_init(&line);
    buf_addf(&line, "Authorization: Bearer %s", key);
    list = curl_slist_append(list, line.p);
    explicit_bzero(line.p, line.n);
    buf_done(&line);
    return list;
}

static struct curl_slist *add_trace(struct curl_slist *list, const struct trace_context *trace)
{
    char parent[TRACEPARENT_BYTES];
    struct buf line = {0};

    trace_context_write(trace, parent);
    buf_addf(&line, "traceparent: %s", parent);
    list = curl_slist_append(list, line.p);
    if (trace->state && *trace->state) {
        buf_clear(&line);
        buf_addf(&line, "tracestate: %s", trace->state);
        list = curl_slist_append(list, line.p);
    }
    buf_done(&line);
    return list;
}

struct curl_slist *http_handle_headers(const char *key, const char *accept, bool has_body,
                                       const struct trace_context *trace)
{
    struct curl_slist *list;
    struct buf line;

    buf_init(&line);
    buf_addf(&line, "Accept: %s", accept);
    list = curl_slist_append(NULL, line.p);
    buf_done(&line);
    list = curl_slist_append(list, "Expect:"); /* no 100-continue round trip */
    if (has_body)
        list = curl_slist_append(list, "Content-Type: application/json");
    if (trace)
        list = add_trace(list, trace);
    return key ? add_key(list, key) : list;
}

void http_handle_set_waits(CURL *curl, const struct http_waits *w)
{
    int64_t connect_ms =
        w->total_ms > 0 && w->total_ms < w->connect_ms ? w->total_ms : w->connect_ms;

    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)w->total_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
}

/* ---- the reply ---- */

/* Seconds, or a date (RFC 9110). A date that has passed is now. */
static int64_t parse_retry_after(struct str value)
{
    char text[64];
    char *end;
    long long seconds;
    time_t at;

    value = str_trim(value);
    if (value.n == 0 || value.n >= sizeof text)
        return -1;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    seconds = strtoll(text, &end, 10);
    if (*end == '\0' && seconds >= 0 && seconds < 1000000)
        return seconds * 1000;
    at = curl_getdate(text, NULL);
    if (at < 0)
        return -1;
    return at > time(NULL) ? (int64_t)(at - time(NULL)) * 1000 : 0;
}

bool http_head_add(struct http_head *head, struct str line)
{
    static const struct str name = {"retry-after:", 12};

    head->bytes += line.n;
    if (head->bytes > HTTP_HANDLE_HEAD_MAX)
        return false;
    if (line.n > name.n && str_eq_nocase(str_sub(line, 0, name.n), name))
        head->retry_after_ms = parse_retry_after(str_sub(line, name.n, line.n));
    return true;
}

/* ---- what went wrong ---- */

static bool connected(CURL *curl)
{
    curl_off_t us = 0;

    return curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &us) == CURLE_OK && us > 0;
}

int http_handle_explain(CURL *curl, CURLcode wrong, const char *url, const char *reason,
                        const struct http_waits *w)
{
    char *shown = url_shown(url);
    int rc = ERR_UNAVAILABLE;

    reason = *reason ? reason : curl_easy_strerror(wrong);
    if (wrong == CURLE_OPERATION_TIMEDOUT && !connected(curl) &&
        (w->total_ms == 0 || w->total_ms > w->connect_ms))
        (void)FAIL(rc, "%s: no connection within %lld ms", shown, (long long)w->connect_ms);
    else if (wrong == CURLE_OPERATION_TIMEDOUT)
        rc = FAIL(ERR_TIMEOUT, "%s: no full reply within %lld ms", shown, (long long)w->total_ms);
    else if (wrong == CURLE_URL_MALFORMAT ||
             (wrong == CURLE_UNSUPPORTED_PROTOCOL && !connected(curl)))
        rc = FAIL(ERR_ARGUMENT, "%s: %s", shown, reason);
    else
        (void)FAIL(rc, "%s: %s", shown, reason);
    mem_free(shown);
    return rc;
}

int http_handle_too_long(const char *url, size_t max)
{
    char *shown = url_shown(url);

    (void)FAIL(ERR_UNAVAILABLE, "%s: the reply is longer than the limit of %zu bytes", shown, max);
    mem_free(shown);
    return ERR_UNAVAILABLE;
}
