#include "extract/helper_path.h"

#include <sys/stat.h>

#include "made.h"

Test(helper_path, believes_the_environment)
{
    char path[HELPER_PATH_MAX];

    setenv("RAGD_HELPER", "/bin/sh", 1);
    cr_expect_eq(helper_path(path), ERR_OK);
    cr_expect_str_eq(path, "/bin/sh");
    setenv("RAGD_HELPER", "/no/such/program", 1);
    cr_expect_eq(helper_path(path), ERR_UNAVAILABLE);
    cr_expect(said("/no/such/program"));
}

Test(helper_path, looks_into_path_last_and_says_what_would_help)
{
    char folder[] = "/tmp/helperXXXXXX", program[64], path[HELPER_PATH_MAX];

    unsetenv("RAGD_HELPER");
    cr_assert_not_null(mkdtemp(folder));
    setenv("PATH", folder, 1);
    cr_expect_eq(helper_path(path), ERR_UNAVAILABLE);
    cr_expect(said("RAGD_HELPER"));
    snprintf(program, sizeof(program), "%s/ragd", folder);
    cr_assert_eq(symlink("/bin/sh", program), 0);
    cr_expect_eq(helper_path(path), ERR_OK);
    cr_expect_str_eq(path, program);
    unlink(program);
    rmdir(folder);
}
