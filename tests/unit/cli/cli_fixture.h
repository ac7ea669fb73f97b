/* cli_fixture.h - runs commands as a server would: words in, exit code and text out. */
#pragma once
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"
#include "engine/engine.h"

#define WORDS_MAX 24

struct ran {
    int code;
    char *out, *err;
};

static inline void ran_done(struct ran *r)
{
    free(r->out);
    free(r->err);
}

static inline int split_words(char *line, char **words)
{
    int n = 0;
    char *rest = line, *word;

    while ((word = strsep(&rest, "|")))
        words[n++] = word;
    words[n] = NULL;
    cr_assert_lt(n, WORDS_MAX);
    return n;
}

/* A command in the process that owns the engine (NULL: one that needs none). Words are separated
 * by '|'. */
static inline struct ran run_words(struct engine *e, const char *line)
{
    static const volatile bool cancelled = false;
    struct ran r = {0};
    char *words[WORDS_MAX + 1], *copy = strdup(line);
    char cwd[4096];
    size_t n_out, n_err;
    struct command_call call = {.argv = words, .cancelled = &cancelled};

    cr_assert_not_null(getcwd(cwd, sizeof cwd));
    call.cwd = cwd;
    call.argc = split_words(copy, words);
    call.out = open_memstream(&r.out, &n_out);
    call.err = open_memstream(&r.err, &n_err);
    if (e) {
        r.code = command_in_server(e, &call);
    } else {
        const struct command *cmd = command_find(words[0]);
        void *options = NULL;

        r.code = options_parse(cmd, call.argc, words, true, &options);
        if (r.code == EXIT_DONE) {
            int rc = common_configure(options);

            r.code = rc < 0 ? command_failed(&call, rc) : cmd->run(NULL, &call, options);
        }
        mem_free(options);
    }
    fclose(call.out);
    fclose(call.err);
    free(copy);
    return r;
}

#define expect_run(e, line, want_code, want_out, want_err)                                         \
    do {                                                                                           \
        struct ran r_ = run_words((e), (line));                                                    \
        cr_expect_eq(r_.code, (want_code), "%s: exit %d: %s%s", (line), r_.code, r_.out, r_.err);  \
        cr_expect_not_null(strstr(r_.out, (want_out)), "%s: output lacks '%s':\n%s", (line),       \
                           (want_out), r_.out);                                                    \
        cr_expect_not_null(strstr(r_.err, (want_err)), "%s: messages lack '%s':\n%s", (line),      \
                           (want_err), r_.err);                                                    \
        ran_done(&r_);                                                                             \
    } while (0)

/* The output of a --json run as a tree; json_decref it. */
static inline json_t *run_json(struct engine *e, const char *line, int want_code)
{
    struct ran r = run_words(e, line);
    json_t *v = NULL;

    cr_assert_eq(r.code, want_code, "%s: exit %d: %s%s", line, r.code, r.out, r.err);
    cr_assert_eq(json_parse(&v, str_of(r.out), "output"), ERR_OK, "%s: %s", err_text(), r.out);
    ran_done(&r);
    return v;
}

/* ---- a data folder with two small documents ---- */

struct cli_fixture {
    char folder[64];
    struct engine *e;
};

static inline void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void cli_fixture_done(struct cli_fixture *f)
{
    engine_close(f->e);
    nftw(f->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void cli_fixture_init(struct cli_fixture *f)
{
    struct config config;
    char docs[96], line[160];

    strcpy(f->folder, "/tmp/ragd-cli.XXXXXX");
    f->e = NULL;
    cr_assert_not_null(mkdtemp(f->folder));
    config_defaults(&config);
    if (access(config.model.path, R_OK) != 0) {
        cli_fixture_done(f);
        cr_skip_test("needs models/all-MiniLM-L6-v2");
    }
    snprintf(config.data, sizeof config.data, "%s/data", f->folder);
    snprintf(docs, sizeof docs, "%s/docs", f->folder);
    cr_assert_eq(file_make_dirs(docs), ERR_OK);
    write_file(docs, "capital.md",
               "# Capital\n\nCET1 must be at least 4.5 percent of risk-weighted assets.\n");
    write_file(docs, "reports.txt",
               "A bank files a suspicious activity report within 30 days of finding facts.\n");
    cr_assert_eq(engine_open(&f->e, &config), ERR_OK, "%s", err_text());
    snprintf(line, sizeof line, "ingest|%s", docs);
    expect_run(f->e, line, EXIT_DONE, "2 documents in 2 chunks", "");
}

static inline const char *in_folder(const struct cli_fixture *f, const char *words,
                                    const char *name, char out[1024])
{
    snprintf(out, 1024, "%s|%s/%s", words, f->folder, name);
    return out;
}
