#include "extract/extract_json.h"

#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "extract/textout.h"

/* ---- records ---- */

static struct str copy(struct arena *mem, struct str s)
{
    return (struct str){arena_strndup(mem, s.p, s.n), s.n};
}

static int read_id(const json_t *record, struct arena *mem, struct str *id)
{
    const json_t *v = json_object_get(record, "id");
    int rc;

    if (json_is_integer(v)) {
        *id = str_of(arena_printf(mem, "%lld", (long long)json_integer_value(v)));
        return ERR_OK;
    }
    rc = json_get_str(record, "id", id);
    if (rc == ERR_OK)
        *id = copy(mem, *id);
    return rc;
}

/* Members that are none of ours are metadata too: {"text": ..., "year": 2020} is common. */
static json_t *metadata_of(const json_t *record)
{
    static const char *const ours[] = {"id", "title", "text", "uri", "metadata", NULL};
    const json_t *given = json_object_get(record, "metadata");
    json_t *all = json_is_object(given) ? json_deep_copy(given) : json_object();
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)record, key, v) {
        const char *const *k = ours;

        while (*k && strcmp(*k, key) != 0)
            k++;
        if (!*k && !json_object_get(all, key))
            json_object_set(all, key, v);
    }
    if (json_object_size(all))
        return all;
    json_decref(all);
    return NULL;
}

static bool is_record(const json_t *v)
{
    return json_is_object(v) && json_is_string(json_object_get(v, "text"));
}

static int read_record(const json_t *record, size_t text_max, struct arena *mem,
                       struct extracted *doc)
{
    int rc = ERR_OK;
    struct str id = STR_LIT(""), uri = STR_LIT(""), title = STR_LIT(""), text = STR_LIT("");
    const json_t *metadata = json_object_get(record, "metadata");
    struct textout t;

    textout_init(&t, text_max);
    TRY(read_id(record, mem, &id));
    TRY(json_get_str(record, "uri", &uri));
    TRY(json_get_str(record, "title", &title));
    TRY(json_get_str(record, "text", &text));
    if (metadata && !json_is_object(metadata) && !json_is_null(metadata)) {
        rc = FAIL(ERR_ARGUMENT, "'metadata' must be an object");
        goto out;
    }
    textout_title(&t, title.p, title.n);
    textout_pre(&t, text.p, text.n);
    TRY(textout_finish(&t, "no text"));
    textout_take(&t, mem, doc);
    doc->id = id;
    doc->uri = copy(mem, uri);
    doc->metadata = metadata_of(record);
out:
    textout_done(&t);
    return rc;
}

static void add_document(struct extracted_list *out, const struct extracted *doc)
{
    out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof(*out->v));
    out->v[out->n++] = *doc;
}

static void add_problem(struct extracted_list *out, const char *unit, size_t number)
{
    struct buf b;

    if (out->n_problems >= JSONL_PROBLEMS_MAX)
        return;
    buf_init(&b);
    buf_addf(&b, "%s %zu: %s", unit, number, err_text());
    out->problems =
        mem_grow(out->problems, &out->cap_problems, out->n_problems + 1, sizeof(*out->problems));
    out->problems[out->n_problems++] = buf_take(&b);
}

/* ---- any other shape ---- */

static void flatten(const json_t *v, struct buf *path, struct textout *t)
{
    size_t n = path->n, i;
    const char *key;
    json_t *child;
    char number[48];

    switch (json_typeof(v)) {
    case JSON_OBJECT:
        json_object_foreach((json_t *)(uintptr_t)v, key, child) {
            buf_addf(path, "%s%s", n ? "." : "", key);
            flatten(child, path, t);
            buf_cut(path, n);
        }
        return;
    case JSON_ARRAY:
        json_array_foreach(v, i, child) {
            buf_addf(path, "[%zu]", i);
            flatten(child, path, t);
            buf_cut(path, n);
        }
        return;
    default: break;
    }
    textout_line(t);
    if (n) {
        textout_text(t, path->p, path->n);
        textout_text(t, ": ", 2);
    }
    if (json_is_string(v))
        textout_text(t, json_string_value(v), json_string_length(v));
    else if (json_is_integer(v))
        textout_text(
            t, number,
            (size_t)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v)));
    else if (json_is_real(v))
        textout_text(t, number,
                     (size_t)snprintf(number, sizeof(number), "%.15g", json_real_value(v)));
    else if (json_is_boolean(v))
        textout_text(t, json_is_true(v) ? "true" : "false", json_is_true(v) ? 4 : 5);
}

