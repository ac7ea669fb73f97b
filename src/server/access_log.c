#include "server/access_log.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/digits.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "engine/caller.h"
#include "server/exchange.h"
#include "server/routes.h"
#include "server/tracing.h"

#define AT_MS            29 /* of the time's milliseconds in a line */
#define CACHE_STATUS_MAX 32
#define WORDS_BYTES      128 /* names of fields, and what is between them */

/* Of a line, the caller apart. */
#define LINE_BYTES                                                                                 \
    (ACCESS_LOG_HEAD_BYTES + FIXED_DIGITS + 2 * U64_DIGITS + REQUEST_ID_MAX + TRACE_ID_HEX +       \
     CACHE_STATUS_MAX + WORDS_BYTES)

static void set_clock(struct access_log *l)
{
    l->wall_offset_ns = clock_wall_ms() * 1000000 - (int64_t)clock_ns();
}

void access_log_init(struct access_log *l)
{
    *l = (struct access_log){0};
    set_clock(l);
}

void access_log_flush(struct access_log *l)
{
    log_flush(&l->lines);
    set_clock(l);
}

void access_log_done(struct access_log *l)
{
    log_flush(&l->lines);
    buf_done(&l->lines);
    buf_done(&l->caller.tenant);
    buf_done(&l->caller.text);
}

/* ---- the part up to "ms" ---- */

static bool is_kept(const struct access_log *l, const struct request *r, time_t second)
{
    return l->head.n && l->head.second == second && l->head.route == r->route &&
           l->head.status == r->status && str_eq(l->head.method, r->head.method);
}

/* Method and route are of our own words; the parser's word for a method lives for ever. */
static void keep_head(struct access_log *l, const struct request *r, int64_t wall_ms)
{
    char when[CLOCK_ISO_BYTES];
    struct str method = r->head.method.n ? r->head.method : STR_LIT("-");

    clock_iso(wall_ms, when);
    l->head.second = (time_t)(wall_ms / 1000);
    l->head.route = r->route;
    l->head.method = r->head.method;
    l->head.status = r->status;
    l->head.n = (size_t)snprintf(
        l->head.text, sizeof l->head.text,
        "{\"time\":\"%s\",\"level\":\"info\",\"event\":\"request\",\"method\":\"%.*s\","
        "\"route\":\"%s\",\"status\":%d,\"ms\":",
        when, (int)method.n, method.p, r->route ? r->route->pattern : "-", r->status);
    CHECK(l->head.n < sizeof l->head.text);
}

static char *put(char *p, const char *text, size_t n)
{
    return mempcpy(p, text, n);
}

#define PUT(p, literal) put(p, literal, sizeof(literal) - 1)

static char *put_head(char *p, struct access_log *l, const struct request *r, int64_t wall_ms)
{
    char *ms = p + AT_MS;

    if (!is_kept(l, r, (time_t)(wall_ms / 1000)))
        keep_head(l, r, wall_ms);
    p = put(p, l->head.text, l->head.n);
    ms[0] = (char)('0' + wall_ms / 100 % 10);
    ms[1] = (char)('0' + wall_ms / 10 % 10);
    ms[2] = (char)('0' + wall_ms % 10);
    return p;
}

/* ---- the rest ---- */

static void keep_caller(struct access_log *l, const char *tenant, const struct caller *c)
{
    buf_clear(&l->caller.tenant);
    buf_add(&l->caller.tenant, tenant, strlen(tenant) + 1);
    l->caller.key = c ? c->id : 0;
    buf_clear(&l->caller.text);
    buf_add_str(&l->caller.text, "\",\"tenant\":");
    jsonw_string(&l->caller.text, str_of(tenant));
    if (!c || !*c->name)
        return;
    buf_add_str(&l->caller.text, ",\"key\":");
    jsonw_string(&l->caller.text, str_of(c->name));
}

/* Who asked: nobody knows until the key was looked at. A key's id is never another's. */
static struct str caller_text(struct access_log *l, const struct caller *c)
{
    const char *tenant = c ? c->tenant : "-";

    if (l->caller.key != (c ? c->id : 0) || !l->caller.tenant.n ||
        strcmp(l->caller.tenant.p, tenant) != 0)
        keep_caller(l, tenant, c);
    return buf_view(&l->caller.text);
}

/* 00-TRACE-... */
static char *put_trace(char *p, const struct tracing *t)
{
    p = PUT(p, "\",\"trace_id\":\"");
    return put(p, t->text + 3, TRACE_ID_HEX - 1);
}

static char *put_cache(char *p, const char *status)
{
    size_t n = strlen(status);

    CHECK(n <= CACHE_STATUS_MAX);
    p = PUT(p, ",\"cache\":\"");
    p = put(p, status, n);
    *p++ = '"';
    return p;
}

/* Room for all of it is made once: a tenth of what looking at a cached reply costs was to ask for
 * it piece by piece. */
void access_log_add(struct access_log *l, const struct request *r, uint64_t end_ns)
{
    struct str caller;
    char *p;

    if (!log_is_wanted(LOG_INFO))
        return;
    caller = caller_text(l, r->caller);
    buf_reserve(&l->lines, LINE_BYTES + caller.n);
    p = l->lines.p + l->lines.n;
    p = put_head(p, l, r, ((int64_t)end_ns + l->wall_offset_ns) / 1000000);
    p = put_fixed(p, (end_ns - r->start_ns) / 1000, 3);
    p = PUT(p, ",\"bytes_in\":");
    p = put_u64(p, r->n_received);
    p = PUT(p, ",\"bytes_out\":");
    p = put_u64(p, r->n_sent);
    p = PUT(p, ",\"request_id\":\"");
    p = put(p, r->id, strlen(r->id));
    if (r->tracing)
        p = put_trace(p, r->tracing);
    p = put(p, caller.p, caller.n);
    if (r->cache)
        p = put_cache(p, r->cache);
    p = PUT(p, "}\n");
    l->lines.n = (size_t)(p - l->lines.p);
    l->lines.p[l->lines.n] = '\0';
}
