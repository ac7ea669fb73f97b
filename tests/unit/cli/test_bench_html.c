#include "cli/bench_html.h"

#include <criterion/criterion.h>
#include <string.h>

Test(bench_html, page_has_facts_charts_and_tables_of_both_sides)
{
    struct bench_side cold = {.n_columns = 1, .n = 2, .seconds = 1, .names = {"total_ms"}};
    struct bench_side cached = cold;
    struct buf page;

    sample_add(&cold.samples[0], 4);
    sample_add(&cold.samples[0], 2);
    sample_add(&cached.samples[0], 0.5);
    buf_init(&page);
    bench_html("machine <x>", &cold, &cached, &page);
    cr_expect_not_null(strstr(page.p, "machine &lt;x&gt;"));
    cr_expect_not_null(strstr(page.p, "<svg"));
    cr_expect_not_null(strstr(page.p, "<td>total</td><td>3.000</td>"));
    cr_expect_not_null(strstr(page.p, "<td>total</td><td>0.500</td>"));
    cr_expect_null(strstr(page.p, "http"), "nothing comes from elsewhere");
    buf_done(&page);
    bench_side_done(&cold);
    bench_side_done(&cached);
}
