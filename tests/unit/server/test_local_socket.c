#include "server/local_socket.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static void listens(const char *dir)
{
    char path[512];
    struct stat st;
    int server, client;

    cr_expect_eq(local_socket_connect(dir), ERR_NOT_FOUND, "nobody is there");
    server = local_socket_bind(dir);
    cr_assert_geq(server, 0, "%s", err_text());
    snprintf(path, sizeof path, "%s/%s", dir, LOCAL_SOCKET_NAME);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    cr_assert_eq(listen(server, 1), 0);
    client = local_socket_connect(dir);
    cr_expect_geq(client, 0, "%s", err_text());
    close(client);
    close(server);
    cr_expect_eq(local_socket_connect(dir), ERR_NOT_FOUND, "a file whose owner has gone");
    server = local_socket_bind(dir);
    cr_expect_geq(server, 0, "takes its place");
    close(server);
    local_socket_remove(dir);
    cr_expect_neq(stat(path, &st), 0);
}

Test(local_socket, is_the_users_own_and_replaces_a_stale_one)
{
    char dir[] = "/tmp/ragd-test-XXXXXX";

    cr_assert_not_null(mkdtemp(dir));
    listens(dir);
    rmdir(dir);
}

Test(local_socket, works_below_a_long_path)
{
    char top[] = "/tmp/ragd-test-XXXXXX", dir[300];

    cr_assert_not_null(mkdtemp(top));
    snprintf(dir, sizeof dir, "%s/%0150d", top, 7);
    cr_assert_eq(mkdir(dir, 0700), 0);
    listens(dir);
    rmdir(dir);
    rmdir(top);
}

Test(local_socket, no_folder_nobody_listens)
{
    cr_expect_eq(local_socket_connect("/nonexistent/ragd"), ERR_NOT_FOUND);
    cr_expect_lt(local_socket_bind("/nonexistent/ragd"), 0);
}
