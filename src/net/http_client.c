#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/http_handle.h"
#include "net/url.h"

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
    struct http_head head;
    bool too_long;
};

/* ---- the reply ---- */

static size_t receive_head(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    if (http_head_add(&x->head, (struct str){p, size * n}))
        return size * n;
    x->too_long = true;
    return 0;
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

struct http_client *http_client_new(void)
{
    struct http_client *c = mem_calloc(1, sizeof *c);

    curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; safe on any thread since libcurl 7.84 */
    c->no_proxy = http_handle_no_proxy();
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

    k->curl = http_handle_new(c->no_proxy, k->reason);
    if (!k->curl)
        return k;
    curl_easy_setopt(k->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(k->curl, CURLOPT_HEADERFUNCTION, receive_head);
    curl_easy_setopt(k->curl, CURLOPT_WRITEFUNCTION, receive_body);
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

static void prepare(CURL *curl, const struct http_call *call, struct curl_slist *headers,
                    struct exchange *x)
{
    struct http_waits waits = {HTTP_CLIENT_CONNECT_MAX, call->within_ms};

    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (call->body.p) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.p);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    http_handle_set_waits(curl, &waits);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
}

static int explain(struct connection *k, const struct exchange *x, CURLcode wrong)
{
    struct http_waits waits = {HTTP_CLIENT_CONNECT_MAX, x->call->within_ms};

    if (x->too_long)
        return http_handle_too_long(x->call->url, x->head.bytes > HTTP_HANDLE_HEAD_MAX
                                                      ? HTTP_HANDLE_HEAD_MAX
                                                      : x->call->body_max);
    return http_handle_explain(k->curl, wrong, x->call->url, k->reason, &waits);
}

int http_client_call(struct http_client *c, const struct http_call *call, struct http_result *out)
{
    int rc = url_check_key(call->key);
    struct exchange x = {.call = call, .head.retry_after_ms = -1};
    struct connection *k;
    struct curl_slist *headers;
    CURLcode wrong;
    long status = 0;

    if (rc < 0)
        return rc;
    k = take(c);
    headers =
        http_handle_headers(call->key, "application/json", call->body.p, trace_context_bound());
    for (const char *const *line = call->lines; line && *line; line++)
        headers = curl_slist_append(headers, *line);
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
    x.result.retry_after_ms = x.head.retry_after_ms;
    *out = x.result;
    buf_init(&x.result.body); /* handed over */
out:
    curl_slist_free_all(headers);
    buf_done(&x.result.body);
    give(c, k);
    return rc;
}
