#include "engine/config_print.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "engine/config_llm.h"
#include "engine/config_table.h"
#include "engine/config_text.h"
#include "engine/reload.h"
#include "net/redis_url.h"

static void print_quoted(const char *text, bool json, struct buf *out)
{
    if (json)
        jsonw_string(out, str_of(text));
    else
        config_text_print(text, out);
}

/* A Redis may have its password in the URL. */
static void print_masked(const char *text, bool json, struct buf *out)
{
    struct redis_url url = {0};
    char *shown = NULL;

    if (*text && redis_url_read(&url, text) == ERR_OK) {
        shown = redis_url_shown(&url);
        redis_url_done(&url);
    }
    print_quoted(shown ? shown : "", json, out);
    mem_free(shown);
}

static void value_print(const struct config *c, const struct setting *s, bool json, struct buf *out)
{
    const char *at = (const char *)c + s->offset;
    int64_t i = 0;
    double f = 0;
    bool yes = false;

    switch (s->type) {
    case TYPE_TEXT:
    case TYPE_WORD:
        if (at == c->redis.url)
            print_masked(at, json, out);
        else
            print_quoted(at, json, out);
        break;
    case TYPE_BOOL:
        memcpy(&yes, at, sizeof yes);
        buf_add_str(out, yes ? "true" : "false");
        break;
    case TYPE_REAL:
        memcpy(&f, at, sizeof f);
        buf_addf(out, f == (double)(int64_t)f ? "%.1f" : "%.15g", f);
        break;
    case TYPE_INT:
    case TYPE_SIZE:
        memcpy(&i, at, sizeof i);
        buf_addf(out, "%lld", (long long)i);
        break;
    }
}

/* "retrieve" of "retrieve.k", "" at the top; *leaf is the rest. */
static struct str section_of(const struct setting *s, const char **leaf)
{
    const char *dot = strchr(s->name, '.');

    *leaf = dot ? dot + 1 : s->name;
    return (struct str){s->name, dot ? (size_t)(dot - s->name) : 0};
}

static void print_text(const struct config *c, struct buf *out)
{
    static const char *const origins[] = {"", "file", "environment", "option"};
    struct str open = STR_LIT("");

    for (size_t i = 0; i < n_settings; i++) {
        const char *leaf;
        struct str section = section_of(&settings[i], &leaf);
        int64_t value = 0;

        if (!str_eq(section, open)) {
            buf_addf(out, "%s%.*s = {\n", open.n ? "};\n" : "", STR_ARGS(section));
            open = section;
        }
        buf_addf(out, "%s%s = ", section.n ? "    " : "", leaf);
        value_print(c, &settings[i], false, out);
        if (settings[i].type == TYPE_SIZE) {
            memcpy(&value, (const char *)c + settings[i].offset, sizeof value);
            buf_add_str(out, value > INT32_MAX ? "L;" : ";"); /* libconfig's 64-bit mark */
        } else {
            buf_add_char(out, ';');
        }
        buf_addf(out, "  # %s", settings[i].help);
        if (c->origin[i] != CONFIG_DEFAULT)
            buf_addf(out, " (from %s)", origins[c->origin[i]]);
        if (reload_is_live(settings[i].name))
            buf_add_str(out, " [reloads]");
        buf_add_char(out, '\n');
    }
    buf_add_str(out, "};\n");
    config_llm_print(c, out);
}

static void print_json(const struct config *c, struct buf *out)
{
    struct jsonw w = jsonw_to(out);
    struct str open = STR_LIT("");

    jsonw_open(&w, '{');
    for (size_t i = 0; i < n_settings; i++) {
        const char *leaf;
        struct str section = section_of(&settings[i], &leaf);

        if (!str_eq(section, open)) {
            char name[SETTING_NAME_BYTES];

            if (open.n)
                jsonw_close(&w, '}');
            snprintf(name, sizeof name, "%.*s", STR_ARGS(section));
            jsonw_key(&w, name);
            jsonw_open(&w, '{');
            open = section;
        }
        jsonw_key(&w, leaf);
        value_print(c, &settings[i], true, out);
        w.comma = true;
    }
    jsonw_close(&w, '}');
    config_llm_json(c, &w);
    jsonw_close(&w, '}');
    buf_add_char(out, '\n');
}

void config_print(const struct config *c, bool json, struct buf *out)
{
    if (json)
        print_json(c, out);
    else
        print_text(c, out);
}
