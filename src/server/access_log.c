#include "server/access_log.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "engine/caller.h"
#include "server/exchange.h"
#include "server/routes.h"
#include "server/tracing.h"

#define LINE_BYTES 511 /* most lines; longer ones grow the buffer */

/* Who asked: nobody knows until the key was looked at. */
static void add_caller(struct buf *out, const struct caller *c)
{
    buf_add_str(out, "\",\"tenant\":");
    jsonw_string(out, str_of(c ? c->tenant : "-"));
    if (!c || !*c->name)
        return;
    buf_add_str(out, ",\"key\":");
    jsonw_string(out, str_of(c->name));
}

static void add_number(struct buf *out, const char *key, uint64_t v)
{
    buf_add_str(out, key);
    buf_add_u64(out, v);
}

/* 00-TRACE-... */
static void add_trace(struct buf *out, const struct tracing *t)
{
    buf_add_str(out, "\",\"trace_id\":\"");
    buf_add(out, t->text + 3, TRACE_ID_HEX - 1);
}

/* Method, route, id and cache are of our own words or of letters that were looked at. */
void access_log_add(const struct request *r, uint64_t ns, struct buf *out)
{
    char when[CLOCK_ISO_BYTES];

    if (!log_is_wanted(LOG_INFO))
        return;
    buf_reserve(out, LINE_BYTES);
    clock_iso(clock_wall_ms(), when);
    buf_add_str(out, "{\"time\":\"");
    buf_add_str(out, when);
    buf_add_str(out, "\",\"level\":\"info\",\"event\":\"request\",\"method\":\"");
    buf_add_view(out, r->head.method.n ? r->head.method : STR_LIT("-"));
    buf_add_str(out, "\",\"route\":\"");
    buf_add_str(out, r->route ? r->route->pattern : "-");
    add_number(out, "\",\"status\":", (uint64_t)r->status);
    buf_add_str(out, ",\"ms\":");
    buf_add_fixed(out, ns / 1000, 3);
    add_number(out, ",\"bytes_in\":", r->body.n);
    add_number(out, ",\"bytes_out\":", r->n_sent);
    buf_add_str(out, ",\"request_id\":\"");
    buf_add_str(out, r->id);
    if (r->tracing)
        add_trace(out, r->tracing);
    add_caller(out, r->caller);
    if (r->cache) {
        buf_add_str(out, ",\"cache\":\"");
        buf_add_str(out, r->cache);
        buf_add_char(out, '"');
    }
    buf_add_str(out, "}\n");
}
