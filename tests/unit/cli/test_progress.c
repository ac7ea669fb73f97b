#include "cli/progress.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* What is drawn for a run that began `seconds` ago. */
static char *drawn(bool terminal, uint64_t seconds, const char *text)
{
    char *out = NULL;
    size_t n;
    FILE *f = open_memstream(&out, &n);
    struct progress p;

    progress_init(&p, f, terminal);
    p.start_ns -= seconds * 1000000000u;
    progress_show(&p, 15, 30, text);
    progress_done(&p);
    fclose(f);
    return out;
}

Test(progress, is_shown_on_a_terminal_after_a_second_and_wiped)
{
    char *s = drawn(true, 2, "a.md");

    cr_expect_not_null(strstr(s, "[###############...............] 15/30 a.md"), "%s", s);
    cr_expect_str_eq(s + strlen(s) - 4, "\r\033[K");
    free(s);
}

Test(progress, is_silent_before_and_elsewhere)
{
    char *early = drawn(true, 0, "a"), *file = drawn(false, 9, "a");

    cr_expect_str_eq(early, "");
    cr_expect_str_eq(file, "");
    free(early);
    free(file);
}

Test(progress, a_file_name_cannot_move_the_cursor)
{
    char *s = drawn(true, 2, "evil\033[2Jname");

    cr_expect_not_null(strstr(s, "evil?[2Jname"));
    free(s);
}