static int one_document(const json_t *v, size_t text_max, struct arena *mem,
                        struct extracted_list *out)
{
    int rc = ERR_OK;
    struct extracted doc;
    struct textout t;
    struct buf path;

    buf_init(&path);
    textout_init(&t, text_max);
    flatten(v, &path, &t);
    TRY(textout_finish(&t, "no text"));
    textout_take(&t, mem, &doc);
    add_document(out, &doc);
out:
    textout_done(&t);
    buf_done(&path);
    return rc;
}

/* ---- files ---- */

/* jansson's tree is many times its text: "[[],[],..." 60 times. Counted before it is built. */
static int check_values(struct str text)
{
    size_t n = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string)
            n += c == ',' || c == '[' || c == '{';
    }
    if (n > JSON_VALUES_MAX)
        return FAIL(ERR_LIMIT, "JSON of %zu values is over the limit of %d; JSON lines have none",
                    n, JSON_VALUES_MAX);
    return ERR_OK;
}

static bool all_records(const json_t *list)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v) {
        if (!json_is_object(v) || !json_object_get(v, "text"))
            return false;
    }
    return json_array_size(list) > 0;
}

static void read_list(const json_t *list, size_t text_max, struct arena *mem,
                      struct extracted_list *out)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v) {
        struct extracted doc;

        if (read_record(v, text_max, mem, &doc) < 0)
            add_problem(out, "record", i + 1);
        else
            add_document(out, &doc);
    }
}

int extract_json(struct str text, size_t text_max, struct arena *mem, struct extracted_list *out)
{
    int rc = ERR_OK;
    json_t *root = NULL;
    struct extracted doc;

    TRY(check_values(text));
    TRY(json_parse(&root, text, "JSON"));
    if (is_record(root)) {
        TRY(read_record(root, text_max, mem, &doc));
        add_document(out, &doc);
    } else if (json_is_array(root) && all_records(root)) {
        read_list(root, text_max, mem, out);
    } else {
        TRY(one_document(root, text_max, mem, out));
    }
out:
    json_decref(root);
    return rc;
}

static int read_line(struct str line, size_t text_max, struct arena *mem, struct extracted *doc)
{
    int rc = ERR_OK;
    json_t *record = NULL;

    TRY(check_values(line));
    TRY(json_parse(&record, line, "record"));
    if (!is_record(record)) {
        rc = FAIL(ERR_FORMAT, "not an object with a string \"text\"");
        goto out;
    }
    TRY(read_record(record, text_max, mem, doc));
out:
    json_decref(record);
    return rc;
}

int extract_jsonl(struct str text, size_t text_max, struct arena *mem, struct extracted_list *out)
{
    size_t number = 0, n_bad = 0, n_before = out->n;

    for (size_t at = 0; at < text.n;) {
        const char *lf = memchr(text.p + at, '\n', text.n - at);
        size_t end = lf ? (size_t)(lf - text.p) : text.n;
        struct str line = str_trim(str_sub(text, at, end));
        struct extracted doc;

        number++;
        at = end + 1;
        if (line.n == 0)
            continue;
        if (read_line(line, text_max, mem, &doc) == ERR_OK) {
            add_document(out, &doc);
        } else {
            add_problem(out, "line", number);
            n_bad++;
        }
    }
    if (out->n == n_before && n_bad == 0)
        return FAIL(ERR_FORMAT, "no text");
    return ERR_OK;
}
