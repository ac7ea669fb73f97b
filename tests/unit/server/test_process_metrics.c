#include "server/process_metrics.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double value_of(const char *name)
{
    char key[128];
    struct buf b = {0};
    const char *at;
    double v;

    process_metrics_write(5000, &b);
    snprintf(key, sizeof key, "\n%s ", name);
    at = strstr(b.p, key);
    cr_assert_not_null(at, "%s in %s", name, b.p);
    v = strtod(at + strlen(key), NULL);
    buf_done(&b);
    return v;
}

Test(process_metrics, tell_of_this_process)
{
    double before = value_of("process_open_fds");
    int fd = open("/dev/null", O_RDONLY);

    cr_expect_eq(value_of("process_open_fds"), before + 1);
    close(fd);
    cr_expect_gt(value_of("process_max_fds"), before);
    cr_expect_geq(value_of("process_cpu_seconds_total"), 0);
    cr_expect_geq(value_of("process_threads"), 1);
    cr_expect_gt(value_of("process_resident_memory_bytes"), 1 << 20);
    cr_expect_gt(value_of("process_virtual_memory_bytes"),
                 value_of("process_resident_memory_bytes"));
    cr_expect_eq(value_of("process_start_time_seconds"), 5);
}
