#include "index/collection_settings.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"

static int read_language(const json_t *tree, struct word_settings *words)
{
    int rc = ERR_OK;
    struct str language = {0};

    TRY(json_get_str(tree, "language", &language));
    if (!language.p)
        goto out;
    if (str_eq(language, STR_LIT("none")))
        language = STR_LIT("");
    TRY(word_language_check(language.p));
    snprintf(words->language, sizeof words->language, "%s", language.p);
out:
    return rc;
}

static int read_settings(struct str json, struct word_settings *words, json_t **out)
{
    static const char *const known[] = {"language", "stop_words", NULL};
    int rc = ERR_OK;
    json_t *tree = NULL;

    TRY(json_parse(&tree, json.n ? json : STR_LIT("{}"), "a collection's settings"));
    if (!json_is_object(tree)) {
        rc = FAIL(ERR_ARGUMENT, "a collection's settings must be an object");
        goto out;
    }
    TRY(json_only(tree, known, "a collection's settings"));
    TRY(read_language(tree, words));
    TRY(json_get_bool(tree, "stop_words", &words->drop_stop_words));
    *out = tree;
    tree = NULL; /* handed over */
out:
    json_decref(tree);
    return rc;
}

static void drop_nulls(json_t *tree)
{
    const char *key;
    json_t *v;
    void *next;

    json_object_foreach_safe(tree, next, key, v)
    {
        if (json_is_null(v))
            json_object_del(tree, key);
    }
}

int collection_settings_check(struct str json, char **canonical)
{
    struct word_settings words = {0};
    json_t *tree = NULL;
    int rc = read_settings(json, &words, &tree);

    if (rc < 0)
        return rc;
    drop_nulls(tree);
    *canonical = json_canonical(tree);
    json_decref(tree);
    return ERR_OK;
}

int collection_settings_words(const char *json, const struct word_settings *usual,
                              struct word_settings *out)
{
    struct word_settings words = *usual;
    json_t *tree = NULL;
    int rc = read_settings(str_of(json), &words, &tree);

    if (rc < 0)
        return rc;
    *out = words;
    json_decref(tree);
    return ERR_OK;
}
