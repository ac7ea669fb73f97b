#include "base/sections.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define VERSION 1

static const char magic[8] = "RAGDSECT";

struct head {
    char magic[8];
    uint32_t version, n;
    uint64_t file_bytes, directory, directory_sum;
    uint64_t zero[2];
    uint64_t sum; /* of the above */
};

struct entry {
    char name[SECTION_NAME_MAX + 1];
    uint64_t offset, bytes, sum, zero;
};

_Static_assert(sizeof(struct head) == 64, "as the table says");
_Static_assert(sizeof(struct entry) == 64, "as the table says");

/* ---- writing ---- */

struct sections_writer {
    struct file_writer *file;
    struct entry *entries;
    size_t n, cap;
    bool open; /* between begin and end */
    XXH3_state_t *sum;
};

struct sections_writer *sections_create(const char *path)
{
    struct sections_writer *w = mem_calloc(1, sizeof *w);
    struct head later = {0};

    w->file = file_begin(path);
    w->sum = XXH3_createState();
    mem_must_have(w->sum != NULL, "a checksum");
    file_put(w->file, &later, sizeof later);
    return w;
}

/* Zeros up to the next section. */
static void align(struct sections_writer *w)
{
    static const char zeros[SECTION_ALIGN];

    file_put(w->file, zeros,
             (SECTION_ALIGN - file_put_bytes(w->file) % SECTION_ALIGN) % SECTION_ALIGN);
}

void sections_begin(struct sections_writer *w, const char *name)
{
    struct entry e = {0};

    CHECK(!w->open);
    CHECK(strlen(name) <= SECTION_NAME_MAX);
    align(w);
    strcpy(e.name, name);
    e.offset = file_put_bytes(w->file);
    w->entries = mem_grow(w->entries, &w->cap, w->n + 1, sizeof *w->entries);
    w->entries[w->n] = e;
    w->open = true;
    XXH3_64bits_reset(w->sum);
}

void sections_put(struct sections_writer *w, const void *p, size_t n_bytes)
{
    CHECK(w->open);
    if (n_bytes == 0)
        return;
    XXH3_64bits_update(w->sum, p, n_bytes);
    file_put(w->file, p, n_bytes);
}

void sections_end(struct sections_writer *w)
{
    struct entry *e = &w->entries[w->n];

    CHECK(w->open);
    e->bytes = file_put_bytes(w->file) - e->offset;
    e->sum = XXH3_64bits_digest(w->sum);
    w->n++;
    w->open = false;
}

void sections_add(struct sections_writer *w, const char *name, const void *p, size_t n,
                  size_t item_bytes)
{
    sections_begin(w, name);
    sections_put(w, p, n * item_bytes);
    sections_end(w);
}

static void writer_done(struct sections_writer *w)
{
    XXH3_freeState(w->sum);
    mem_free(w->entries);
    mem_free(w);
}

