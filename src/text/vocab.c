#include "text/vocab.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/trie.h"

#define PATH_BYTES 4096

static const char *const default_specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

/* ---- tokens ---- */

static int set_token(struct vocab *v, size_t id, struct str token)
{
    if (id >= VOCAB_TOKENS_MAX)
        return FAIL(ERR_LIMIT, "token id %zu is over the limit of %d tokens", id, VOCAB_TOKENS_MAX);
    if (token.n > TRIE_KEY_MAX)
        return FAIL(ERR_LIMIT, "token of %zu bytes is over the limit of %d", token.n, TRIE_KEY_MAX);
    if (token.n && memchr(token.p, 0, token.n))
        return FAIL(ERR_FORMAT, "token with a NUL byte");
    v->tokens = mem_grow(v->tokens, &v->cap, id + 1, sizeof(*v->tokens));
    while (v->n_tokens <= id)
        v->tokens[v->n_tokens++] = (struct str){"", 0};
    v->tokens[id] = token;
    return ERR_OK;
}

/* The last token of that name, as the reference counts them; -1 when there is none. */
static int32_t find_token(const struct vocab *v, struct str name)
{
    for (size_t id = v->n_tokens; id-- > 0;)
        if (str_eq(v->tokens[id], name))
            return (int32_t)id;
    return -1;
}

static size_t line_of(struct str text, size_t at)
{
    size_t line = 1;

    for (size_t i = 0; i < at; i++)
        line += text.p[i] == '\n';
    return line;
}

static int read_lines(struct vocab *v, const char *path)
{
    const char *p, *end;
    size_t line = 0, n_valid;
    int rc = file_read(path, VOCAB_FILE_MAX, &v->text);

    if (rc < 0)
        return err_context(rc, "vocabulary");
    p = v->text.p;
    end = p + v->text.n;
    if (p == end)
        return FAIL(ERR_FORMAT, "vocabulary '%s' is empty", path);
    n_valid = utf8_valid_prefix(p, v->text.n);
    if (n_valid < v->text.n)
        return FAIL(ERR_FORMAT, "vocabulary '%s', line %zu: not UTF-8", path,
                    line_of(buf_view(&v->text), n_valid));
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        struct str token = {p, (size_t)((stop ? stop : end) - p)};

        if (token.n && token.p[token.n - 1] == '\r')
            token.n--;
        rc = set_token(v, line++, token);
        if (rc < 0)
            return err_context(rc, "vocabulary '%s', line %zu", path, line);
        p = stop ? stop + 1 : end;
    }
    return ERR_OK;
}

/* "model.vocab" of tokenizer.json. */
static int read_json_tokens(struct vocab *v, const json_t *tokens, const char *path)
{
    const char *name;
    json_t *value;

    if (!json_is_object(tokens) || json_object_size(tokens) == 0)
        return FAIL(ERR_FORMAT, "'%s': \"model.vocab\" should be an object of tokens", path);
    json_object_foreach((json_t *)(uintptr_t)tokens, name, value) {
        struct str token = {name, json_object_iter_key_len(json_object_key_to_iter(name))};
        json_int_t id = json_integer_value(value);
        int rc;

        if (!json_is_integer(value) || id < 0)
            return FAIL(ERR_FORMAT, "'%s': the id of token '%s' should be a number from 0", path,
                        name);
        rc = set_token(v, (size_t)id, token);
        if (rc < 0)
            return err_context(rc, "'%s': \"model.vocab\"", path);
    }
    return ERR_OK;
}

/* The offset after the string or the character at `at`. */
static size_t skip_json(struct str json, size_t at)
{
    if (json.p[at++] != '"')
        return at;
    while (at < json.n && json.p[at] != '"')
        at += json.p[at] == '\\' ? 2 : 1;
    return at < json.n ? at + 1 : json.n;
}

static size_t skip_json_space(struct str json, size_t at)
{
    while (at < json.n && strchr(" \t\r\n", json.p[at]))
        at++;
    return at;
}

