#include "extract/helper_path.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define PROGRAM "ragd"

static bool runs(const char *path)
{
    return access(path, X_OK) == 0;
}

static bool take(char out[HELPER_PATH_MAX], const char *folder, size_t n, const char *rest)
{
    int len = snprintf(out, HELPER_PATH_MAX, "%.*s%s", (int)n, folder, rest);

    return len > 0 && len < HELPER_PATH_MAX && runs(out);
}

static size_t folder_length(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash ? (size_t)(slash - file) : 0;
}

static bool near_file(char out[HELPER_PATH_MAX], const char *file)
{
    size_t n = folder_length(file);

    return n && (take(out, file, n, "/" PROGRAM) || take(out, file, n, "/../" PROGRAM) ||
                 take(out, file, n, "/../bin/" PROGRAM));
}

static bool in_path(char out[HELPER_PATH_MAX])
{
    const char *at = getenv("PATH");

    while (at && *at) {
        size_t n = strcspn(at, ":");

        if (n && take(out, at, n, "/" PROGRAM))
            return true;
        at += n + (at[n] == ':');
    }
    return false;
}

int helper_path(char out[HELPER_PATH_MAX])
{
    const char *named = getenv("RAGD_HELPER");
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    Dl_info where;

    if (named && *named) {
        if (take(out, named, strlen(named), ""))
            return ERR_OK;
        return FAIL(ERR_UNAVAILABLE, "RAGD_HELPER is '%s', which cannot be run", named);
    }
    self[n > 0 ? n : 0] = '\0';
    if (n > 0 && strcmp(self + folder_length(self), "/" PROGRAM) == 0 &&
        take(out, self, strlen(self), ""))
        return ERR_OK;
    if (dladdr((void *)(unsigned long)helper_path, &where) && where.dli_fname &&
        near_file(out, where.dli_fname))
        return ERR_OK;
    if (near_file(out, self) || in_path(out))
        return ERR_OK;
    return FAIL(ERR_UNAVAILABLE, "PDF, HTML and DOCX are read by the program '" PROGRAM
                                 "', which was not found; put it in PATH or name it in "
                                 "RAGD_HELPER");
}
