#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"

struct connection {
    struct connection *next;
    CURL *curl;
    char reason[CURL_ERROR_SIZE];
};

struct http_client {
    char *no_proxy;
    pthread_mutex_t mu; /* guards the fields below */
    struct connection *idle;
    int n_idle;
};

/* One running call. */
struct exchange {
    const struct http_call *call;
    struct http_result result;
    size_t head_bytes;
    bool too_long;
};

/* ---- what may be shown ---- */

static bool set_part(CURLU *u, CURLUPart part, const char *value)
{
    return curl_url_set(u, part, value, 0) == CURLUE_OK;
}

char *http_client_shown(const char *url)
{
    CURLU *u = curl_url();
    char *text = NULL, *shown;

    if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && set_part(u, CURLUPART_USER, NULL) &&
        set_part(u, CURLUPART_PASSWORD, NULL) && set_part(u, CURLUPART_QUERY, NULL) &&
        set_part(u, CURLUPART_FRAGMENT, NULL))
        curl_url_get(u, CURLUPART_URL, &text, 0);
    shown = mem_strdup(text ? text : "(not a URL)");
    curl_free(text);
    curl_url_cleanup(u);
    return shown;
}

static bool has_part(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(u, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return has;
}

static bool is_http(CURLU *u)
{
    char *scheme = NULL;
    bool is = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);

    curl_free(scheme);
    return is;
}

int http_client_check_url(const char *url)
{
    CURLU *u = curl_url();
    char *shown = http_client_shown(url);
    int rc = ERR_OK;

    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK || !is_http(u))
        rc = FAIL(ERR_ARGUMENT, "'%s' is not a URL like http://HOST:PORT or https://HOST/PATH",
                  shown);
    else if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
        rc = FAIL(ERR_ARGUMENT,
                  "the URL of '%s' has a user or password in it; a key comes from the environment",
                  shown);
    else if (has_part(u, CURLUPART_QUERY) || has_part(u, CURLUPART_FRAGMENT))
        rc = FAIL(ERR_ARGUMENT, "the URL of '%s' has a '?' or '#' in it; it must end with its path",
                  shown);
    mem_free(shown);
    curl_url_cleanup(u);
    return rc;
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

static size_t receive_head(char *p, size_t size, size_t n, void *arg)
{
    static const struct str name = {"retry-after:", 12};
    struct exchange *x = arg;
    struct str line = {p, size * n};

    x->head_bytes += line.n;
    if (x->head_bytes > HTTP_CLIENT_HEAD_MAX) {
        x->too_long = true;
        return 0;
    }
    if (line.n > name.n && str_eq_nocase(str_sub(line, 0, name.n), name))
        x->result.retry_after_ms = parse_retry_after(str_sub(line, name.n, line.n));
    return line.n;
}

static size_t receive_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    if (x->result.body.n + size * n > x->call->body_max) {
        x->too_long = true;
        return 0; /* curl calls it a write error */
    }
    buf_add(&x->result.body, p, size * n);
    return size * n;
}

/* ---- connections ---- */

static char *no_proxy_list(void)
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

struct http_client *http_client_new(void)
{
    struct http_client *c = mem_calloc(1, sizeof *c);

    curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; safe on any thread since libcurl 7.84 */
    c->no_proxy = no_proxy_list();
    pthread_mutex_init(&c->mu, NULL);
    return c;
}

static void connection_free(struct connection *k)
{
    curl_easy_cleanup(k->curl);
    mem_free(k);
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    while (c->idle) {
        struct connection *next = c->idle->next;

        connection_free(c->idle);
        c->idle = next;
    }
    pthread_mutex_destroy(&c->mu);
    mem_free(c->no_proxy);
    mem_free(c);
    curl_global_cleanup();
}

/* What is the same for all calls. */
static struct connection *connection_new(const struct http_client *c)
{
    struct connection *k = mem_calloc(1, sizeof *k);
    CURL *curl = curl_easy_init();

    k->curl = curl;
    if (!curl)
        return k;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, c->no_proxy);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ragd/" RAGD_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, k->reason);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_head);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_body);
    return k;
}

static struct connection *take(struct http_client *c)
{
    struct connection *k;

