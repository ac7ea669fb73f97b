#include "net/refusal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"

#define FIRST_WAIT_MS 100
#define EXCERPT_MAX   200 /* bytes of a server's own words in our errors */

bool refusal_passes(int status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

void refusal_make_plain(char *text)
{
    for (char *p = text; *p; p++)
        if (*p < ' ' || *p == 127)
            *p = ' ';
}

/* The server's own words, on one line; nothing when they might repeat the key. */
static void excerpt(const struct refusal *r, char *out, size_t size)
{
    size_t n = r->body.n < size - 1 ? r->body.n : size - 1;

    out[0] = '\0';
    if (r->status == 401 || r->status == 403 || n == 0)
        return;
    if (r->key && memmem(r->body.p, r->body.n, r->key, strlen(r->key)))
        return;
    memcpy(out, r->body.p, n);
    out[n] = '\0';
    refusal_make_plain(out);
}

/* What the configuration may have to do with a status. */
static void hint_of(const struct refusal *r, char *out, size_t size)
{
    const char *s = r->section;
    int status = r->status;

    out[0] = '\0';
    if ((status == 401 || status == 403) && r->key)
        snprintf(out, size, " (is the key in the variable of %s.key_env right?)", s);
    else if (status == 401 || status == 403)
        snprintf(out, size, " (it wants a key; %s.key_env names the variable that holds it)", s);
    else if (status == 404)
        snprintf(out, size, " (is %s.url right, with /v1 where the server wants it, and %s.model?)",
                 s, s);
    else if (status >= 300 && status < 400)
        snprintf(out, size, " (redirects are not followed; %s.url must be the last address)", s);
}

int refusal_explain(const struct refusal *r)
{
    char words[EXCERPT_MAX], hint[EXCERPT_MAX];

    excerpt(r, words, sizeof words);
    hint_of(r, hint, sizeof hint);
    return FAIL(refusal_passes(r->status) ? ERR_UNAVAILABLE : ERR_ARGUMENT, "%s: status %d%s%s%s",
                r->shown, r->status, hint, *words ? ": " : "", words);
}

int64_t refusal_pause_ms(int i_try, int64_t retry_after_ms)
{
    uint64_t seed = clock_ns();
    int64_t full = (int64_t)FIRST_WAIT_MS << i_try;
    int64_t wait = full / 2 + (int64_t)(hash64(&seed, sizeof seed) % (uint64_t)(full / 2));

    return retry_after_ms > wait ? retry_after_ms : wait;
}
