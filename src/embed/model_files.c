#include "embed/model_files.h"

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"

#define FILE_BYTES_MAX   (1u << 20)
#define MAX_TOKENS_LIMIT 8192
#define MIN_TOKENS       8

/* The parsed file, or NULL when there is none (that is no error). */
static int read_optional(json_t **out, const char *model_dir, const char *name)
{
    int rc = ERR_OK;
    struct buf path, text;

    buf_init(&path);
    buf_init(&text);
    buf_addf(&path, "%s/%s", model_dir, name);
    rc = file_read(path.p, FILE_BYTES_MAX, &text);
    if (rc == ERR_NOT_FOUND) {
        rc = ERR_OK;
        goto out;
    }
    TRY(rc);
    TRY(json_parse(out, buf_view(&text), path.p));
out:
    buf_done(&text);
    buf_done(&path);
    return rc;
}

static int read_limit(const json_t *root, struct model_files *m)
{
    int64_t n = 0;
    int rc = json_get_int(root, "max_seq_length", MIN_TOKENS, MAX_TOKENS_LIMIT, &n);

    if (rc == ERR_OK)
        m->max_tokens = (size_t)n;
    return rc;
}

/* Of the members "pooling_mode_..." exactly one is true, and it is one we know. */
static int read_pooling(const json_t *root, struct model_files *m)
{
    static const char prefix[] = "pooling_mode_";
    const char *key, *found = NULL;
    json_t *v;

    if (!json_is_object(root))
        return FAIL(ERR_FORMAT, "not an object");
    json_object_foreach((json_t *)(uintptr_t)root, key, v) {
        if (strncmp(key, prefix, sizeof prefix - 1) != 0 || !json_is_true(v))
            continue;
        if (found)
            return FAIL(ERR_UNSUPPORTED, "both '%s' and '%s' are true; one pooling is supported",
                        found, key);
        found = key;
    }
    if (!found)
        return FAIL(ERR_FORMAT, "no pooling mode is true; mean_tokens or cls_token must be");
    m->cls_pooling = strcmp(found, "pooling_mode_cls_token") == 0;
    if (!m->cls_pooling && strcmp(found, "pooling_mode_mean_tokens") != 0)
        return FAIL(ERR_UNSUPPORTED, "'%s' is true; mean_tokens and cls_token are supported",
                    found);
    return ERR_OK;
}

static int check_modules(const json_t *root, struct model_files *m)
{
    size_t i;
    json_t *module;

    (void)m;
    if (!json_is_array(root))
        return FAIL(ERR_FORMAT, "not a list of modules");
    json_array_foreach(root, i, module) {
        const char *type = json_string_value(json_object_get(module, "type"));
        const char *dot = type ? strrchr(type, '.') : NULL;

        if (!type)
            return FAIL(ERR_FORMAT, "module %zu has no type", i);
        type = dot ? dot + 1 : type;
        if (strcmp(type, "Transformer") != 0 && strcmp(type, "Pooling") != 0 &&
            strcmp(type, "Normalize") != 0)
            return FAIL(ERR_UNSUPPORTED,
                        "module '%s'; only Transformer, Pooling and Normalize are supported", type);
    }
    return ERR_OK;
}

static int read_one(const char *model_dir, const char *name,
                    int (*read)(const json_t *root, struct model_files *m), struct model_files *m)
{
    json_t *root = NULL;
    int rc = read_optional(&root, model_dir, name);

    if (rc == ERR_OK && root) {
        rc = read(root, m);
        if (rc < 0)
            err_context(rc, "'%s/%s'", model_dir, name);
    }
    json_decref(root);
    return rc;
}

int model_files_read(struct model_files *out, const char *model_dir)
{
    int rc = ERR_OK;
    struct model_files m = {0};

    TRY(read_one(model_dir, "modules.json", check_modules, &m));
    TRY(read_one(model_dir, "sentence_bert_config.json", read_limit, &m));
    TRY(read_one(model_dir, "1_Pooling/config.json", read_pooling, &m));
    *out = m;
out:
    return rc;
}
