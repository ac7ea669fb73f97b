#include "cli/table.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(table, columns_line_up_by_code_points)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    struct table t;

    table_init(&t, "name|ms", "lr");
    table_cell(&t, "Müller"), table_cell(&t, "%.1f", 10.0);
    table_cell(&t, "Li\nu"), table_cell(&t, "%.1f", 2.5);
    table_print(&t, out);
    table_done(&t);
    fclose(out);
    cr_expect_str_eq(text, "name      ms\nMüller  10.0\nLi u     2.5\n");
    free(text);
}
