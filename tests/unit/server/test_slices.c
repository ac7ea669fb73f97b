#include "server/slices.h"

#include "support/live.h"

/* n inputs of the encoder's route, the last one `last`. */
static char *inputs(int n, const char *last)
{
    struct buf body = {0};

    buf_add_str(&body, "{\"colour\":\"red\",\"input\":[");
    for (int i = 0; i < n; i++)
        buf_addf(&body, "\"number %d of many that are to be embedded\",", i);
    buf_addf(&body, "%s]}", last);
    return buf_take(&body);
}

static char *ask(const struct live *l, const char *body)
{
    struct buf b = {0};
    char *reply;

    buf_addf(&b,
             "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    reply = live_raw(l, b.p);
    buf_done(&b);
    return reply;
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;

    for (; (text = strstr(text, word)) != NULL; text++)
        n++;
    return n;
}

static void expect_all(const struct live *l, int n)
{
    char *body = inputs(n, "\"last\""), *reply = ask(l, body);

    cr_expect(strstr(reply, "HTTP/1.1 200"), "%.100s", reply);
    cr_expect_eq(count(reply, "\"object\":\"embedding\""), (size_t)n + 1);
    cr_expect(strstr(reply, "x-ragd-ignored: colour\r\n"), "%.300s", reply);
    cr_expect(strstr(reply, "embed;dur="), "%.300s", reply);
    mem_free(reply);
    mem_free(body);
}

Test(slices, one_item_few_and_more_than_a_slice_are_all_done)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    expect_all(&l, 0);
    expect_all(&l, 3);
    expect_all(&l, 300);
    live_close(&l);
}

Test(slices, a_body_is_refused_alike_whether_the_loop_reads_it_or_a_worker)
{
    static const int sizes[] = {1, 200};
    struct live l;

    LIVE_OPEN(&l, NULL);
    for (int i = 0; i < 2; i++) {
        char *body = inputs(sizes[i], "7.5"), *reply = ask(&l, body), want[64];

        snprintf(want, sizeof want, "'input'[%d] must be a string", sizes[i]);
        cr_expect(strstr(reply, "HTTP/1.1 400"), "%.100s", reply);
        cr_expect(strstr(reply, want), "%s", reply);
        mem_free(reply);
        mem_free(body);
    }
    live_close(&l);
}

Test(slices, who_leaves_holds_up_nobody)
{
    struct live l;
    char *body, *head;
    int fd;

    LIVE_OPEN(&l, NULL);
    body = inputs(2000, "\"last\"");
    for (int i = 0; i < 3; i++) {
        struct buf b = {0};

        buf_addf(&b,
                 "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
        head = buf_take(&b);
        fd = live_connect(&l);
        cr_expect_gt(send(fd, head, strlen(head), MSG_NOSIGNAL), 0);
        close(fd);
        mem_free(head);
    }
    expect_all(&l, 2);
    mem_free(body);
    live_close(&l);
}
