#include "unit/cli/cli_fixture.h"

/* Serving itself is tested over HTTP (tests/integration); here: what keeps it from starting. */
Test(cmd_serve, does_not_start_without_a_model_or_with_a_bad_address)
{
    char data[] = "/tmp/ragd-serve.XXXXXX", line[256];

    cr_assert_not_null(mkdtemp(data));
    snprintf(line, sizeof line, "serve|--data|%s|--model|/nowhere", data);
    expect_run(NULL, line, EXIT_FAILED, "", "/nowhere");
    expect_run(NULL, "serve|--workers|x", EXIT_USAGE, "", "--workers");
    expect_run(NULL, "serve|something", EXIT_USAGE, "", "");
    nftw(data, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
