#include "embed/model_files.h"

#include <float.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define FILE_BYTES_MAX   (1u << 20)
#define MAX_TOKENS_LIMIT 8192
#define MIN_TOKENS       8
#define POOLING_FOLDER   "1_Pooling"

/* ---- the limit ---- */

static int read_limit(const json_t *root, struct model_files *m)
{
    int rc = ERR_OK;
    int64_t n = 0;

    TRY(json_get_int(root, "max_seq_length", MIN_TOKENS, MAX_TOKENS_LIMIT, &n));
    TRY(json_get_bool(root, "do_lower_case", &m->lower_case));
    m->max_tokens = (size_t)n;
out:
    return rc;
}

/* Where newer files keep it. It is 10^30 for models that have no limit. */
static int read_tokenizer_limit(const json_t *root, struct model_files *m)
{
    double n = 0;
    int rc = json_get_real(root, "model_max_length", 0, DBL_MAX, &n);

    if (rc == ERR_OK && m->max_tokens == 0 && n >= MIN_TOKENS && n <= MAX_TOKENS_LIMIT)
        m->max_tokens = (size_t)n;
    return rc;
}

/* ---- pooling ---- */

static int set_pooling(struct model_files *m, struct str mode)
{
    m->cls_pooling = str_eq(mode, STR_LIT("cls"));
    if (!m->cls_pooling && !str_eq(mode, STR_LIT("mean")))
        return FAIL(ERR_UNSUPPORTED, "pooling is '%.*s'; 'mean' and 'cls' are supported",
                    (int)(mode.n < 80 ? mode.n : 80), mode.p);
    return ERR_OK;
}

/* The older form: of the members "pooling_mode_..." exactly one is true. */
static int read_older_pooling(const json_t *root, struct model_files *m)
{
    static const char prefix[] = "pooling_mode_";
    const char *key, *found = NULL;
    struct str mode;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)root, key, v) {
        if (strncmp(key, prefix, sizeof prefix - 1) != 0 || !json_is_true(v))
            continue;
        if (found)
            return FAIL(ERR_UNSUPPORTED, "both '%s' and '%s' are true; one pooling is supported",
                        found, key);
        found = key;
    }
    if (!found)
        return FAIL(ERR_FORMAT, "no pooling is given; it must be mean or cls");
    mode = str_of(found + sizeof prefix - 1);
    if (str_ends(mode, STR_LIT("_tokens")))
        mode.n -= strlen("_tokens");
    else if (str_ends(mode, STR_LIT("_token")))
        mode.n -= strlen("_token");
    return set_pooling(m, mode);
}

static int read_pooling(const json_t *root, struct model_files *m)
{
    int rc = ERR_OK;
    const json_t *mode = json_object_get(root, "pooling_mode");
    bool include_prompt = true;

    if (!json_is_object(root))
        return FAIL(ERR_FORMAT, "not an object");
    TRY(json_get_bool(root, "include_prompt", &include_prompt));
    if (!include_prompt)
        return FAIL(ERR_UNSUPPORTED, "'include_prompt' is false; the prompt's tokens are always "
                                     "pooled with those of the text");
    if (json_is_array(mode))
        return FAIL(ERR_UNSUPPORTED, "'pooling_mode' is a list; one pooling is supported");
    rc = json_is_string(mode) ? set_pooling(m, str_of(json_string_value(mode)))
                              : read_older_pooling(root, m);
out:
    return rc;
}

/* ---- steps ---- */

static int check_module(const char *type, const char *path, struct model_files *m)
{
    if (strcmp(type, "Normalize") == 0)
        return ERR_OK;
    if (strcmp(type, "Transformer") == 0) {
        if (path && *path)
            return FAIL(ERR_UNSUPPORTED,
                        "the encoder lies in '%s'; move its files beside modules.json, and let its "
                        "'path' be \"\"",
                        path);
        return ERR_OK;
    }
    if (strcmp(type, "Pooling") != 0)
        return FAIL(ERR_UNSUPPORTED,
                    "module '%s'; only Transformer, Pooling and Normalize are supported", type);
    if (path && strcmp(path, POOLING_FOLDER) != 0)
        return FAIL(ERR_UNSUPPORTED, "the pooling lies in '%s'; it must be '" POOLING_FOLDER "'",
                    path);
    m->has_pooling = true;
    return ERR_OK;
}

