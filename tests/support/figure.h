/* figure.h - what a test has shown, for the table that `make torture` makes.
 *
 *   figure("R13 | cache against a plain array, %d operations | %d differences", n, 0);
 *
 * A line of the file that RAGD_FIGURES names: Criterion keeps what tests print to itself when it
 * speaks TAP. Without the variable it goes to standard error.
 */
#pragma once
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 1, 2))) static inline void figure(const char *fmt, ...)
{
    const char *path = getenv("RAGD_FIGURES");
    FILE *f = path ? fopen(path, "a") : NULL;
    va_list args;

    va_start(args, fmt);
    fputs("# ", f ? f : stderr);
    vfprintf(f ? f : stderr, fmt, args);
    fputc('\n', f ? f : stderr);
    va_end(args);
    if (f)
        fclose(f);
}
