#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *func, const char *cond)
{
    fprintf(stderr, "ragd: %s:%d: %s: this must hold and does not: %s\n", file, line, func, cond);
    abort();
}
