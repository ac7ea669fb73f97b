#include "ingest/report.h"

#include <criterion/criterion.h>

Test(report, copies_what_it_is_told)
{
    struct ingest_report r;
    char path[] = "a.png";

    ingest_report_init(&r);
    report_skip(&r, path, "a picture");
    path[0] = 'x';
    cr_assert_eq(r.n_skipped, 1);
    cr_expect_str_eq(r.skipped[0].path, "a.png");
    cr_expect_str_eq(r.skipped[0].reason, "a picture");
    ingest_report_done(&r);
}

Test(report, grows)
{
    struct ingest_report r;

    ingest_report_init(&r);
    for (int i = 0; i < 100; i++)
        report_refuse(&r, "a.pdf", "password protected");
    cr_expect_eq(r.n_refused, 100);
    cr_expect_eq(r.n_skipped, 0);
    ingest_report_done(&r);
    cr_expect_eq(r.n_refused, 0);
    ingest_report_done(&r); /* twice is fine */
}