/* The offset behind the brace that opens "vocab" in a member of the root, or 0. */
static size_t find_json_tokens(struct str json)
{
    static const struct str name = STR_LIT("\"vocab\"");
    int depth = 0;

    for (size_t at = 0; at < json.n; at = skip_json(json, at)) {
        depth += (json.p[at] == '{') - (json.p[at] == '}');
        if (depth == 2 && str_starts(str_sub(json, at, json.n), name)) {
            size_t to = skip_json_space(json, at + name.n);

            if (to < json.n && json.p[to] == ':')
                to = skip_json_space(json, to + 1);
            if (to < json.n && json.p[to] == '{')
                return to + 1;
        }
    }
    return 0;
}

/* Empties "vocab" of a tokenizer.json whose tokens stand in vocab.txt already: it is nineteen
 * twentieths of the file, and a tree of 30,000 members takes longer to build than all the rest of
 * opening a tokenizer. Line ends stay, so that messages about the rest name the right line. */
static void drop_json_tokens(struct buf *b)
{
    struct str json = buf_view(b);
    size_t at = find_json_tokens(json), to = at;
    int depth = 1;

    if (at == 0)
        return;
    for (; at < json.n; at = skip_json(json, at)) {
        depth += (json.p[at] == '{') - (json.p[at] == '}');
        if (depth == 0)
            break;
        if (json.p[at] == '\n')
            b->p[to++] = '\n';
    }
    memmove(b->p + to, b->p + at, json.n - at);
    buf_cut(b, to + json.n - at);
}

/* ---- settings ---- */

/* Fails unless obj[key] is absent, null or this string. */
static int want_str(const json_t *obj, const char *key, const char *want, const char *where)
{
    struct str have = {0};
    int rc = json_get_str(obj, key, &have);

    if (rc < 0)
        return err_context(rc, "%s", where);
    if (have.p && !str_eq(have, str_of(want)))
        return FAIL(ERR_UNSUPPORTED, "%s: \"%s\" is \"%.*s\"; only \"%s\" is known", where, key,
                    STR_ARGS(have), want);
    return ERR_OK;
}

static int read_bool(const json_t *obj, const char *key, bool *out, const char *where)
{
    int rc = json_get_bool(obj, key, out);

    return rc < 0 ? err_context(rc, "%s", where) : rc;
}

static int want_true(const json_t *obj, const char *key, const char *where)
{
    bool have = true;
    int rc = read_bool(obj, key, &have, where);

    if (rc < 0)
        return rc;
    if (!have)
        return FAIL(ERR_UNSUPPORTED, "%s: \"%s\" is false; only true is known", where, key);
    return ERR_OK;
}

static int read_normalizer(struct vocab *v, const json_t *root, const char *path)
{
    int rc = ERR_OK;
    const json_t *n = json_object_get(root, "normalizer");
    bool strip;
    char where[PATH_BYTES + 32];

    snprintf(where, sizeof(where), "'%s': \"normalizer\"", path);
    if (!json_is_object(n) || !json_is_string(json_object_get(n, "type")))
        return FAIL(ERR_UNSUPPORTED, "%s: only \"BertNormalizer\" is known", where);
    TRY(want_str(n, "type", "BertNormalizer", where));
    TRY(want_true(n, "clean_text", where));
    TRY(want_true(n, "handle_chinese_chars", where));
    TRY(read_bool(n, "lowercase", &v->lower_case, where));
    strip = v->lower_case; /* null: as lowercase */
    TRY(read_bool(n, "strip_accents", &strip, where));
    if (strip != v->lower_case)
        rc = FAIL(ERR_UNSUPPORTED,
                  "%s: \"strip_accents\" %s with \"lowercase\" %s; only both or neither is known",
                  where, strip ? "true" : "false", v->lower_case ? "true" : "false");
out:
    return rc;
}

