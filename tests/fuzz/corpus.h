/* corpus.h - the kept inputs of a target, in the order of their names. */
#pragma once
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "fuzz/fuzz.h"

#define CORPUS           "tests/fuzz/corpus"
#define CORPUS_FILE_MAX  ((size_t)1 << 20)
#define CORPUS_FILES_MAX 4096

struct corpus {
    struct buf v[CORPUS_FILES_MAX];
    size_t n;
};

static inline int corpus_is_file(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static inline void corpus_read(struct corpus *c, const char *target)
{
    char folder[256], path[512];
    struct dirent **names = NULL;
    int n;

    snprintf(folder, sizeof folder, "%s/%s", CORPUS, target);
    n = scandir(folder, &names, corpus_is_file, alphasort);
    FUZZ_TRUE(n <= CORPUS_FILES_MAX);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        buf_init(&c->v[i]);
        FUZZ_TRUE(file_read(path, CORPUS_FILE_MAX, &c->v[i]) == ERR_OK);
        free(names[i]);
    }
    free(names);
    c->n = n < 0 ? 0 : (size_t)n;
}

static inline void corpus_done(struct corpus *c)
{
    for (size_t i = 0; i < c->n; i++)
        buf_done(&c->v[i]);
}
