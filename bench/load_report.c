#include "load_report.h"

#include <stdio.h>

#include "base/jsonw.h"

#define LATE_NS 1000000

static const struct {
    const char *name;
    double share;
} SHARES[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p99.9", .999}};

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static double a_second(const struct load *l, uint64_t n)
{
    return l->took_s > 0 ? (double)n / l->took_s : 0;
}

static double cpu_us_a_reply(const struct load *l)
{
    uint64_t n = 0;

    for (int i = 0; i < l->n_classes; i++)
        n += l->classes[i].figures.n_in_time;
    return n ? l->cpu_s * 1e6 / (double)n : 0;
}

/* ---- for people ---- */

static void add_delays(struct buf *out, const struct delays *d)
{
    for (size_t i = 0; i < sizeof SHARES / sizeof *SHARES; i++)
        buf_addf(out, " %9.3f", ms(delays_at(d, SHARES[i].share)));
    buf_addf(out, " %9.3f\n", ms(d->max_ns));
}

static void add_status(struct buf *out, const struct load_status *s)
{
    buf_addf(out, "  status %d %*llu %9s", s->status, 14, (unsigned long long)s->delays.n, "");
    add_delays(out, &s->delays);
    if (s->n_retry_after)
        buf_addf(out, "    Retry-After in %llu of them, %g to %g s\n",
                 (unsigned long long)s->n_retry_after, s->retry_after_min_s, s->retry_after_max_s);
}

static void add_failures(struct buf *out, const struct load_figures *f)
{
    const struct {
        const char *what;
        uint64_t n;
    } failures[] = {{"timed out", f->n_timeout},
                    {"connection lost", f->n_closed},
                    {"not HTTP", f->n_broken},
                    {"no connection was free", f->n_unsent},
                    {"connections refused", f->n_refused}};

    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (failures[i].n)
            buf_addf(out, "  %s: %llu\n", failures[i].what, (unsigned long long)failures[i].n);
}

static void add_class(const struct load *l, const struct load_class *c, struct buf *out)
{
    const struct load_figures *f = &c->figures;

    buf_addf(out, "%-14s %9llu %9.1f", c->name, (unsigned long long)f->n_sent,
             a_second(l, f->n_in_time));
    add_delays(out, &f->all);
    for (int i = 0; i < f->n_statuses; i++)
        add_status(out, &f->statuses[i]);
    add_failures(out, f);
    if (c->rate > 0)
        buf_addf(out, "  sent late by ourselves: %llu by more than 1 ms, p99 %.3f, most %.3f ms\n",
                 (unsigned long long)delays_above(&f->late, LATE_NS), ms(delays_at(&f->late, .99)),
                 ms(f->late.max_ns));
}

void load_report_text(const struct load *l, struct buf *out)
{
    buf_addf(out, "%-14s %9s %9s", "ms", "sent", "per s");
    for (size_t i = 0; i < sizeof SHARES / sizeof *SHARES; i++)
        buf_addf(out, " %9s", SHARES[i].name);
    buf_addf(out, " %9s\n", "max");
    for (int i = 0; i < l->n_classes; i++)
        add_class(l, &l->classes[i], out);
    if (l->pid)
        buf_addf(out, "the server's processor time: %.1f us a reply\n", cpu_us_a_reply(l));
}

/* ---- for programs ---- */

static void put_int(struct jsonw *w, const char *key, uint64_t v)
{
    jsonw_key(w, key);
    jsonw_int(w, (int64_t)v);
}

static void put_real(struct jsonw *w, const char *key, double v)
{
    jsonw_key(w, key);
    jsonw_real(w, v);
}

static void put_delays(struct jsonw *w, const char *key, const struct delays *d)
{
    jsonw_key(w, key);
    jsonw_open(w, '{');
    for (size_t i = 0; i < sizeof SHARES / sizeof *SHARES; i++)
        put_real(w, SHARES[i].name, ms(delays_at(d, SHARES[i].share)));
    put_real(w, "max", ms(d->max_ns));
    put_real(w, "mean", d->n ? ms(d->sum_ns) / (double)d->n : 0);
    jsonw_close(w, '}');
}

static void put_status(struct jsonw *w, const struct load_status *s)
{
    char name[16];

    snprintf(name, sizeof name, "%d", s->status);
    jsonw_key(w, name);
    jsonw_open(w, '{');
    put_int(w, "n", s->delays.n);
    put_delays(w, "ms", &s->delays);
    if (s->n_retry_after) {
        jsonw_key(w, "retry_after");
        jsonw_open(w, '{');
        put_int(w, "n", s->n_retry_after);
        put_real(w, "min", s->retry_after_min_s);
        put_real(w, "max", s->retry_after_max_s);
        jsonw_close(w, '}');
    }
    jsonw_close(w, '}');
}

static void put_failures(struct jsonw *w, const struct load_figures *f)
{
    jsonw_key(w, "failed");
    jsonw_open(w, '{');
    put_int(w, "timeout", f->n_timeout);
    put_int(w, "closed", f->n_closed);
    put_int(w, "broken", f->n_broken);
    put_int(w, "unsent", f->n_unsent);
    jsonw_close(w, '}');
    put_int(w, "refused", f->n_refused);
}

static void put_late(struct jsonw *w, const struct delays *late)
{
    jsonw_key(w, "late");
    jsonw_open(w, '{');
    put_int(w, "over_1ms", delays_above(late, LATE_NS));
    put_real(w, "p99_ms", ms(delays_at(late, .99)));
    put_real(w, "max_ms", ms(late->max_ns));
    jsonw_close(w, '}');
}

static void put_class(struct jsonw *w, const struct load *l, const struct load_class *c)
{
    const struct load_figures *f = &c->figures;

    jsonw_key(w, c->name);
    jsonw_open(w, '{');
    put_int(w, "sent", f->n_sent);
    put_int(w, "replies", f->n_replies);
    put_real(w, "per_s", a_second(l, f->n_in_time));
    put_real(w, "good_per_s", a_second(l, f->n_good_in_time));
    put_real(w, "bytes_a_reply",
             f->n_in_time ? (double)f->n_bytes_in_time / (double)f->n_in_time : 0);
    put_failures(w, f);
    put_delays(w, "ms", &f->all);
    put_delays(w, "first_byte_ms", &f->first_byte);
    put_late(w, &f->late);
    jsonw_key(w, "status");
    jsonw_open(w, '{');
    for (int i = 0; i < f->n_statuses; i++)
        put_status(w, &f->statuses[i]);
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}

void load_report_json(const struct load *l, struct buf *out)
{
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '{');
    put_real(&w, "seconds", l->took_s);
    put_real(&w, "cpu_us_a_reply", cpu_us_a_reply(l));
    jsonw_key(&w, "classes");
    jsonw_open(&w, '{');
    for (int i = 0; i < l->n_classes; i++)
        put_class(&w, l, &l->classes[i]);
    jsonw_close(&w, '}');
    jsonw_close(&w, '}');
    buf_add_char(out, '\n');
}