/* "single" of a template: [CLS], the text, [SEP]. */
static bool is_bert_template(const json_t *single)
{
    const json_t *a = json_array_get(single, 0), *b = json_array_get(single, 1),
                 *c = json_array_get(single, 2);
    const char *cls = json_string_value(json_object_get(json_object_get(a, "SpecialToken"), "id"));
    const char *sep = json_string_value(json_object_get(json_object_get(c, "SpecialToken"), "id"));

    return json_array_size(single) == 3 && json_object_get(b, "Sequence") && cls && sep &&
           strcmp(cls, "[CLS]") == 0 && strcmp(sep, "[SEP]") == 0;
}

static int read_pipeline(const json_t *root, const char *path)
{
    const json_t *pre = json_object_get(root, "pre_tokenizer");
    const json_t *post = json_object_get(root, "post_processor");
    const char *pre_type = json_string_value(json_object_get(pre, "type"));
    const char *type = json_string_value(json_object_get(post, "type"));

    if (!pre_type || strcmp(pre_type, "BertPreTokenizer") != 0)
        return FAIL(ERR_UNSUPPORTED,
                    "'%s': \"pre_tokenizer\" is \"%s\"; only "
                    "\"BertPreTokenizer\" is known",
                    path, pre_type ? pre_type : "null");
    if (!type || strcmp(type, "BertProcessing") == 0)
        return ERR_OK;
    if (strcmp(type, "TemplateProcessing") != 0 ||
        !is_bert_template(json_object_get(post, "single")))
        return FAIL(ERR_UNSUPPORTED, "'%s': \"post_processor\" is not \"[CLS] text [SEP]\"", path);
    return ERR_OK;
}

static int read_model(struct vocab *v, const json_t *root, const char *path)
{
    int rc = ERR_OK;
    const json_t *model = json_object_get(root, "model");
    int64_t chars = VOCAB_WORD_CHARS;
    char where[PATH_BYTES + 32];

    snprintf(where, sizeof(where), "'%s': \"model\"", path);
    if (!json_is_object(model))
        return FAIL(ERR_FORMAT, "%s should be an object", where);
    TRY(want_str(model, "type", "WordPiece", where));
    TRY(want_str(model, "unk_token", "[UNK]", where));
    TRY(want_str(model, "continuing_subword_prefix", "##", where));
    rc = json_get_int(model, "max_input_chars_per_word", 1, INT32_MAX, &chars);
    if (rc < 0)
        return err_context(rc, "%s", where);
    if (chars != VOCAB_WORD_CHARS) {
        rc = FAIL(ERR_UNSUPPORTED, "%s: \"max_input_chars_per_word\" is %lld; only %d is known",
                  where, (long long)chars, VOCAB_WORD_CHARS);
        goto out;
    }
    if (v->n_tokens == 0)
        TRY(read_json_tokens(v, json_object_get(model, "vocab"), path));
out:
    return rc;
}

/* ---- special tokens ---- */

static int add_special(struct vocab *v, struct str text, int32_t id)
{
    if (v->n_specials == VOCAB_SPECIALS_MAX)
        return FAIL(ERR_LIMIT, "more than the limit of %d added tokens", VOCAB_SPECIALS_MAX);
    v->specials[v->n_specials++] = (struct special_token){text, id};
    return ERR_OK;
}

/* lstrip and rstrip only move the ends of the token over white space, which gives no tokens. */
static int read_added_token(struct vocab *v, const json_t *t)
{
    int rc = ERR_OK;
    struct str text = {0};
    int64_t id = -1;
    bool single_word = false, normalized = false;

    TRY(json_get_str(t, "content", &text));
    TRY(json_get_int(t, "id", 0, VOCAB_TOKENS_MAX - 1, &id));
    TRY(json_get_bool(t, "single_word", &single_word));
    TRY(json_get_bool(t, "normalized", &normalized));
    if (text.n == 0 || id < 0)
        return FAIL(ERR_FORMAT, "an added token needs \"content\" and \"id\"");
    if (single_word || normalized)
        return FAIL(ERR_UNSUPPORTED, "added token '%.*s' is \"%s\", which is not known",
                    STR_ARGS(text), single_word ? "single_word" : "normalized");
    if ((size_t)id < v->n_tokens && v->tokens[id].n && !str_eq(v->tokens[id], text))
        return FAIL(ERR_FORMAT, "added token '%.*s' has id %lld, which is '%.*s'", STR_ARGS(text),
                    (long long)id, STR_ARGS(v->tokens[id]));
    TRY(set_token(v, (size_t)id, text));
    TRY(add_special(v, text, (int32_t)id));
out:
    return rc;
}

