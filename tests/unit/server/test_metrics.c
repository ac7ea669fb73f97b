#include "server/metrics.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const struct metrics_route routes[] = {{"GET", "/a"}, {"POST", "/b/{id}"}};

static struct buf page(struct metrics *m)
{
    struct buf b = {0};

    metrics_write(m, &b);
    return b;
}

Test(metrics, counts_requests_by_route_and_status)
{
    struct metrics *m = metrics_new(routes, 2);
    struct buf b;

    metrics_request(m, 0, 200, 1000);
    metrics_request(m, 0, 204, 1000);
    metrics_request(m, 1, 404, 1000);
    cr_expect_eq(metrics_requests(m), 3);
    b = page(m);
    cr_expect(
        strstr(b.p, "ragd_http_requests_total{method=\"GET\",route=\"/a\",status=\"2xx\"} 2\n"));
    cr_expect(strstr(
        b.p, "ragd_http_requests_total{method=\"POST\",route=\"/b/{id}\",status=\"4xx\"} 1\n"));
    buf_done(&b);
    metrics_free(m);
}

Test(metrics, histograms_are_cumulative_and_end_in_inf)
{
    struct metrics *m = metrics_new(routes, 1);
    struct buf b;

    metrics_request(m, 0, 200, 60 * 1000);            /* 60 us */
    metrics_request(m, 0, 200, 2 * 1000 * 1000);      /* 2 ms */
    metrics_request(m, 0, 200, 100ull * 1000000000u); /* beyond all bounds */
    b = page(m);
    cr_expect(strstr(
        b.p, "ragd_http_request_seconds_bucket{method=\"GET\",route=\"/a\",le=\"5e-05\"} 0\n"));
    cr_expect(strstr(b.p, "le=\"0.0001\"} 1\n"));
    cr_expect(strstr(b.p, "le=\"0.0025\"} 2\n"));
    cr_expect(strstr(b.p, "le=\"30\"} 2\n"));
    cr_expect(strstr(
        b.p, "ragd_http_request_seconds_bucket{method=\"GET\",route=\"/a\",le=\"+Inf\"} 3\n"));
    cr_expect(strstr(b.p, "ragd_http_request_seconds_count{method=\"GET\",route=\"/a\"} 3\n"));
    buf_done(&b);
    metrics_free(m);
}

Test(metrics, stages_are_told_apart)
{
    struct metrics *m = metrics_new(routes, 1);
    struct trace t = {.ns = {[STAGE_EMBED] = 1000000}};
    struct buf b;

    metrics_trace(m, &t);
    b = page(m);
    cr_expect(strstr(b.p, "ragd_stage_seconds_count{stage=\"embed\"} 1\n"));
    cr_expect(strstr(b.p, "ragd_stage_seconds_count{stage=\"search\"} 0\n"));
    buf_done(&b);
    metrics_free(m);
}

Test(metrics, degraded_answers_are_counted_by_part)
{
    struct metrics *m = metrics_new(routes, 1);
    struct buf b;

    metrics_degraded(m, METRICS_PART_MODEL);
    b = page(m);
    cr_expect(strstr(b.p, "ragd_degraded_total{part=\"model\"} 1\n"));
    cr_expect(strstr(b.p, "ragd_degraded_total{part=\"generate\"} 0\n"));
    buf_done(&b);
    metrics_free(m);
}

Test(metrics, what_would_end_a_label_is_escaped)
{
    struct buf b = {0};

    metrics_label(&b, "a", "x\"y\\z\n");
    metrics_label(&b, "b", "");
    cr_expect_str_eq(b.p, "a=\"x\\\"y\\\\z\\n\",b=\"\"");
    buf_done(&b);
}

/* What the text format asks of every line, and each name typed exactly once, before its samples. */
Test(metrics, the_page_is_well_formed)
{
    struct metrics *m = metrics_new(routes, 2);
    struct buf b;
    char typed[100] = "";
    char *line, *rest;

    metrics_request(m, 1, 503, 5);
    metrics_count(m, COUNT_BUSY);
    cr_expect_eq(metrics_counter(m, COUNT_BUSY), 1);
    b = page(m);
    metrics_gauge(&b, "ragd_x", "An x.", 1.5);
    cr_assert_eq(b.p[b.n - 1], '\n');
    for (line = strtok_r(b.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            cr_assert_eq(sscanf(line, "# TYPE %99s", typed), 1);
        } else if (line[0] != '#') {
            char *end, *value = strrchr(line, ' ');

            cr_assert(strncmp(line, typed, strlen(typed)) == 0, "%s under %s", line, typed);
            cr_assert_not_null(value);
            strtod(value + 1, &end);
            cr_assert_eq(*end, '\0', "%s", line);
        }
    }
    buf_done(&b);
    metrics_free(m);
}

static void *count_on_another_thread(void *m)
{
    metrics_count(m, COUNT_RUNS);
    metrics_adjust(m, GAUGE_REQUESTS, -1); /* which began on the first */
    metrics_bytes(m, 1, 10);
    return NULL;
}

Test(metrics, the_numbers_of_all_threads_are_added_up)
{
    struct metrics *m = metrics_new(routes, 2), *other = metrics_new(routes, 2);
    pthread_t thread;
    struct buf b;

    metrics_count(m, COUNT_RUNS);
    metrics_count(other, COUNT_RUNS);
    metrics_count(m, COUNT_RUNS);
    metrics_adjust(m, GAUGE_REQUESTS, 1);
    metrics_adjust(m, GAUGE_REQUESTS, 1);
    metrics_adjust(m, GAUGE_STREAMS, 1);
    metrics_bytes(m, 2, 20);
    cr_assert_eq(pthread_create(&thread, NULL, count_on_another_thread, m), 0);
    pthread_join(thread, NULL);
    cr_expect_eq(metrics_counter(m, COUNT_RUNS), 3);
    cr_expect_eq(metrics_counter(other, COUNT_RUNS), 1);
    b = page(m);
    cr_expect(strstr(b.p, "\nragd_requests_in_flight 1\n"));
    cr_expect(strstr(b.p, "\nragd_streams_open 1\n"));
    cr_expect(strstr(b.p, "\nragd_http_received_bytes_total 3\n"));
    cr_expect(strstr(b.p, "\nragd_http_sent_bytes_total 30\n"));
    buf_done(&b);
    metrics_free(m);
    metrics_free(other);
}
