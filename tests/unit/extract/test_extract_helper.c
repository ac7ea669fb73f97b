#include <sys/socket.h>
#include <sys/wait.h>

#include "extract/extract_wire.h"
#include "made.h"

/* The helper's main in a process of its own, with our end of its socket. */
struct helper {
    pid_t pid;
    int fd;
};

static struct helper start(void)
{
    struct helper h;
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    h.pid = fork();
    if (h.pid == 0) {
        dup2(pair[1], 0);
        dup2(pair[1], 1);
        close(pair[0]);
        close(pair[1]);
        _exit(extract_helper_main());
    }
    close(pair[1]);
    h.fd = pair[0];
    return h;
}

static int end(struct helper h)
{
    int status = -1;

    close(h.fd);
    waitpid(h.pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void ask(struct helper h, uint32_t kind, const char *body)
{
    struct wire_request q = {.magic = WIRE_REQUEST_MAGIC,
                             .kind = kind,
                             .n_body = strlen(body),
                             .text_bytes = 1 << 20,
                             .memory_bytes = (uint64_t)1 << 30,
                             .timeout_ms = 10000};

    cr_assert_eq(write(h.fd, &q, sizeof(q)), (ssize_t)sizeof(q));
    cr_assert_eq(write(h.fd, body, strlen(body)), (ssize_t)strlen(body));
}

static struct wire_reply reply(struct helper h, char *rest, size_t cap)
{
    struct wire_reply r;
    size_t n;

    cr_assert_eq(recv(h.fd, &r, sizeof(r), MSG_WAITALL), (ssize_t)sizeof(r));
    cr_assert_eq(r.magic, WIRE_REPLY_MAGIC);
    n = r.n_title + r.n_metadata + r.n_pages * 8 + r.n_headings * 12 + r.n_text;
    cr_assert_lt(n, cap);
    cr_assert_eq(recv(h.fd, rest, n, MSG_WAITALL), (ssize_t)n);
    rest[n] = '\0';
    return r;
}

Test(extract_helper, answers_one_request_after_the_other_until_the_socket_closes)
{
    struct helper h = start();
    struct wire_reply r;
    char rest[1000];

    for (int i = 0; i < 3; i++) {
        ask(h, KIND_HTML, "<p>Hello");
        r = reply(h, rest, sizeof(rest));
        cr_expect_eq(r.status, ERR_OK);
        cr_expect_str_eq(rest, "Hello");
    }
    ask(h, KIND_HTML, "<script>");
    r = reply(h, rest, sizeof(rest));
    cr_expect_eq(r.status, ERR_FORMAT);
    cr_expect_str_eq(rest, "no text");
    cr_expect_eq(end(h), 0);
}

Test(extract_helper, refuses_kinds_that_it_does_not_read)
{
    struct helper h = start();
    char rest[1000];

    ask(h, KIND_TXT, "x");
    cr_expect_lt(reply(h, rest, sizeof(rest)).status, 0);
    ask(h, 4711, "x");
    cr_expect_lt(reply(h, rest, sizeof(rest)).status, 0);
    cr_expect_eq(end(h), 0);
}

Test(extract_helper, ends_at_a_request_of_another_shape)
{
    struct helper h = start();
    struct wire_request q = {.magic = 1};
    char byte;

    cr_assert_eq(write(h.fd, &q, sizeof(q)), (ssize_t)sizeof(q));
    cr_expect_eq(read(h.fd, &byte, 1), 0);
    cr_expect_eq(end(h), 1);
}

Test(extract_helper, ends_when_a_body_is_cut)
{
    struct helper h = start();
    struct wire_request q = {.magic = WIRE_REQUEST_MAGIC,
                             .kind = KIND_HTML,
                             .n_body = 100,
                             .memory_bytes = (uint64_t)1 << 30};

    cr_assert_eq(write(h.fd, &q, sizeof(q)), (ssize_t)sizeof(q));
    cr_expect_eq(end(h), 1);
}
