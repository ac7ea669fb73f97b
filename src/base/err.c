#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static _Thread_local char text[ERR_TEXT_MAX];

void err_make_readable(char *s)
{
    size_t n = strlen(s);

    for (size_t at = 0; (at += utf8_valid_prefix(s + at, n - at)) < n;)
        s[at] = '?';
    for (; *s; s++)
        if (((unsigned char)*s < ' ' && *s != '\n' && *s != '\t') || *s == 0x7f)
            *s = ' ';
}

int err_set(int code, const char *fmt, ...)
{
    char fresh[ERR_TEXT_MAX]; /* the old text may be one of the arguments */
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(fresh, sizeof fresh, fmt, ap);
    va_end(ap);
    err_make_readable(fresh);
    memcpy(text, fresh, sizeof text);
    return code;
}

int err_context(int code, const char *fmt, ...)
{
    char context[ERR_TEXT_MAX / 2];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    return err_set(code, "%s: %s", context, text);
}

const char *err_text(void)
{
    return text;
}

const char *err_name(int code)
{
    static const char *const names[] = {
        "ok",     "io",          "format",   "argument",  "limit",     "not-found",
        "exists", "busy",        "timeout",  "cancelled", "database",  "unavailable",
        "gone",   "unsupported", "no-space", "system",    "forbidden", "mismatch",
    };
    int i = -code;

    if (i < 0 || i >= (int)(sizeof names / sizeof *names))
        return "unknown";
    return names[i];
}
