#include "server/listener.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "server/conn.h"
#include "server/loop.h"

#define BACKLOG        1024
#define ACCEPT_AT_ONCE 64 /* then those who are in have their turn */

/* How one more was not accepted: EAGAIN when nobody waits; 0: at_once were. */
static int accept_some(struct listener *x, int at_once)
{
    for (int i = 0; i < at_once; i++) {
        int fd = accept4(x->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0)
            conn_accept(x->loop, fd, x->local);
        else if (errno != EINTR && errno != ECONNABORTED)
            return errno;
    }
    return 0;
}

static void rest(struct listener *x, int why)
{
    x->rests = true;
    uv_poll_stop(&x->poll);
    log_event(LOG_WARN, "cannot_accept", LOG_S("reason", strerror(why)));
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct listener *x = poll->data;
    int why = status < 0 ? -status : accept_some(x, ACCEPT_AT_ONCE);

    (void)events;
    if (why && why != EAGAIN)
        rest(x, why);
}

int listener_open(struct listener *x, struct loop *l, int fd, bool local)
{
    int e;

    *x = (struct listener){.loop = l, .fd = fd, .local = local};
    if (listen(fd, BACKLOG) < 0) {
        e = errno;
        close(fd);
        return FAIL(ERR_IO, "cannot listen%s: %s", local ? " on the data folder's socket" : "",
                    strerror(e));
    }
    e = uv_poll_init(&l->uv, &x->poll, fd);
    if (e < 0) {
        close(fd);
        return FAIL(ERR_IO, "cannot watch a socket: %s", uv_strerror(e));
    }
    x->poll.data = x;
    x->is_open = true;
    uv_poll_start(&x->poll, UV_READABLE, on_readable);
    return ERR_OK;
}

/* Who asks for a connection is not heard: he asks again in a second, and finds nobody. The other
 * packets of a handshake pass, as who has our half of it believes that he is connected. Where the
 * filter is not allowed, one who comes between the last accept and the close is reset. */
static void hear_no_syn(int fd)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsetof(struct tcphdr, th_flags)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TH_SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog filter = {sizeof steps / sizeof *steps, steps};

    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

void listener_refuse(struct listener *x)
{
    if (x->is_open && !x->local) /* a local connection has no handshake */
        hear_no_syn(x->fd);
}

void listener_close(struct listener *x)
{
    if (!x->is_open)
        return;
    listener_refuse(x);
    if (x->local)
        shutdown(x->fd, SHUT_RD); /* those who wait stay */
    while (accept_some(x, ACCEPT_AT_ONCE) == 0)
        continue;
    x->is_open = false;
    uv_close((uv_handle_t *)&x->poll, NULL);
    close(x->fd);
}

void listener_tick(struct listener *x)
{
    if (!x->is_open || !x->rests)
        return;
    x->rests = false;
    uv_poll_start(&x->poll, UV_READABLE, on_readable);
}
