#include "server/command_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "server/local_socket.h"

#define REPLY_HEAD_MAX    16384
#define REPLY_PROBLEM_MAX 65536
#define LOOK_UP_MS        200

static void write_request(const struct command_call *call, struct buf *out)
{
    struct buf body = {0};
    struct jsonw w = jsonw_to(&body);

    jsonw_open(&w, '{');
    jsonw_key(&w, "argv");
    jsonw_open(&w, '[');
    for (int i = 0; i < call->argc; i++)
        jsonw_cstr(&w, call->argv[i]);
    jsonw_close(&w, ']');
    jsonw_key(&w, "cwd"), jsonw_cstr(&w, call->cwd);
    jsonw_key(&w, "terminal"), jsonw_bool(&w, call->terminal);
    jsonw_close(&w, '}');
    buf_addf(out,
             "POST /-/command HTTP/1.0\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n",
             body.n);
    buf_add_view(out, buf_view(&body));
    buf_done(&body);
}

static int send_all(int fd, struct str s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FAIL(ERR_IO, "the server on this data folder hung up: %s", strerror(errno));
        s = str_sub(s, (size_t)n, s.n);
    }
    return ERR_OK;
}

/* Exactly n bytes. */
static int receive(int fd, void *out, size_t n)
{
    char *p = out;

    while (n) {
        ssize_t got = recv(fd, p, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FAIL(ERR_IO, "the server on this data folder ended before the command did%s%s",
                        got < 0 ? ": " : "", got < 0 ? strerror(errno) : "");
        p += got;
        n -= (size_t)got;
    }
    return ERR_OK;
}

/* Byte by byte up to the empty line: what follows are frames. */
static int receive_head(int fd, struct buf *head)
{
    int rc = ERR_OK;
    char c;

    while (!str_ends(buf_view(head), STR_LIT("\r\n\r\n"))) {
        if (head->n == REPLY_HEAD_MAX)
            return FAIL(ERR_FORMAT, "the server's reply has no end of its head");
        TRY(receive(fd, &c, 1));
        buf_add_char(head, c);
    }
out:
    return rc;
}

/* The reason of a refusal: the problem's detail. */
static int refused(int fd)
{
    char text[REPLY_PROBLEM_MAX];
    struct str detail = STR_LIT("it does not say why");
    json_t *problem = NULL;
    size_t n = 0;
    ssize_t got;

    while (n < sizeof text && (got = recv(fd, text + n, sizeof text - n, 0)) > 0)
        n += (size_t)got;
    if (json_parse(&problem, (struct str){text, n}, "the problem") == ERR_OK)
        (void)json_get_str(problem, "detail", &detail);
    (void)FAIL(ERR_UNAVAILABLE, "the server on this data folder refused: %.*s", STR_ARGS(detail));
    json_decref(problem);
    return ERR_UNAVAILABLE;
}

/* Until the next frame comes; looks up now and then whether the user has had enough. */
static void await_frame(int fd, const struct command_call *call, bool *told)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (poll(&p, 1, LOOK_UP_MS) <= 0)
        if (!*told && call->cancelled && *call->cancelled) {
            shutdown(fd, SHUT_WR);
            *told = true;
        }
}

static int copy_frames(int fd, const struct command_call *call, int *exit_code)
{
    int rc = ERR_OK;
    bool told = false;
    unsigned char head[COMMAND_FRAME_HEAD];
    char *bytes = mem_alloc(COMMAND_FRAME_MAX);
    uint32_t n;

    for (;;) {
        await_frame(fd, call, &told);
        TRY(receive(fd, head, sizeof head));
        memcpy(&n, head + 1, sizeof n);
        n = ntohl(n);
        if (n > COMMAND_FRAME_MAX || (head[0] == 'x' && n != 4)) {
            rc = FAIL(ERR_FORMAT, "the server sent a frame of %u bytes", (unsigned)n);
            goto out;
        }
        TRY(receive(fd, bytes, n));
        if (head[0] == 'x')
            break;
        fwrite(bytes, 1, n, head[0] == 'e' ? call->err : call->out);
        fflush(head[0] == 'e' ? call->err : call->out);
    }
    memcpy(&n, bytes, sizeof n);
    *exit_code = (int)ntohl(n);
out:
    mem_free(bytes);
    return rc;
}

int command_forward(const char *data_dir, const struct command_call *call, int *exit_code)
{
    int rc = ERR_OK;
    struct buf b = {0};
    int fd = local_socket_connect(data_dir);

    if (fd < 0)
        return fd;
    write_request(call, &b);
    TRY(send_all(fd, buf_view(&b)));
    buf_clear(&b);
    TRY(receive_head(fd, &b));
    if (str_starts(buf_view(&b), STR_LIT("HTTP/1.1 200 ")))
        TRY(copy_frames(fd, call, exit_code));
    else
        rc = refused(fd);
out:
    buf_done(&b);
    close(fd);
    return rc;
}
