#include "store/lock.h"

#include <signal.h>
#include <sys/wait.h>

#include "unit/store/store_fixture.h"

static char dir[64];

static void up(void)
{
    strcpy(dir, "/tmp/ragd-lock-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void down(void)
{
    fix_remove(dir);
}

TestSuite(lock, .init = up, .fini = down);

/* Runs fn in a forked child and returns what it returned. */
static int in_child(int (*fn)(void *), void *arg)
{
    int status;
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0)
        _exit(fn(arg));
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static int take(void *arg)
{
    struct folder_lock *l;

    (void)arg;
    return -folder_lock_take(&l, dir);
}

static int let_go(void *arg)
{
    folder_lock_release(arg);
    return 0;
}

Test(lock, a_second_owner_is_refused_and_told_who_the_first_is)
{
    struct folder_lock *l, *second;
    char pid[32];

    MUST(folder_lock_take(&l, dir));
    cr_expect_eq(in_child(take, NULL), -ERR_BUSY);
    cr_assert_eq(folder_lock_take(&second, dir), ERR_BUSY, "nor twice in one process");
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    cr_expect_not_null(strstr(err_text(), pid), "%s", err_text());
    cr_expect_not_null(strstr(err_text(), dir));
    folder_lock_release(l);
}

Test(lock, is_free_again_after_release)
{
    struct folder_lock *l;

    MUST(folder_lock_take(&l, dir));
    folder_lock_release(l);
    cr_expect_eq(in_child(take, NULL), ERR_OK);
    MUST(folder_lock_take(&l, dir));
    folder_lock_release(l);
}

Test(lock, goes_with_its_process)
{
    struct folder_lock *l;

    cr_assert_eq(in_child(take, NULL), ERR_OK); /* ended without release */
    MUST(folder_lock_take(&l, dir));
    folder_lock_release(l);
}

Test(lock, a_forked_child_that_lets_go_does_not_take_it_from_its_parent)
{
    struct folder_lock *l;

    MUST(folder_lock_take(&l, dir));
    cr_expect_eq(in_child(let_go, l), 0);
    cr_expect_eq(in_child(take, NULL), -ERR_BUSY);
    folder_lock_release(l);
}

Test(lock, a_program_that_the_owner_started_does_not_hold_it)
{
    struct folder_lock *l;
    pid_t helper;
    int fds[2];
    char c;

    cr_assert_eq(pipe(fds), 0);
    MUST(folder_lock_take(&l, dir));
    helper = fork();
    if (helper == 0) {
        dup2(fds[1], 1);
        execl("/bin/sh", "sh", "-c", "echo; exec sleep 60", NULL);
        _exit(1);
    }
    cr_assert_eq(read(fds[0], &c, 1), 1); /* it runs */
    folder_lock_release(l);
    cr_expect_eq(folder_lock_take(&l, dir), ERR_OK, "%s", err_text());
    folder_lock_release(l);
    kill(helper, SIGKILL);
    waitpid(helper, NULL, 0);
}

Test(lock, a_child_that_outlives_the_owner_is_named_as_the_reason)
{
    struct folder_lock *l, *second;
    char gone[32];
    int n, status;
    FILE *pid_file;
    char path[128];
    pid_t dead = fork();

    if (dead == 0)
        _exit(0);
    waitpid(dead, &status, 0);
    MUST(folder_lock_take(&l, dir));
    snprintf(path, sizeof path, "%s/lock", dir);
    pid_file = fopen(path, "w");
    n = snprintf(gone, sizeof gone, "%d\n", (int)dead);
    fwrite(gone, 1, (size_t)n, pid_file);
    fclose(pid_file);
    cr_assert_eq(folder_lock_take(&second, dir), ERR_BUSY);
    cr_expect_not_null(strstr(err_text(), "which is gone"), "%s", err_text());
    folder_lock_release(l);
}

Test(lock, a_folder_that_cannot_be_made_is_an_error_with_its_name)
{
    struct folder_lock *l;

    cr_expect_lt(folder_lock_take(&l, "/proc/none/such"), 0);
    cr_expect_not_null(strstr(err_text(), "/proc/none"));
}
