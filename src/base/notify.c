#include "base/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 512

/* The length of the address, 0: there is none, or none that fits. */
static socklen_t address(struct sockaddr_un *out)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t n = name ? strlen(name) : 0;

    if (n < 2 || n >= sizeof out->sun_path || (*name != '/' && *name != '@'))
        return 0;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, name, n);
    if (*name == '@')
        out->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static int send_text(const char *text, size_t n)
{
    struct sockaddr_un to;
    socklen_t n_to = address(&to);
    int fd = n_to ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    ssize_t sent;

    if (fd < 0)
        return 0;
    sent = sendto(fd, text, n, MSG_NOSIGNAL, (struct sockaddr *)&to, n_to);
    close(fd);
    return sent == (ssize_t)n;
}

int notify(const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return n > 0 && n < MESSAGE_MAX ? send_text(text, (size_t)n) : 0;
}

int notify_reloading(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return notify("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading the configuration again",
                  (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}
