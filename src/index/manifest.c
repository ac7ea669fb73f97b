#include "index/manifest.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/sections.h"
#include "index/bitmap.h"

#define VIEWS_MAX 1024

struct about {
    uint8_t recipe[DIGEST_BYTES];
    uint64_t epoch;
    uint64_t n_views;
};

void manifest_new_name(char out[MANIFEST_NAME_MAX], int64_t collection, const char *kind)
{
    uint64_t r;

    CHECK(getrandom(&r, sizeof r, 0) == (ssize_t)sizeof r);
    snprintf(out, MANIFEST_NAME_MAX, "%" PRId64 "-%016" PRIx64 ".%s", collection, r, kind);
}

/* ---- writing ---- */

static void view_section(char out[SECTION_NAME_MAX + 1], const char *what, size_t i)
{
    snprintf(out, SECTION_NAME_MAX + 1, "%s.%zu", what, i);
}

static void add_view(struct sections_writer *w, size_t i, const struct manifest_view *v)
{
    char name[SECTION_NAME_MAX + 1];
    uint8_t kind = v->of_summaries;

    view_section(name, "name", i);
    sections_add(w, name, v->file, strlen(v->file) + 1, 1);
    view_section(name, "kind", i);
    sections_add(w, name, &kind, 1, 1);
    view_section(name, "dead", i);
    sections_add(w, name, v->dead_documents, v->dead_documents ? bitmap_words(v->n_documents) : 0,
                 sizeof(uint64_t));
}

int manifest_write(const char *path, const struct manifest *m)
{
    struct sections_writer *w = sections_create(path);
    struct about about = {.epoch = m->epoch, .n_views = m->n_views};

    CHECK(m->n_views <= VIEWS_MAX);
    memcpy(about.recipe, m->recipe.b, sizeof about.recipe);
    sections_add(w, "about", &about, 1, sizeof about);
    for (size_t i = 0; i < m->n_views; i++)
        add_view(w, i, &m->views[i]);
    return sections_commit(w);
}

/* ---- reading ---- */

static int read_view(const struct sections *s, const char *path, size_t i, struct arena *mem,
                     struct manifest_view *out)
{
    char name[SECTION_NAME_MAX + 1];
    size_t n_name = 0, n_dead = 0, n_kind = 0;
    const char *file;
    const uint8_t *kind;
    const uint64_t *dead;

    view_section(name, "name", i);
    file = sections_get(s, name, 1, &n_name);
    view_section(name, "kind", i);
    kind = sections_get(s, name, 1, &n_kind);
    view_section(name, "dead", i);
    dead = sections_get(s, name, sizeof *dead, &n_dead);
    if (!file || !kind || n_kind != 1 || !dead || n_name < 2 || n_name > MANIFEST_NAME_MAX ||
        memchr(file, 0, n_name) != file + n_name - 1 || memchr(file, '/', n_name))
        return FAIL(ERR_FORMAT, "'%s' names no file for part %zu", path, i);
    out->of_summaries = *kind;
    out->file = arena_dup(mem, file, n_name);
    out->n_documents = n_dead * 64;
    out->dead_documents = n_dead ? arena_dup(mem, dead, n_dead * sizeof *dead) : NULL;
    return ERR_OK;
}

int manifest_read(const char *path, struct arena *mem, struct manifest *out)
{
    int rc = ERR_OK;
    struct sections *s = NULL;
    struct manifest m = {0};
    const struct about *about;
    size_t n = 0;

    TRY(sections_open(&s, path));
    TRY(sections_verify(s));
    about = sections_get(s, "about", sizeof *about, &n);
    if (!about || n != 1 || about->n_views > VIEWS_MAX) {
        rc = FAIL(ERR_FORMAT, "'%s' is not a manifest of an index", path);
        goto out;
    }
    memcpy(m.recipe.b, about->recipe, sizeof m.recipe.b);
    m.epoch = about->epoch;
    m.n_views = about->n_views;
    m.views = ARENA_ARRAY(mem, struct manifest_view, m.n_views);
    for (size_t i = 0; i < m.n_views; i++)
        TRY(read_view(s, path, i, mem, &m.views[i]));
    *out = m;
out:
    sections_close(s);
    return rc;
}

/* ---- what is left over ---- */

static bool is_named(const char *file, const char *manifest_file, const struct manifest *m)
{
    if (!m)
        return false;
    if (strcmp(file, manifest_file) == 0)
        return true;
    for (size_t i = 0; i < m->n_views; i++)
        if (strcmp(file, m->views[i].file) == 0)
            return true;
    return false;
}

void manifest_sweep(const char *dir, int64_t collection, const char *manifest_file,
                    const struct manifest *m)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* as in base/file.c: not opendir */
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    char prefix[32];
    int n;

    if (!d) {
        close(fd);
        return;
    }
    n = snprintf(prefix, sizeof prefix, "%" PRId64 "-", collection);
    while ((e = readdir(d)))
        if (strncmp(e->d_name, prefix, (size_t)n) == 0 && !is_named(e->d_name, manifest_file, m))
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}
