#include "base/notify.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A supervisor's socket by that name; '@' stands for the abstract space. */
static int listen_at(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    memcpy(a.sun_path, name, strlen(name));
    if (*name == '@')
        a.sun_path[0] = '\0';
    cr_assert_eq(bind(fd, (struct sockaddr *)&a,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void expect_heard(int fd, const char *want)
{
    char text[600];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    cr_expect(strncmp(text, want, strlen(want)) == 0, "'%s' is not '%s'", text, want);
}

Test(notify, tells_a_socket_that_is_a_path)
{
    char dir[] = "/tmp/test_notify.XXXXXX", path[64];
    int fd;

    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    fd = listen_at(path);
    cr_expect_eq(notify("READY=1\nSTATUS=port %d", 80), 1);
    expect_heard(fd, "READY=1\nSTATUS=port 80");
    close(fd);
    unlink(path);
    cr_expect_eq(notify("READY=1"), 0, "nobody is there any more");
    rmdir(dir);
}

Test(notify, tells_one_of_the_abstract_space)
{
    char name[64];
    int fd;

    snprintf(name, sizeof name, "@ragd-test-notify-%d", getpid());
    fd = listen_at(name);
    cr_expect_eq(notify_reloading(), 1);
    expect_heard(fd, "RELOADING=1\nMONOTONIC_USEC=");
    close(fd);
}

Test(notify, is_silent_without_a_supervisor_or_with_a_wrong_name)
{
    char longer[200], text[1000];

    unsetenv("NOTIFY_SOCKET");
    cr_expect_eq(notify("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "relative", 1);
    cr_expect_eq(notify("READY=1"), 0);
    memset(longer, 'x', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    setenv("NOTIFY_SOCKET", longer, 1);
    cr_expect_eq(notify("READY=1"), 0);
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_expect_eq(notify("STATUS=%s", text), 0, "longer than a message may be");
}