    pthread_mutex_lock(&c->mu);
    k = c->idle;
    if (k) {
        c->idle = k->next;
        c->n_idle--;
    }
    pthread_mutex_unlock(&c->mu);
    return k ? k : connection_new(c);
}

static void give(struct http_client *c, struct connection *k)
{
    bool kept = false;

    pthread_mutex_lock(&c->mu);
    if (k->curl && c->n_idle < HTTP_CLIENT_IDLE_MAX) {
        k->next = c->idle;
        c->idle = k;
        c->n_idle++;
        kept = true;
    }
    pthread_mutex_unlock(&c->mu);
    if (!kept)
        connection_free(k);
}

/* ---- one call ---- */

static struct curl_slist *headers_of(const struct http_call *call)
{
    struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json");
    struct buf line;

    list = curl_slist_append(list, "Expect:"); /* no 100-continue round trip */
    if (call->body.p)
        list = curl_slist_append(list, "Content-Type: application/json");
    if (call->key) {
        buf_init(&line);
        buf_addf(&line, "Authorization: Bearer %s", call->key);
        list = curl_slist_append(list, line.p);
        memset(line.p, 0, line.n);
        buf_done(&line);
    }
    return list;
}

static void prepare(CURL *curl, const struct http_call *call, struct curl_slist *headers,
                    struct exchange *x)
{
    int64_t connect_ms =
        call->within_ms < HTTP_CLIENT_CONNECT_MAX ? call->within_ms : HTTP_CLIENT_CONNECT_MAX;

    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (call->body.p) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.p);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)call->within_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
}

static bool connected(CURL *curl)
{
    curl_off_t us = 0;

    return curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &us) == CURLE_OK && us > 0;
}

static int explain(struct connection *k, const struct exchange *x, CURLcode wrong)
{
    const struct http_call *call = x->call;
    const char *reason = *k->reason ? k->reason : curl_easy_strerror(wrong);
    char *shown = http_client_shown(call->url);
    int rc = ERR_UNAVAILABLE;

    if (x->too_long)
        (void)FAIL(rc, "%s: the reply is longer than the limit of %zu bytes", shown,
                   x->head_bytes > HTTP_CLIENT_HEAD_MAX ? HTTP_CLIENT_HEAD_MAX : call->body_max);
    else if (wrong == CURLE_OPERATION_TIMEDOUT && !connected(k->curl) &&
             call->within_ms > HTTP_CLIENT_CONNECT_MAX)
        (void)FAIL(rc, "%s: no connection within %d ms", shown, HTTP_CLIENT_CONNECT_MAX);
    else if (wrong == CURLE_OPERATION_TIMEDOUT)
        rc = FAIL(ERR_TIMEOUT, "%s: no full reply within %lld ms", shown,
                  (long long)call->within_ms);
    else if (wrong == CURLE_URL_MALFORMAT ||
             (wrong == CURLE_UNSUPPORTED_PROTOCOL && !connected(k->curl)))
        rc = FAIL(ERR_ARGUMENT, "%s: %s", shown, reason);
    else
        (void)FAIL(rc, "%s: %s", shown, reason);
    mem_free(shown);
    return rc;
}

int http_client_call(struct http_client *c, const struct http_call *call, struct http_result *out)
{
    int rc = ERR_OK;
    struct exchange x = {.call = call, .result.retry_after_ms = -1};
    struct connection *k;
    struct curl_slist *headers;
    CURLcode wrong;
    long status = 0;

    if (call->key && strpbrk(call->key, "\r\n"))
        return FAIL(ERR_ARGUMENT, "the key has a line break in it");
    k = take(c);
    headers = headers_of(call);
    buf_init(&x.result.body);
    wrong = k->curl ? CURLE_OK : CURLE_FAILED_INIT;
    if (k->curl) {
        k->reason[0] = '\0';
        prepare(k->curl, call, headers, &x);
        wrong = curl_easy_perform(k->curl);
    }
    if (wrong != CURLE_OK) {
        rc = explain(k, &x, wrong);
        goto out;
    }
    curl_easy_getinfo(k->curl, CURLINFO_RESPONSE_CODE, &status);
    x.result.status = (int)status;
    *out = x.result;
    buf_init(&x.result.body); /* handed over */
out:
    curl_slist_free_all(headers);
    buf_done(&x.result.body);
    give(c, k);
    return rc;
}
