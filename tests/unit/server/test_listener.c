#include "server/listener.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>

#include "server/loop.h"
#include "support/live.h"

static struct rlimit usual;

static void allow_descriptors(bool allow)
{
    struct rlimit now = {allow ? usual.rlim_cur : 0, usual.rlim_max};

    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
}

/* poll() would not do: it takes no descriptor beyond the limit. */
static ssize_t receive(int fd, char *reply, size_t n, int wait_ms)
{
    struct timeval wait = {wait_ms / 1000, wait_ms % 1000 * 1000};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    return recv(fd, reply, n, 0);
}

Test(listener, who_comes_when_there_are_no_descriptors_waits_and_is_answered)
{
    static const char ask[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct live l;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char reply[4096] = "";
    ssize_t n;
    int why;

    getrlimit(RLIMIT_NOFILE, &usual);
    LIVE_OPEN(&l, NULL);
    a.sin_port = htons((uint16_t)server_port(l.server));
    allow_descriptors(false);
    cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(send(fd, ask, strlen(ask), MSG_NOSIGNAL), (ssize_t)strlen(ask));
    n = receive(fd, reply, sizeof reply - 1, 3 * LOOP_TICK_MS);
    why = errno;
    allow_descriptors(true);
    cr_expect_eq(n, -1, "it was answered or closed");
    cr_expect_eq(why, EAGAIN, "%s", strerror(why));
    cr_assert_gt(receive(fd, reply, sizeof reply - 1, 20000), 0);
    cr_expect_eq(strncmp(reply, "HTTP/1.1 200 ", 13), 0, "%s", reply);
    close(fd);
    live_close(&l);
}

static int connect_to(int listening, int flags)
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

    cr_assert_eq(getsockname(listening, (struct sockaddr *)&a, &n), 0);
    cr_expect(connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == EINPROGRESS);
    return fd;
}

/* With TCP_DEFER_ACCEPT the handshake ends with the first byte: till then the client alone
 * believes that he is connected. */
Test(listener, that_refuses_takes_him_whose_handshake_is_under_way_and_nobody_else)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct listener x = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .is_open = true};
    struct pollfd waiting = {x.fd, POLLIN, 0}, asking = {-1, POLLOUT, 0};
    int seconds = 5, under_way, in;
    char c = 0;

    cr_assert_eq(bind(x.fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(setsockopt(x.fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
    cr_assert_eq(listen(x.fd, 8), 0);
    under_way = connect_to(x.fd, 0);
    cr_expect_eq(accept(x.fd, NULL, NULL), -1);
    cr_expect_eq(errno, EAGAIN);
    listener_refuse(&x);
    asking.fd = connect_to(x.fd, SOCK_NONBLOCK);
    cr_assert_eq(send(under_way, "x", 1, MSG_NOSIGNAL), 1);
    cr_assert_eq(poll(&waiting, 1, 20000), 1);
    in = accept(x.fd, NULL, NULL);
    cr_assert_geq(in, 0);
    cr_expect_eq(recv(in, &c, 1, 0), 1);
    cr_expect_eq(c, 'x');
    cr_expect_eq(send(in, "y", 1, MSG_NOSIGNAL), 1);
    cr_expect_eq(recv(under_way, &c, 1, 0), 1);
    cr_expect_eq(c, 'y');
    cr_expect_eq(poll(&asking, 1, 0), 0, "nobody has heard him");
    close(in), close(under_way), close(asking.fd), close(x.fd);
}

Test(listener, a_socket_that_cannot_listen_is_an_error_and_closed)
{
    struct listener x;
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    cr_expect_eq(listener_open(&x, NULL, fds[0], true), ERR_IO);
    cr_expect_not_null(strstr(err_text(), "cannot listen"));
    cr_expect_eq(fcntl(fds[0], F_GETFD), -1);
    listener_close(&x); /* not open: nothing to do */
    close(fds[1]);
}
