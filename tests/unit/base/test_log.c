#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/trace_context.h"

static char line[3000];
static int fds[2], kept;

/* Standard error goes into a pipe while a test logs. */
static void up(void)
{
    fflush(stderr);
    kept = dup(STDERR_FILENO);
    cr_assert_eq(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
}

static const char *logged(void)
{
    ssize_t n;

    dup2(kept, STDERR_FILENO); /* the pipe's last writer is gone now */
    n = read(fds[0], line, sizeof line - 1);
    line[n > 0 ? n : 0] = '\0';
    return line;
}

TestSuite(log, .init = up);

Test(log, writes_one_json_object_a_line)
{
    log_event(LOG_WARN, "slow", LOG_S("what", "embed"), LOG_I("n", -3), LOG_F("ms", 1.5));
    logged();
    cr_expect_eq(strncmp(line, "{\"time\":\"20", 11), 0, "%s", line);
    cr_expect_not_null(strstr(line, "\"level\":\"warn\",\"event\":\"slow\",\"what\":\"embed\","
                                    "\"n\":-3,\"ms\":1.5}\n"),
                       "%s", line);
}

Test(log, what_a_client_sends_cannot_forge_a_line)
{
    log_event(LOG_ERROR, "x", LOG_S("path", "a\n{\"level\":\"info\"}\x1b[2J\xff"));
    logged();
    cr_expect_eq(strchr(line, '\n'), line + strlen(line) - 1);
    cr_expect_null(strchr(line, '\x1b'));
    cr_expect_not_null(strstr(line, "\\n{\\\"level\\\""), "%s", line);
}

Test(log, a_missing_string_and_a_missing_number_are_survived)
{
    log_event(LOG_ERROR, "x", LOG_S("s", NULL), LOG_F("f", NAN));
    cr_expect_not_null(strstr(logged(), "\"s\":\"\",\"f\":null"), "%s", line);
}

Test(log, below_the_level_nothing_is_said)
{
    log_event(LOG_INFO, "quiet", LOG_I("n", 1)); /* the default is warn */
    log_set_level(LOG_NONE);
    log_event(LOG_ERROR, "quiet", LOG_I("n", 2));
    log_set_level(LOG_DEBUG);
    log_event(LOG_DEBUG, "loud", LOG_I("n", 3));
    cr_expect_null(strstr(logged(), "quiet"));
    cr_expect_not_null(strstr(line, "loud"));
}

Test(log, lines_that_were_added_are_written_together)
{
    struct buf lines = {0};
    const struct log_field field = LOG_S("path", "a\nb");

    log_add(&lines, LOG_WARN, "one", &field, 1);
    log_add(&lines, LOG_DEBUG, "below the level", NULL, 0);
    log_add(&lines, LOG_WARN, "two", NULL, 0);
    log_flush(&lines);
    cr_expect_eq(lines.n, 0);
    log_flush(&lines);
    buf_done(&lines);
    logged();
    cr_expect_not_null(strstr(line, "\"event\":\"one\",\"path\":\"a\\nb\"}\n{\"time\""), "%s",
                       line);
    cr_expect_not_null(strstr(line, "\"event\":\"two\"}\n"), "%s", line);
    cr_expect_null(strstr(line, "below"));
}

/* A pipe takes PIPE_BUF bytes in one piece, so that is what a piece has at most. */
Test(log, no_piece_ends_inside_a_line)
{
    struct buf lines = {0}, got = {0};
    char name[701], part[PIPE_BUF];
    const struct log_field field = LOG_S("s", name);
    ssize_t n;

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 20; i++)
        log_add(&lines, LOG_WARN, "x", &field, 1);
    log_flush(&lines);
    buf_done(&lines);
    dup2(kept, STDERR_FILENO);
    while ((n = read(fds[0], part, sizeof part)) > 0)
        buf_add(&got, part, (size_t)n);
    n = 0;
    for (const char *at = got.p; at < got.p + got.n; at = strchr(at, '\n') + 1, n++)
        cr_expect_eq(strncmp(at, "{\"time\":\"", 9), 0);
    cr_expect_eq(n, 20);
    buf_done(&got);
}

static char drained[4096];

static void drain(int signal)
{
    (void)signal;
    if (read(fds[0], drained, sizeof drained) < 0)
        _exit(1);
}

/* The pipe is full after the first part of the line, and a signal ends the write there. */
Test(log, a_line_that_a_signal_cuts_short_is_written_to_its_end)
{
    struct sigaction act = {.sa_handler = drain};
    struct itimerval soon = {.it_value.tv_usec = 50000};
    char text[6000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_assert_eq(fcntl(fds[0], F_SETPIPE_SZ, (int)sizeof drained), (int)sizeof drained);
    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    log_event(LOG_ERROR, "x", LOG_S("s", text), LOG_I("end", 7));
    logged();
    cr_expect_eq(strncmp(drained, "{\"time\":\"", 9), 0);
    cr_expect_not_null(strstr(line, "xxx\",\"end\":7}\n"), "%s", line);
}

Test(log, lines_of_a_traced_request_tell_its_trace)
{
    struct trace_context c = {.trace_id = {0xab, 0xcd}};

    trace_context_bind(&c);
    log_event(LOG_ERROR, "x", LOG_I("n", 1));
    trace_context_bind(NULL);
    log_event(LOG_ERROR, "y", LOG_I("n", 2));
    logged();
    cr_expect_not_null(strstr(line, "\"n\":1,\"trace_id\":\"abcd0000000000000000000000000000\"}\n"),
                       "%s", line);
    cr_expect_not_null(strstr(line, "\"n\":2}\n"), "%s", line);
}
