/* cmd_check.c - is all that was stored still right; copies of it, and back again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "cli/command.h"
#include "engine/engine.h"

/* ---- check ---- */

struct check_options {
    struct common common;
};

static error_t parse_check(int key, char *arg, struct argp_state *state)
{
    struct check_options *o = state->input;

    (void)arg;
    if (key == ARGP_KEY_INIT) {
        COMMON_INIT(state, o);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

struct findings {
    struct engine *e;
    FILE *out; /* NULL: collected for JSON only */
    struct jsonw json;
    size_t n_problems, n_collections;
};

static void on_problem(void *arg, const char *problem)
{
    struct findings *f = arg;

    f->n_problems++;
    jsonw_cstr(&f->json, problem);
    if (f->out)
        fprintf(f->out, "%s\n", problem);
}

/* The index must hold exactly what the database does. */
static int compare_counts(void *arg, const struct collection_row *row)
{
    struct findings *f = arg;
    struct snapshot *s = NULL;
    char problem[512];
    int rc = retriever_snapshot(f->e->retriever, row->tenant, row->name, &s);

    f->n_collections++;
    if (rc < 0) {
        snprintf(problem, sizeof problem, "collection '%s' of '%s' has no index: %s", row->name,
                 row->tenant, err_text());
        err_make_readable(problem);
        on_problem(f, problem);
    } else if ((int64_t)snapshot_chunks(s) != row->n_chunks ||
               (int64_t)snapshot_documents(s) != row->n_documents) {
        snprintf(problem, sizeof problem,
                 "collection '%s' of '%s': the index has %zu documents in %zu chunks, the database "
                 "%lld in %lld",
                 row->name, row->tenant, snapshot_documents(s), snapshot_chunks(s),
                 (long long)row->n_documents, (long long)row->n_chunks);
        err_make_readable(problem);
        on_problem(f, problem);
    }
    snapshot_unref(s);
    return ERR_OK;
}

static int check_all(struct engine *e, struct findings *f)
{
    int rc = ERR_OK;
    struct digest fingerprint = engine_fingerprint(e);
    struct store_reader *reader = NULL;

    TRY(store_check(e->store, &fingerprint, on_problem, f));
    reader = store_reader_get(e->store);
    TRY(store_each_collection(reader, compare_counts, f));
out:
    store_reader_put(e->store, reader);
    return rc;
}

static struct findings findings_to(struct buf *problems, const struct command_call *call,
                                   const struct check_options *o)
{
    buf_init(problems);
    return (struct findings){.out = o->common.json ? NULL : call->out, .json = jsonw_to(problems)};
}

static int tell_findings(const struct findings *f, const struct buf *problems,
                         const struct command_call *call)
{
    if (!f->out)
        fprintf(call->out, "{\"ok\":%s,\"collections\":%zu,\"problems\":[%s]}\n",
                f->n_problems ? "false" : "true", f->n_collections, problems->n ? problems->p : "");
    else if (f->n_problems)
        fprintf(call->out, "%zu problems\n", f->n_problems);
    else
        fprintf(call->out, "all is right (%zu collection%s)\n", f->n_collections,
                f->n_collections == 1 ? "" : "s");
    return f->n_problems ? EXIT_FAILED : EXIT_DONE;
}

static int run_check(struct engine *e, const struct command_call *call, void *options)
{
    struct buf problems;
    struct findings f = findings_to(&problems, call, options);
    int rc;

    f.e = e;
    rc = check_all(e, &f);
    rc = rc < 0 ? command_failed(call, rc) : tell_findings(&f, &problems, call);
    buf_done(&problems);
    return rc;
}

/* What keeps the engine from opening may be what there is to find: the database alone can still be
 * read, row by row. */
static int run_check_without(const char *reason, const struct command_call *call, void *options)
{
    const struct check_options *o = options;
    int rc = ERR_OK;
    struct folder_lock *lock = NULL;
    struct store *s = NULL;
    struct buf problems;
    struct findings f = findings_to(&problems, call, o);

    on_problem(&f, reason);
    TRY(folder_lock_take(&lock, o->common.config.data));
    TRY(store_open(&s, o->common.config.data));
    TRY(store_check(s, NULL, on_problem, &f));
out:
    rc = rc < 0 ? command_failed(call, rc) : tell_findings(&f, &problems, call);
    store_close(s);
    folder_lock_release(lock);
    buf_done(&problems);
    return rc;
}

/* ---- backup, restore ---- */

enum { KEY_FORCE = 0x3000 };

struct copy_options {
    struct common common;
    const char *file;
    bool force;
};

static error_t parse_copy(int key, char *arg, struct argp_state *state)
{
    struct copy_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case KEY_FORCE: o->force = true; return 0;
    case ARGP_KEY_ARG:
        if (o->file)
            return ARGP_ERR_UNKNOWN;
        o->file = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (o->common.help)
            return 0;
        argp_error(state, "a file is missing");
        return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void told(const struct command_call *call, const struct copy_options *o, const char *key,
                 const char *file)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);
    struct stat st;
    int64_t bytes = stat(file, &st) == 0 ? (int64_t)st.st_size : 0;

    buf_init(&b);
    jsonw_open(&w, '{');
    jsonw_key(&w, key), jsonw_cstr(&w, file);
    jsonw_key(&w, "bytes"), jsonw_int(&w, bytes);
    jsonw_close(&w, '}');
    if (o->common.json)
        fprintf(call->out, "%s\n", b.p);
    else
        fprintf(call->out, "%s: %s (%.1f MB)\n", key, file, (double)bytes / 1e6);
    buf_done(&b);
}

static int run_backup(struct engine *e, const struct command_call *call, void *options)
{
    int rc = ERR_OK;
    struct copy_options *o = options;
    char *file = command_path(call, o->file);

    if (!o->force && access(file, F_OK) == 0) {
        rc = FAIL(ERR_EXISTS, "'%s' is there already; --force replaces it", o->file);
        goto out;
    }
    TRY(store_backup(e->store, file));
    told(call, o, "backup", file);
out:
    mem_free(file);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static void first_problem(void *arg, const char *problem)
{
    struct buf *first = arg;

    if (first->n == 0)
        buf_add_str(first, problem);
}

/* Opens the copy as a store of its own and checks it. A file of no bytes would be a new
 * store, and so would one of a single byte (SQLite writes one on systems that need it). */
static int validate(const char *folder, const char *file)
{
    int rc = ERR_OK;
    struct store *s = NULL;
    struct buf problem;
    struct stat st;

    if (stat(file, &st) == 0 && st.st_size <= 1)
        return FAIL(ERR_FORMAT, "'%s' is empty, so it is not a backup that can be used", file);

    buf_init(&problem);
    rc = store_open(&s, folder);
    if (rc == ERR_OK)
        rc = store_check(s, NULL, first_problem, &problem);
    if (rc < 0)
        err_context(rc, "'%s' is not a backup that can be used", file);
    else if (problem.n)
        rc = FAIL(ERR_FORMAT, "'%s' is damaged: %s", file, problem.p);
    store_close(s);
    buf_done(&problem);
    return rc;
}

static int copy_file(const char *from, const char *to)
{
    int rc = ERR_OK;
    char *block = NULL;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    ssize_t n;

    if (in < 0)
        return FAIL(ERR_NOT_FOUND, "cannot open '%s': %s", from, strerror(errno));
    block = mem_alloc(1 << 20);
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (out >= 0 && (n = read(in, block, 1 << 20)) > 0)
        for (ssize_t at = 0, put; at < n; at += put)
            if ((put = write(out, block + at, (size_t)(n - at))) < 0) {
                rc = FAIL(errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot write '%s': %s", to,
                          strerror(errno));
                goto out;
            }
    if (out < 0 || n < 0 || fsync(out) < 0)
        rc = FAIL(ERR_IO, "cannot copy '%s' to '%s': %s", from, to, strerror(errno));
out:
    if (out >= 0)
        close(out);
    close(in);
    mem_free(block);
    return rc;
}

/* The pieces of one SQLite database. */
static void remove_database(const char *folder)
{
    static const char *const parts[] = {"ragd.db-wal", "ragd.db-shm", "ragd.db"};
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 3; i++) {
        buf_clear(&b);
        buf_addf(&b, "%s/%s", folder, parts[i]);
        unlink(b.p);
    }
    buf_done(&b);
}

/* The old database leaves whole before the new one takes its name: a write-ahead log of the old
 * must never be read into the new. */
static int put_in_place(const char *made, const char *data)
{
    struct buf from, to;
    int rc = ERR_OK, fd;

    buf_init(&from);
    buf_init(&to);
    buf_addf(&from, "%s/ragd.db", made);
    buf_addf(&to, "%s/ragd.db", data);
    remove_database(data);
    if (rename(from.p, to.p) < 0)
        rc = FAIL(ERR_IO, "cannot rename '%s' to '%s': %s", from.p, to.p, strerror(errno));
    fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    buf_done(&from);
    buf_done(&to);
    return rc;
}

/* Copied beside, checked there, then put in place: a bad file changes nothing. */
static int restore(const struct command_call *call, const struct copy_options *o, const char *file)
{
    int rc = ERR_OK;
    const char *data = o->common.config.data;
    struct folder_lock *lock = NULL;
    struct buf made, path;

    (void)call;
    buf_init(&made);
    buf_init(&path);
    TRY(folder_lock_take(&lock, data));
    buf_addf(&path, "%s/ragd.db", data);
    if (!o->force && access(path.p, F_OK) == 0) {
        rc = FAIL(ERR_EXISTS, "'%s' has documents already; --force replaces them all", data);
        goto out;
    }
    buf_addf(&made, "%s/restoring", data);
    TRY(file_make_dirs(made.p));
    remove_database(made.p); /* of a run that was cut short */
    buf_clear(&path);
    buf_addf(&path, "%s/ragd.db", made.p);
    TRY(copy_file(file, path.p));
    TRY(validate(made.p, file));
    TRY(put_in_place(made.p, data));
out:
    if (made.n) {
        remove_database(made.p);
        rmdir(made.p);
    }
    folder_lock_release(lock);
    buf_done(&made);
    buf_done(&path);
    return rc;
}

static int run_restore(struct engine *e, const struct command_call *call, void *options)
{
    int rc;
    struct copy_options *o = options;
    char *file = command_path(call, o->file);

    (void)e;
    rc = restore(call, o, file);
    if (rc == ERR_OK)
        told(call, o, "restored", file);
    mem_free(file);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

/* ---- the three commands ---- */

static const struct argp check_argp = {
    NULL,
    parse_check,
    NULL,
    "Checks the database and that the indexes hold the same as it; tells each problem and exits "
    "with 1 when there is one.",
    common_children,
    NULL,
    NULL,
};

static const struct argp_option backup_options[] = {
    {"force", KEY_FORCE, NULL, 0, "replace the file when it is there", 1},
    {0},
};

static const struct argp backup_argp = {
    backup_options,
    parse_copy,
    "FILE",
    "Writes a consistent copy of everything to one file, while others read and write.",
    common_children,
    NULL,
    NULL,
};

static const struct argp_option restore_options[] = {
    {"force", KEY_FORCE, NULL, 0, "replace what the data folder holds", 1},
    {0},
};

static const struct argp restore_argp = {
    restore_options,
    parse_copy,
    "FILE",
    "Puts a backup into the data folder, after checking it. Refused while a server or another "
    "command owns the folder, or when it holds documents.",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_check = {
    .name = "check",
    .brief = "check that all that is stored is right",
    .place = PLACE_ENGINE,
    .argp = &check_argp,
    .options_size = sizeof(struct check_options),
    .run = run_check,
    .run_without = run_check_without,
};

const struct command cmd_backup = {
    .name = "backup",
    .brief = "copy everything to one file",
    .place = PLACE_ENGINE,
    .argp = &backup_argp,
    .options_size = sizeof(struct copy_options),
    .run = run_backup,
};

const struct command cmd_restore = {
    .name = "restore",
    .brief = "put a backup into an empty data folder",
    .place = PLACE_LOCAL,
    .argp = &restore_argp,
    .options_size = sizeof(struct copy_options),
    .run = run_restore,
};
