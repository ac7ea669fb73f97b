#include "server/access_log.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "engine/caller.h"
#include "server/exchange.h"
#include "server/routes.h"
#include "server/tracing.h"

#define LINE_BYTES 511 /* most lines; longer ones grow the buffer */
#define AT_MS      29  /* of the time's milliseconds in a line */

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

static void add_head(struct access_log *l, const struct request *r, int64_t wall_ms)
{
    char *ms;

    if (!is_kept(l, r, (time_t)(wall_ms / 1000)))
        keep_head(l, r, wall_ms);
    buf_add(&l->lines, l->head.text, l->head.n);
    ms = l->lines.p + l->lines.n - l->head.n + AT_MS;
    ms[0] = (char)('0' + wall_ms / 100 % 10);
    ms[1] = (char)('0' + wall_ms / 10 % 10);
    ms[2] = (char)('0' + wall_ms % 10);
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
static void add_caller(struct access_log *l, const struct caller *c)
{
    const char *tenant = c ? c->tenant : "-";

    if (l->caller.key != (c ? c->id : 0) || !l->caller.tenant.n ||
        strcmp(l->caller.tenant.p, tenant) != 0)
        keep_caller(l, tenant, c);
    buf_add_view(&l->lines, buf_view(&l->caller.text));
}

/* 00-TRACE-... */
static void add_trace(struct buf *out, const struct tracing *t)
{
    buf_add_str(out, "\",\"trace_id\":\"");
    buf_add(out, t->text + 3, TRACE_ID_HEX - 1);
}

void access_log_add(struct access_log *l, const struct request *r, uint64_t end_ns)
{
    struct buf *out = &l->lines;

    if (!log_is_wanted(LOG_INFO))
        return;
    buf_reserve(out, LINE_BYTES);
    add_head(l, r, ((int64_t)end_ns + l->wall_offset_ns) / 1000000);
    buf_add_fixed(out, (end_ns - r->start_ns) / 1000, 3);
    buf_add_str(out, ",\"bytes_in\":");
    buf_add_u64(out, r->n_received);
    buf_add_str(out, ",\"bytes_out\":");
    buf_add_u64(out, r->n_sent);
    buf_add_str(out, ",\"request_id\":\"");
    buf_add_str(out, r->id);
    if (r->tracing)
        add_trace(out, r->tracing);
    add_caller(l, r->caller);
    if (r->cache) {
        buf_add_str(out, ",\"cache\":\"");
        buf_add_str(out, r->cache);
        buf_add_char(out, '"');
    }
    buf_add(out, "}\n", 2);
}
