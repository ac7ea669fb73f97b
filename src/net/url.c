#include "net/url.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

static bool set_part(CURLU *u, CURLUPart part, const char *value)
{
    return curl_url_set(u, part, value, 0) == CURLUE_OK;
}

char *url_shown(const char *url)
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

int url_check(const char *url)
{
    CURLU *u = curl_url();
    char *shown = url_shown(url);
    int rc = ERR_OK;

    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK || !is_http(u))
        rc = FAIL(ERR_ARGUMENT, "'%s' is not a URL like http://HOST:PORT or https://HOST/PATH",
                  shown);
    else if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
        rc = FAIL(ERR_ARGUMENT,
                  "the URL of '%s' has a user or password in it; a key comes from the environment",
                  shown);
    else if (strpbrk(url, "?#")) /* an empty one is no part, and what is joined would be in it */
        rc = FAIL(ERR_ARGUMENT, "the URL of '%s' has a '?' or '#' in it; it must end with its path",
                  shown);
    mem_free(shown);
    curl_url_cleanup(u);
    return rc;
}

char *url_join(const char *base_text, const char *path)
{
    struct buf b;
    struct str base = str_of(base_text);

    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    buf_init(&b);
    buf_addf(&b, "%.*s%s", STR_ARGS(base), path);
    return buf_take(&b);
}

int url_check_key(const char *key)
{
    if (key && strpbrk(key, "\r\n"))
        return FAIL(ERR_ARGUMENT, "the key has a line break in it");
    return ERR_OK;
}
