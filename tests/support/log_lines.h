/* log_lines.h - what a test logs, kept from the terminal and read back.
 */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct log_lines {
    FILE *file;
    int kept; /* standard error, meanwhile */
    char text[4000];
};

/* From here on, at this level and above. */
static inline void log_lines_begin(struct log_lines *l, enum log_level level)
{
    fflush(stderr);
    l->kept = dup(STDERR_FILENO);
    l->file = tmpfile();
    cr_assert(l->kept >= 0 && l->file);
    dup2(fileno(l->file), STDERR_FILENO);
    log_set_level(level);
}

/* What was logged; nothing more is kept. */
static inline const char *log_lines_end(struct log_lines *l)
{
    size_t n;

    dup2(l->kept, STDERR_FILENO);
    close(l->kept);
    rewind(l->file);
    n = fread(l->text, 1, sizeof l->text - 1, l->file);
    l->text[n] = '\0';
    fclose(l->file);
    return l->text;
}

static inline int log_lines_count(const char *text, const char *event)
{
    int n = 0;

    for (const char *p = text; (p = strstr(p, event)); p += strlen(event))
        n++;
    return n;
}
