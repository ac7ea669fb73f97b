#include "server/local_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"

/* Fills the address. *folder is a descriptor to close afterwards. */
static int address_of(const char *data_dir, struct sockaddr_un *a, int *folder)
{
    size_t cap = sizeof a->sun_path;

    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    *folder = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0)
        return FAIL(errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "data folder '%s': %s", data_dir,
                    strerror(errno));
    if ((size_t)snprintf(a->sun_path, cap, "%s/%s", data_dir, LOCAL_SOCKET_NAME) >= cap)
        snprintf(a->sun_path, cap, "/proc/self/fd/%d/%s", *folder, LOCAL_SOCKET_NAME);
    return ERR_OK;
}

int local_socket_bind(const char *data_dir)
{
    struct sockaddr_un a;
    int folder, rc = address_of(data_dir, &a, &folder), fd, wrong = 0;
    mode_t mask;

    if (rc < 0)
        return rc;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(a.sun_path);
    mask = umask(0177); /* never open to others, not for a moment */
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
        wrong = errno;
    umask(mask);
    close(folder);
    if (!wrong)
        return fd;
    if (fd >= 0)
        close(fd);
    return FAIL(ERR_IO, "cannot listen on '%s/%s': %s", data_dir, LOCAL_SOCKET_NAME,
                strerror(wrong));
}

int local_socket_connect(const char *data_dir)
{
    struct sockaddr_un a;
    int folder, rc = address_of(data_dir, &a, &folder), fd, wrong = 0;

    if (rc < 0)
        return rc;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        wrong = errno;
    close(folder);
    if (!wrong)
        return fd;
    if (fd >= 0)
        close(fd);
    return FAIL(wrong == ENOENT || wrong == ECONNREFUSED ? ERR_NOT_FOUND : ERR_IO, "'%s/%s': %s",
                data_dir, LOCAL_SOCKET_NAME, strerror(wrong));
}

void local_socket_remove(const char *data_dir)
{
    struct sockaddr_un a;
    int folder;

    if (address_of(data_dir, &a, &folder) < 0)
        return;
    unlink(a.sun_path);
    close(folder);
}
