#include "base/thread.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void *add_one(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

static void *wait_for_a_byte(void *arg)
{
    char byte;

    cr_expect_eq(read(*(int *)arg, &byte, 1), 0);
    return NULL;
}

Test(thread, runs_what_it_was_given)
{
    pthread_t t;
    int n = 1;

    thread_start(&t, NULL, add_one, &n);
    pthread_join(t, NULL);
    cr_expect_eq(n, 2);
}

Test(thread, a_name_is_cut_to_what_the_kernel_takes)
{
    pthread_t t;
    char name[32];
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    thread_start(&t, "a-name-of-twenty-one", wait_for_a_byte, &fds[0]);
    cr_expect_eq(pthread_getname_np(t, name, sizeof name), 0);
    cr_expect_str_eq(name, "a-name-of-twent");
    close(fds[1]);
    pthread_join(t, NULL);
    close(fds[0]);
}

/* A child with no room for another stack: RLIMIT_AS would stop the sanitizer, too, so the stack
 * that is asked for is larger than any memory. */
Test(thread, where_the_system_gives_none_the_process_stops_and_says_so)
{
    char said[256] = "";
    int fds[2], status = 0;
    pid_t child;

    cr_assert_eq(pipe(fds), 0);
    child = fork();
    if (child == 0) {
        pthread_attr_t huge;
        pthread_t t;

        dup2(fds[1], STDERR_FILENO);
        pthread_attr_init(&huge);
        pthread_attr_setstacksize(&huge, (size_t)1 << 50);
        pthread_setattr_default_np(&huge);
        thread_start(&t, "writer", add_one, &status);
        _exit(0);
    }
    close(fds[1]);
    cr_expect_gt(read(fds[0], said, sizeof said - 1), 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status));
    cr_expect_eq(WEXITSTATUS(status), THREAD_STOP_CODE);
    cr_expect_not_null(strstr(said, "cannot start the thread 'writer'"));
    close(fds[0]);
}
