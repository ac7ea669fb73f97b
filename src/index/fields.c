#include "index/fields.h"

#include <jansson.h>

#include "base/json.h"

static void add_value(struct buf *out, size_t end, struct str value)
{
    if (value.n == 0 || value.n > FIELDS_VALUE_MAX || out->n + 1 + value.n > end)
        return;
    buf_add_char(out, '\n');
    buf_add_view(out, value);
}

/* `end` is how long `out` may get. Depth is limited by whoever parsed. */
static void add_values(struct buf *out, size_t end, const json_t *v)
{
    const char *key;
    char digits[24];
    json_t *member;
    size_t i;

    switch (json_typeof(v)) {
    case JSON_OBJECT:
        json_object_foreach((json_t *)v, key, member)
            add_values(out, end, member);
        return;
    case JSON_ARRAY:
        json_array_foreach((json_t *)v, i, member)
            add_values(out, end, member);
        return;
    case JSON_STRING:
        add_value(out, end, (struct str){json_string_value(v), json_string_length(v)});
        return;
    case JSON_INTEGER:
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(v));
        add_value(out, end, str_of(digits));
        return;
    default: return;
    }
}

void fields_names(const struct document_row *doc, struct buf *out)
{
    json_t *metadata = NULL;

    buf_add_view(out, doc->title);
    if (json_parse(&metadata, doc->metadata, "metadata") == 0 && json_is_object(metadata))
        add_values(out, out->n + FIELDS_NAMES_MAX, metadata);
    json_decref(metadata);
}
