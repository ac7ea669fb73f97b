#include "cli/bench_http.h"

#include <curl/curl.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

#define REPLY_MAX ((size_t)16 << 20)
#define TIMEOUT_S 60L

struct bench_http {
    CURL *curl;
    struct curl_slist *headers;
    char *url;
};

static size_t receive(char *p, size_t size, size_t n, void *arg)
{
    struct buf *reply = arg;

    if (reply->n + size * n > REPLY_MAX)
        return 0; /* curl calls it a write error */
    buf_add(reply, p, size * n);
    return size * n;
}

struct bench_http *bench_http_new(const char *url)
{
    struct bench_http *h = mem_calloc(1, sizeof *h);
    struct buf b;
    struct str base = str_of(url);

    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    buf_init(&b);
    buf_addf(&b, "%.*s/query", STR_ARGS(base));
    h->url = buf_take(&b);
    h->curl = curl_easy_init();
    h->headers = curl_slist_append(NULL, "Content-Type: application/json");
    h->headers = curl_slist_append(h->headers, "Expect:"); /* no 100-continue round trip */
    curl_easy_setopt(h->curl, CURLOPT_URL, h->url);
    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->headers);
    curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(h->curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h->curl, CURLOPT_PROXY, "");
    return h;
}

void bench_http_free(struct bench_http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->headers);
    mem_free(h->url);
    mem_free(h);
}

int bench_http_post(struct bench_http *h, const json_t *request, struct buf *reply)
{
    char *body = json_canonical(request);
    long status = 0;
    CURLcode wrong;

    curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, reply);
    wrong = curl_easy_perform(h->curl);
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    mem_free(body);
    if (wrong)
        return FAIL(ERR_UNAVAILABLE, "%s: %s", h->url, curl_easy_strerror(wrong));
    if (status != 200)
        return FAIL(ERR_UNAVAILABLE, "%s: status %ld: %.300s", h->url, status,
                    reply->p ? reply->p : "");
    return ERR_OK;
}