static int check_modules(const json_t *root, struct model_files *m)
{
    int rc = ERR_OK;
    size_t i;
    json_t *module;

    if (!json_is_array(root))
        return FAIL(ERR_FORMAT, "not a list of modules");
    json_array_foreach(root, i, module) {
        const char *type = json_string_value(json_object_get(module, "type"));
        const char *dot = type ? strrchr(type, '.') : NULL;

        if (!type)
            return FAIL(ERR_FORMAT, "module %zu has no type", i);
        TRY(check_module(dot ? dot + 1 : type, json_string_value(json_object_get(module, "path")),
                         m));
    }
out:
    return rc;
}

/* ---- prompts ---- */

/* The first of these prompts that there is. */
static int read_prompt(const json_t *prompts, const char *const *names, char **out)
{
    for (; *names; names++) {
        struct str text = {0};
        int rc = json_get_str(prompts, *names, &text);

        if (rc < 0)
            return err_context(rc, "prompts");
        if (text.n > MODEL_PROMPT_BYTES_MAX)
            return FAIL(ERR_LIMIT, "prompt '%s' of %zu bytes is over the limit of %d", *names,
                        text.n, MODEL_PROMPT_BYTES_MAX);
        if (text.p && strlen(text.p) != text.n)
            return FAIL(ERR_FORMAT, "prompt '%s' has a NUL character", *names);
        if (text.p) {
            *out = mem_strdup(text.p);
            return ERR_OK;
        }
    }
    return ERR_OK;
}

static int read_prompts(const json_t *root, struct model_files *m)
{
    static const char *const query[] = {"query", NULL};
    static const char *const document[] = {"document", "passage", "corpus", NULL};
    int rc = ERR_OK;
    const json_t *prompts = json_object_get(root, "prompts");

    if (!json_is_object(root))
        return FAIL(ERR_FORMAT, "not an object");
    if (!prompts || json_is_null(prompts))
        return ERR_OK;
    if (!json_is_object(prompts))
        return FAIL(ERR_FORMAT, "'prompts' must be an object");
    TRY(read_prompt(prompts, query, &m->query_prompt));
    TRY(read_prompt(prompts, document, &m->document_prompt));
out:
    return rc;
}

/* ---- the folder ---- */

static const struct file {
    const char *name;
    int (*parse)(json_t **out, struct str text, const char *what);
    int (*read)(const json_t *root, struct model_files *m);
} files[] = {
    {"modules.json", json_parse, check_modules},
    {"sentence_bert_config.json", json_parse, read_limit},
    {"tokenizer_config.json", json_parse_reals, read_tokenizer_limit},
    {POOLING_FOLDER "/config.json", json_parse, read_pooling},
    {"config_sentence_transformers.json", json_parse, read_prompts},
};

static int read_one(const struct file *f, const char *model_dir, struct model_files *m)
{
    int rc = ERR_OK;
    struct buf path, text;
    json_t *root = NULL;

    buf_init(&path);
    buf_init(&text);
    buf_addf(&path, "%s/%s", model_dir, f->name);
    rc = file_read(path.p, FILE_BYTES_MAX, &text);
    if (rc == ERR_NOT_FOUND) {
        rc = ERR_OK;
        goto out;
    }
    TRY(rc);
    TRY(f->parse(&root, buf_view(&text), path.p));
    rc = f->read(root, m);
    if (rc < 0)
        err_context(rc, "'%s'", path.p);
out:
    json_decref(root);
    buf_done(&text);
    buf_done(&path);
    return rc;
}

static int check_pooling_is_there(const struct model_files *m, const char *model_dir)
{
    struct buf path;
    bool there;

    buf_init(&path);
    buf_addf(&path, "%s/" POOLING_FOLDER "/config.json", model_dir);
    there = access(path.p, F_OK) == 0;
    buf_done(&path);
    if (m->has_pooling && !there)
        return FAIL(ERR_NOT_FOUND,
                    "'%s/modules.json' names the step Pooling, but '" POOLING_FOLDER
                    "/config.json' is not there; copy it from where the model came from",
                    model_dir);
    return ERR_OK;
}

int model_files_read(struct model_files *out, const char *model_dir)
{
    int rc = ERR_OK;
    struct model_files m = {0};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        TRY(read_one(&files[i], model_dir, &m));
    TRY(check_pooling_is_there(&m, model_dir));
    *out = m;
    m = (struct model_files){0}; /* handed over */
out:
    model_files_done(&m);
    return rc;
}

void model_files_done(struct model_files *m)
{
    mem_free(m->query_prompt);
    mem_free(m->document_prompt);
    *m = (struct model_files){0};
}
