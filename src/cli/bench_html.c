#include "cli/bench_html.h"

#include <stdio.h>
#include <string.h>

#define CHART_WIDTH  640
#define CHART_HEIGHT 240
#define LABEL_WIDTH  110
#define BAR_HEIGHT   22

static void escaped(struct buf *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<': buf_add_str(out, "&lt;"); break;
        case '>': buf_add_str(out, "&gt;"); break;
        case '&': buf_add_str(out, "&amp;"); break;
        default: buf_add_char(out, *text);
        }
}

/* "embed" of "embed_ms". */
static int stem(const char *name)
{
    size_t n = strlen(name);

    return (int)(n > 3 ? n - 3 : n);
}

/* A bar for each stage: the median dark, up to p95 light. */
static void stage_bars(struct bench_side *s, struct buf *out)
{
    double top = 0;
    struct stats stats[BENCH_COLUMNS_MAX];

    for (int i = 0; i < s->n_columns; i++) {
        stats[i] = stats_of(&s->samples[i]);
        if (stats[i].p95 > top)
            top = stats[i].p95;
    }
    if (top <= 0)
        top = 1;
    buf_addf(out, "<svg width=\"%d\" height=\"%d\" role=\"img\">\n", CHART_WIDTH + LABEL_WIDTH + 90,
             s->n_columns * BAR_HEIGHT);
    for (int i = 0; i < s->n_columns; i++) {
        int y = i * BAR_HEIGHT;
        double scale = CHART_WIDTH / top;

        buf_addf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.*s</text>", LABEL_WIDTH - 8,
                 y + 15, stem(s->names[i]), s->names[i]);
        buf_addf(out, "<rect class=\"p95\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>",
                 LABEL_WIDTH, y + 3, stats[i].p95 * scale, BAR_HEIGHT - 6);
        buf_addf(out, "<rect class=\"p50\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>",
                 LABEL_WIDTH, y + 3, stats[i].p50 * scale, BAR_HEIGHT - 6);
        buf_addf(out, "<text x=\"%.1f\" y=\"%d\">%.3f ms</text>\n",
                 LABEL_WIDTH + stats[i].p95 * scale + 6, y + 15, stats[i].p50);
    }
    buf_add_str(out, "</svg>\n<p class=\"key\">dark: median, light: up to p95</p>\n");
}

/* How long the total took for which share of the questions: x is the percentile, y the time. */
static void percentile_curve(struct bench_side *s, struct buf *out)
{
    struct sample *total = bench_column(s, "total_ms");
    struct stats stats;

    if (!total || total->n == 0)
        return;
    stats = stats_of(total); /* sorts */
    buf_addf(out, "<svg width=\"%d\" height=\"%d\" role=\"img\">\n<polyline points=\"",
             CHART_WIDTH + LABEL_WIDTH, CHART_HEIGHT + 30);
    for (int percent = 0; percent <= 100; percent++) {
        size_t i = (size_t)((double)(total->n - 1) * percent / 100);
        double y = stats.max > 0 ? total->v[i] / stats.max : 0;

        buf_addf(out, "%.1f,%.1f ", LABEL_WIDTH + percent * CHART_WIDTH / 100.0,
                 5 + CHART_HEIGHT * (1 - y));
    }
    buf_add_str(out, "\"/>\n");
    buf_addf(out, "<text x=\"%d\" y=\"14\" text-anchor=\"end\">%.3f ms</text>", LABEL_WIDTH - 8,
             stats.max);
    buf_addf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">0</text>", LABEL_WIDTH - 8,
             CHART_HEIGHT + 5);
    for (int percent = 0; percent <= 100; percent += 25)
        buf_addf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">p%d</text>",
                 LABEL_WIDTH + percent * CHART_WIDTH / 100, CHART_HEIGHT + 24, percent);
    buf_add_str(out, "\n</svg>\n");
}

static void table(struct bench_side *s, struct buf *out)
{
    buf_add_str(out, "<table><tr><th>ms</th><th>mean</th><th>std</th><th>min</th><th>max</th>"
                     "<th>p50</th><th>p95</th><th>p99</th></tr>\n");
    for (int i = 0; i < s->n_columns; i++) {
        struct stats v = stats_of(&s->samples[i]);

        buf_addf(out, "<tr><td>%.*s</td>", stem(s->names[i]), s->names[i]);
        buf_addf(out, "<td>%.3f</td><td>%.3f</td><td>%.3f</td><td>%.3f</td>", v.mean, v.std, v.min,
                 v.max);
        buf_addf(out, "<td>%.3f</td><td>%.3f</td><td>%.3f</td></tr>\n", v.p50, v.p95, v.p99);
    }
    buf_add_str(out, "</table>\n");
}

static void side(const char *title, struct bench_side *s, struct buf *out)
{
    buf_addf(out, "<h2>%s</h2>\n<p>%zu questions, %.0f a second</p>\n", title, s->n,
             s->seconds > 0 ? (double)s->n / s->seconds : 0);
    stage_bars(s, out);
    percentile_curve(s, out);
    table(s, out);
}

void bench_html(const char *facts, struct bench_side *cold, struct bench_side *cached,
                struct buf *out)
{
    buf_add_str(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<title>ragd bench</title>\n<style>\n"
                     "body{font:14px/1.5 system-ui,sans-serif;max-width:900px;margin:2em auto;"
                     "padding:0 1em;color:#222}\n"
                     "table{border-collapse:collapse}td,th{padding:2px 12px;text-align:right;"
                     "border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}\n"
                     "svg{display:block;margin:1em 0}text{font-size:12px;fill:#444}\n"
                     ".p95{fill:#bcd4ea}.p50{fill:#2b6ca3}"
                     "polyline{fill:none;stroke:#2b6ca3;stroke-width:2}.key{color:#777}\n"
                     "</style></head><body>\n<h1>ragd bench</h1>\n<pre>");
    escaped(out, facts);
    buf_add_str(out, "</pre>\n");
    side("Cold: the cache passed by", cold, out);
    side("Cached", cached, out);
    buf_add_str(out, "</body></html>\n");
}
