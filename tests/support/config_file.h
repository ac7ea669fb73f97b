/* config_file.h - a configuration from a text, as if it stood in a file. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/config.h"

/* What config_load says of it. The file is gone afterwards. */
static inline int config_load_text(struct config *c, const char *text)
{
    char path[] = "/tmp/ragd-config-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    int rc;

    fputs(text, f);
    fclose(f);
    rc = config_load(c, path);
    unlink(path);
    return rc;
}