static int read_json(struct vocab *v, const char *path)
{
    int rc = ERR_OK;
    struct buf text;
    json_t *root = NULL;
    const json_t *added;

    buf_init(&text);
    TRY(file_read(path, VOCAB_FILE_MAX, &text));
    if (v->n_tokens > 0)
        drop_json_tokens(&text);
    TRY(json_parse(&root, buf_view(&text), path));
    v->json = root;
    TRY(read_normalizer(v, root, path));
    TRY(read_pipeline(root, path));
    TRY(read_model(v, root, path));
    added = json_object_get(root, "added_tokens");
    for (size_t i = 0; i < json_array_size(added); i++) {
        rc = read_added_token(v, json_array_get(added, i));
        if (rc < 0) {
            err_context(rc, "'%s': \"added_tokens\"", path);
            goto out;
        }
    }
out:
    buf_done(&text);
    return rc;
}

/* ---- the folder ---- */

/* vocab.txt alone: BERT's five special tokens, and case as tokenizer_config.json has it. */
static int read_plain_settings(struct vocab *v, const char *path)
{
    int rc = ERR_OK;
    struct buf text;
    json_t *root = NULL;

    buf_init(&text);
    for (size_t i = 0; i < sizeof(default_specials) / sizeof(*default_specials); i++) {
        struct str name = str_of(default_specials[i]);
        int32_t id = find_token(v, name);

        if (id >= 0)
            TRY(add_special(v, name, id));
    }
    if (access(path, F_OK) == 0) {
        TRY(file_read(path, VOCAB_FILE_MAX, &text));
        TRY(json_parse_reals(&root, buf_view(&text), path));
        TRY(read_bool(root, "do_lower_case", &v->lower_case, path));
    }
out:
    json_decref(root);
    buf_done(&text);
    return rc;
}

static int find_named(struct vocab *v, const char *name, const char *path, int32_t *out)
{
    *out = find_token(v, str_of(name));
    if (*out < 0)
        return FAIL(ERR_FORMAT, "vocabulary '%s' has no %s", path, name);
    return ERR_OK;
}

int vocab_open(struct vocab *v, const char *model_dir)
{
    int rc = ERR_OK;
    char lines[PATH_BYTES], json[PATH_BYTES], config[PATH_BYTES];
    bool has_lines, has_json;

    *v = (struct vocab){.lower_case = true};
    buf_init(&v->text);
    if (snprintf(config, sizeof(config), "%s/tokenizer_config.json", model_dir) >= PATH_BYTES)
        return FAIL(ERR_LIMIT, "path of the model folder is over %d bytes", PATH_BYTES);
    snprintf(lines, sizeof(lines), "%s/vocab.txt", model_dir);
    snprintf(json, sizeof(json), "%s/tokenizer.json", model_dir);
    has_lines = access(lines, F_OK) == 0;
    has_json = access(json, F_OK) == 0;
    if (!has_lines && !has_json)
        return FAIL(ERR_NOT_FOUND, "model folder '%s' has neither vocab.txt nor tokenizer.json",
                    model_dir);
    if (has_lines)
        TRY(read_lines(v, lines));
    if (has_json)
        TRY(read_json(v, json));
    else
        TRY(read_plain_settings(v, config));
    TRY(find_named(v, "[UNK]", has_lines ? lines : json, &v->unk));
    TRY(find_named(v, "[CLS]", has_lines ? lines : json, &v->cls));
    TRY(find_named(v, "[SEP]", has_lines ? lines : json, &v->sep));
out:
    if (rc < 0)
        vocab_done(v);
    return rc;
}

void vocab_done(struct vocab *v)
{
    mem_free(v->tokens);
    buf_done(&v->text);
    json_decref(v->json);
    *v = (struct vocab){0};
}