void sections_abandon(struct sections_writer *w)
{
    file_abandon(w->file);
    writer_done(w);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void sort_directory(struct sections_writer *w)
{
    if (w->n)
        qsort(w->entries, w->n, sizeof *w->entries, by_name);
    for (size_t i = 1; i < w->n; i++)
        CHECK(by_name(&w->entries[i - 1], &w->entries[i]) != 0);
}

int sections_commit(struct sections_writer *w)
{
    struct head h = {.version = VERSION, .n = (uint32_t)w->n};
    size_t bytes = w->n * sizeof *w->entries;
    int rc;

    CHECK(!w->open);
    if (w->n > SECTIONS_MAX) {
        sections_abandon(w);
        return FAIL(ERR_LIMIT, "a file has at most %u sections", SECTIONS_MAX);
    }
    sort_directory(w);
    align(w);
    memcpy(h.magic, magic, sizeof h.magic);
    h.directory = file_put_bytes(w->file);
    h.directory_sum = XXH3_64bits(w->entries, bytes);
    if (bytes)
        file_put(w->file, w->entries, bytes);
    h.file_bytes = file_put_bytes(w->file);
    h.sum = XXH3_64bits(&h, offsetof(struct head, sum));
    file_put_at(w->file, 0, &h, sizeof h);
    rc = file_commit(w->file);
    writer_done(w);
    return rc;
}

/* ---- reading ---- */

struct sections {
    char *path;
    struct file_map map;
    const struct entry *entries; /* [n] in the mapping */
    size_t n;
};

static int refuse(const struct sections *s, const char *why)
{
    return FAIL(ERR_FORMAT, "'%s' %s", s->path, why);
}

static int check_entry(const struct sections *s, const struct entry *e, uint64_t end)
{
    if (e->offset % SECTION_ALIGN || e->offset > end || e->bytes > end - e->offset ||
        !memchr(e->name, 0, sizeof e->name))
        return refuse(s, "has a section that is not inside it");
    return ERR_OK;
}

static int read_directory(struct sections *s)
{
    int rc = ERR_OK;
    struct head h;

    if (s->map.n < sizeof h)
        return refuse(s, "is too short for a file of sections");
    memcpy(&h, s->map.p, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0)
        return refuse(s, "is not a file of sections");
    if (h.sum != XXH3_64bits(&h, offsetof(struct head, sum)))
        return refuse(s, "is damaged: the checksum of its head is wrong");
    if (h.version != VERSION)
        return FAIL(ERR_FORMAT, "'%s' has layout %u; this version reads %d", s->path, h.version,
                    VERSION);
    if (h.file_bytes != s->map.n)
        return FAIL(ERR_FORMAT, "'%s' is cut: %zu of %llu bytes are there", s->path, s->map.n,
                    (unsigned long long)h.file_bytes);
    if (h.n > SECTIONS_MAX || h.directory % SECTION_ALIGN || h.directory > s->map.n ||
        s->map.n - h.directory != h.n * sizeof(struct entry))
        return refuse(s, "has a directory that is not inside it");
    s->entries = (const struct entry *)(const void *)(s->map.p + h.directory);
    s->n = h.n;
    if (h.directory_sum != XXH3_64bits(s->entries, s->n * sizeof *s->entries))
        return refuse(s, "is damaged: the checksum of its directory is wrong");
    for (size_t i = 0; i < s->n; i++)
        TRY(check_entry(s, &s->entries[i], h.directory));
out:
    return rc;
}

int sections_open(struct sections **out, const char *path)
{
    int rc = ERR_OK;
    struct sections *s = mem_calloc(1, sizeof *s);

    s->path = mem_strdup(path);
    TRY(file_map_open(&s->map, path));
    TRY(read_directory(s));
    *out = s;
    s = NULL; /* handed over */
out:
    sections_close(s);
    return rc;
}

void sections_close(struct sections *s)
{
    if (!s)
        return;
    file_map_close(&s->map);
    mem_free(s->path);
    mem_free(s);
}

static int against_name(const void *name, const void *entry)
{
    return strcmp(name, ((const struct entry *)entry)->name);
}

const void *sections_get(const struct sections *s, const char *name, size_t item_bytes,
                         size_t *n_items)
{
    const struct entry *e =
        s->n ? bsearch(name, s->entries, s->n, sizeof *s->entries, against_name) : NULL;

    if (!e || e->bytes % item_bytes)
        return NULL;
    *n_items = e->bytes / item_bytes;
    return s->map.p + e->offset;
}

int sections_verify(const struct sections *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct entry *e = &s->entries[i];

        if (XXH3_64bits(s->map.p + e->offset, e->bytes) != e->sum)
            return FAIL(ERR_FORMAT, "'%s' is damaged: the checksum of its section '%s' is wrong",
                        s->path, e->name);
    }
    return ERR_OK;
}

/* Pages that lie wholly inside; a neighbour's bytes are left alone. */
static void let_go(const struct sections *s, const struct entry *e)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)s->map.p + e->offset + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)s->map.p + e->offset + e->bytes) / page * page;

    if (from < to)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

void sections_let_go(const struct sections *s, const char *prefix)
{
    for (size_t i = 0; i < s->n; i++)
        if (strncmp(s->entries[i].name, prefix, strlen(prefix)) == 0)
            let_go(s, &s->entries[i]);
}

size_t sections_bytes(const struct sections *s)
{
    return s->map.n;
}

const char *sections_path(const struct sections *s)
{
    return s->path;
}
