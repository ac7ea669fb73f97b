#include "engine/config.h"

#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/file.h"
#include "engine/config_llm.h"
#include "engine/config_table.h"
#include "engine/embedding.h"
#include "engine/origins.h"
#include "engine/reranking.h"
#include "net/redis_url.h"
#include "net/url.h"

#define CONFIG_FILE_MAX (1 << 20)

#define DEFAULT_MODEL "models/all-MiniLM-L6-v2"

/* Settings of the contract that this version does not have, and the one value that changes
 * nothing and is therefore accepted. A whole section is named by its first part. */
static const struct {
    const char *name, *harmless;
} later_settings[] = {
    {"store.kind", "embedded"},
    {"store", NULL},
};

/* ---- one value ---- */

static bool is_one_of(const char *words, const char *value)
{
    size_t n = strlen(value);

    for (const char *p = words; p && *p;) {
        size_t len = strcspn(p, " ");

        if (len == n && memcmp(p, value, n) == 0)
            return true;
        p += len;
        p += strspn(p, " ");
    }
    return false;
}

/* "64", "256MB", "1 GiB"; a unit is a power of 1024 however it is spelled. */
static int parse_size(const char *text, double *out)
{
    static const char units[] = "KMGT";
    char *end;
    double v;
    const char *unit;

    if (*text < '0' || *text > '9')
        return ERR_FORMAT;
    v = strtod(text, &end);
    while (*end == ' ')
        end++;
    unit = *end ? strchr(units, *end & ~0x20) : NULL;
    if (unit) {
        for (int i = 0; i <= unit - units; i++)
            v *= 1024;
        end++;
        if ((*end & ~0x20) == 'I')
            end++;
    }
    if ((*end & ~0x20) == 'B')
        end++;
    *out = v;
    return *end ? ERR_FORMAT : ERR_OK;
}

static int parse_number(const struct setting *s, const char *text, const char *where, double *out)
{
    char *end;
    double v = 0;

    errno = 0;
    if (s->type == TYPE_SIZE) {
        if (parse_size(text, &v) < 0)
            return FAIL(ERR_ARGUMENT, "%s: '%s' must be a size like 64KB, 256MB or 2GB, not '%s'",
                        where, s->name, text);
    } else if (s->type == TYPE_INT) {
        v = (double)strtoll(text, &end, 10);
        if (end == text || *end || errno)
            return FAIL(ERR_ARGUMENT, "%s: '%s' must be a whole number, not '%s'", where, s->name,
                        text);
    } else {
        v = strtod(text, &end);
        if (end == text || *end || errno)
            return FAIL(ERR_ARGUMENT, "%s: '%s' must be a number, not '%s'", where, s->name, text);
    }
    if (!(v >= s->min && v <= s->max))
        return FAIL(ERR_LIMIT, "%s: '%s' must be from %.15g to %.15g, not %s", where, s->name,
                    s->min, s->max, text);
    *out = v;
    return ERR_OK;
}

static int parse_bool(const struct setting *s, const char *text, const char *where, bool *out)
{
    if (is_one_of("true yes on 1", text))
        *out = true;
    else if (is_one_of("false no off 0", text))
        *out = false;
    else
        return FAIL(ERR_ARGUMENT, "%s: '%s' must be true or false, not '%s'", where, s->name, text);
    return ERR_OK;
}

static int set_text(const struct setting *s, char *at, const char *text, const char *where)
{
    if (s->type == TYPE_WORD && !is_one_of(s->words, text))
        return FAIL(ERR_ARGUMENT, "%s: '%s' must be one of %s, not '%s'", where, s->name, s->words,
                    text);
    if (strlen(text) >= s->size)
        return FAIL(ERR_LIMIT, "%s: '%s' is longer than the limit of %zu bytes", where, s->name,
                    s->size - 1);
    strcpy(at, text);
    return ERR_OK;
}

static int set_value(struct config *c, const struct setting *s, const char *text, const char *where,
                     enum config_origin origin)
{
    int rc = ERR_OK;
    char *at = (char *)c + s->offset;
    double number = 0;
    bool yes = false;

    switch (s->type) {
    case TYPE_TEXT:
    case TYPE_WORD: TRY(set_text(s, at, text, where)); break;
    case TYPE_BOOL:
        TRY(parse_bool(s, text, where, &yes));
        memcpy(at, &yes, sizeof yes);
        break;
    case TYPE_REAL:
        TRY(parse_number(s, text, where, &number));
        memcpy(at, &number, sizeof number);
        break;
    case TYPE_INT:
    case TYPE_SIZE:
        TRY(parse_number(s, text, where, &number));
        memcpy(at, &(int64_t){(int64_t)number}, sizeof(int64_t));
        break;
    }
    c->origin[s - settings] = (unsigned char)origin;
    c->line[s - settings] = 0;
out:
    return rc;
}

/* ---- names ---- */

/* True when `name` is `prefix` or inside that section. */
static bool is_within(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(name, prefix, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

/* What to say about a name that the table does not have; `value` NULL for a group or list. */
static int refuse_unknown(const char *name, const char *value, const char *where)
{
    for (size_t i = 0; i < sizeof later_settings / sizeof later_settings[0]; i++) {
        if (!is_within(name, later_settings[i].name))
            continue;
        if (value && later_settings[i].harmless && strcmp(value, later_settings[i].harmless) == 0)
            return ERR_OK;
        return FAIL(ERR_UNSUPPORTED, "%s: setting '%s' is not available in this version", where,
                    name);
    }
    return FAIL(ERR_ARGUMENT, "%s: there is no setting '%s' (`ragd config show` lists all)", where,
                name);
}

bool config_is_default(const struct config *c, const char *name)
{
    const struct setting *s = setting_find(name);

    CHECK(s);
    return c->origin[s - settings] == CONFIG_DEFAULT;
}

bool config_is_same(const struct config *a, const struct config *b, const char *name)
{
    const struct setting *s = setting_find(name);
    const char *x, *y;

    CHECK(s);
    x = (const char *)a + s->offset;
    y = (const char *)b + s->offset;
    if (s->type == TYPE_TEXT || s->type == TYPE_WORD)
        return strcmp(x, y) == 0;
    return memcmp(x, y, s->size) == 0;
}

void config_copy(struct config *to, const struct config *from, const char *name)
{
    const struct setting *s = setting_find(name);

    CHECK(s);
    memset((char *)to + s->offset, 0, s->size);
    if (s->type == TYPE_TEXT || s->type == TYPE_WORD)
        strcpy((char *)to + s->offset, (const char *)from + s->offset);
    else
        memcpy((char *)to + s->offset, (const char *)from + s->offset, s->size);
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < n_settings; i++)
        if (is_within(settings[i].name, name) && strcmp(settings[i].name, name) != 0)
            return true;
    return false;
}

int config_set(struct config *c, const char *name, const char *value, const char *where)
{
    const struct setting *s = setting_find(name);

    return s ? set_value(c, s, value, where, CONFIG_OPTION) : refuse_unknown(name, value, where);
}

/* ---- defaults ---- */

static bool is_model(const char *path)
{
    char file[CONFIG_TEXT_MAX + 16];

    snprintf(file, sizeof file, "%s/config.json", path);
    return access(file, R_OK) == 0;
}

/* The folder of this program, without a slash at the end; "" when the system does not tell. */
static void program_folder(char out[CONFIG_TEXT_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, CONFIG_TEXT_MAX - 1);
    char *slash;

    out[n > 0 ? n : 0] = '\0';
    slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
}

/* The first that exists: beside us, in the source tree, where `make install` and `ragd model
 * fetch` put it. None: the first stays, so that the message names it. */
static void find_model(char *path, size_t size)
{
    char folder[CONFIG_TEXT_MAX];
    char candidate[2 * CONFIG_TEXT_MAX];
    const char *home = getenv("HOME");

    snprintf(path, size, "%s", DEFAULT_MODEL);
    if (is_model(path))
        return;
    program_folder(folder);
    for (int i = 0; i < 3; i++) {
        if (i == 0)
            snprintf(candidate, sizeof candidate, "%s/../../%s", folder, DEFAULT_MODEL);
        else if (i == 1)
            snprintf(candidate, sizeof candidate, "%s/../share/ragd/%s", folder, DEFAULT_MODEL);
        else
            snprintf(candidate, sizeof candidate, "%s/.local/share/ragd/%s", home ? home : "",
                     DEFAULT_MODEL);
        if (strlen(candidate) < size && is_model(candidate)) {
            strcpy(path, candidate);
            return;
        }
    }
}

void config_defaults(struct config *c)
{
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < n_settings;
         i++) /* the table's own values are right: a test loads them */
        set_value(c, &settings[i], settings[i].fallback, "default", CONFIG_DEFAULT);
    find_model(c->model.path, sizeof c->model.path);
}

/* ---- file ---- */

static const char *libconfig_type_name(const config_setting_t *s)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_STRING: return "a text";
    case CONFIG_TYPE_BOOL: return "true or false";
    case CONFIG_TYPE_FLOAT: return "a number with a point";
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64: return "a number";
    default: return "a group or list";
    }
}

/* The value as text, when its type in the file is one that the setting takes. */
static bool value_as_text(const config_setting_t *v, enum setting_type type, char *out, size_t size)
{
    bool number = type == TYPE_INT || type == TYPE_SIZE || type == TYPE_REAL;

    switch (config_setting_type(v)) {
    case CONFIG_TYPE_STRING:
        snprintf(out, size, "%s", config_setting_get_string(v));
        return type == TYPE_TEXT || type == TYPE_WORD || type == TYPE_SIZE;
    case CONFIG_TYPE_BOOL:
        snprintf(out, size, "%s", config_setting_get_bool(v) ? "true" : "false");
        return type == TYPE_BOOL;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64: snprintf(out, size, "%lld", config_setting_get_int64(v)); return number;
    case CONFIG_TYPE_FLOAT:
        snprintf(out, size, "%.17g", config_setting_get_float(v));
        return type == TYPE_REAL;
    default: return false;
    }
}

static int file_value(struct config *c, const config_setting_t *v, const char *name,
                      const char *where)
{
    int rc;
    static const char *const wanted[] = {"a text", "a text",        "a whole number",
                                         "a size", "a real number", "true or false"};
    const struct setting *s = setting_find(name);
    char text[CONFIG_TEXT_MAX + 1]; /* one more, so that too long stays too long */
    bool fits = value_as_text(v, s ? s->type : TYPE_TEXT, text, sizeof text);

    if (!s)
        return refuse_unknown(name, fits ? text : NULL, where);
    if (!fits)
        return FAIL(ERR_ARGUMENT, "%s: '%s' must be %s, not %s", where, name, wanted[s->type],
                    libconfig_type_name(v));
    rc = set_value(c, s, text, where, CONFIG_FILE);
    if (rc == ERR_OK && !config_setting_source_file(v))
        c->line[s - settings] = config_setting_source_line(v);
    return rc;
}

static int file_group(struct config *c, const config_setting_t *group, const char *prefix,
                      const char *path)
{
    int rc = ERR_OK;

    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *v = config_setting_get_elem(group, (unsigned)i);
        const char *file = config_setting_source_file(v);
        char name[SETTING_NAME_BYTES], where[CONFIG_TEXT_MAX + 32];

        snprintf(where, sizeof where, "%s:%u", file ? file : path,
                 (unsigned)config_setting_source_line(v));
        if (snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "",
                     config_setting_name(v)) >= (int)sizeof name)
            return FAIL(ERR_ARGUMENT, "%s: there is no setting with so long a name", where);
        if (strcmp(name, "llm") == 0)
            TRY(config_llm_read(c, v, path));
        else if (config_setting_is_group(v) && is_section(name))
            TRY(file_group(c, v, name, path));
        else if (config_setting_is_group(v) && strcmp(name, "store") == 0)
            TRY(file_group(c, v, name, path)); /* of a later version, but one value is harmless */
        else
            TRY(file_value(c, v, name, where));
    }
out:
    return rc;
}

static int read_file(struct config *c, const char *path)
{
    int rc = ERR_OK;
    struct buf text;
    config_t parsed;

    buf_init(&text);
    config_init(&parsed);
    snprintf(c->file, sizeof c->file, "%s", path);
    TRY(file_read(path, CONFIG_FILE_MAX, &text));
    if (text.p && strlen(text.p) != text.n) {
        rc = FAIL(ERR_FORMAT, "%s: a NUL byte; a configuration is text", path);
        goto out;
    }
    if (!config_read_string(&parsed, text.p ? text.p : "")) {
        const char *file = config_error_file(&parsed);

        rc = FAIL(ERR_ARGUMENT, "%s:%d: %s", file ? file : path, config_error_line(&parsed),
                  config_error_text(&parsed));
        goto out;
    }
    TRY(file_group(c, config_root_setting(&parsed), "", path));
out:
    config_destroy(&parsed);
    buf_done(&text);
    return rc;
}

/* ---- environment ---- */

static void variable_name(const char *setting, char out[SETTING_NAME_BYTES])
{
    size_t n = (size_t)snprintf(out, SETTING_NAME_BYTES, "RAGD_%s", setting);

    for (size_t i = 0; i < n && i < SETTING_NAME_BYTES; i++)
        out[i] = out[i] == '.' ? '_' : (out[i] >= 'a' && out[i] <= 'z') ? out[i] - 32 : out[i];
}

static int read_environment(struct config *c)
{
    int rc = ERR_OK;
    char name[SETTING_NAME_BYTES];

    for (size_t i = 0; i < n_settings; i++) {
        const char *value;

        variable_name(settings[i].name, name);
        value = getenv(name);
        if (value && *value)
            TRY(set_value(c, &settings[i], value, name, CONFIG_ENVIRONMENT));
    }
out:
    return rc;
}

int config_load(struct config *c, const char *file)
{
    int rc = ERR_OK;

    config_defaults(c);
    if (file)
        TRY(read_file(c, file));
    else if (access("ragd.conf", F_OK) == 0)
        TRY(read_file(c, "ragd.conf"));
    else if (access("/etc/ragd.conf", F_OK) == 0)
        TRY(read_file(c, "/etc/ragd.conf"));
    TRY(read_environment(c));
    TRY(config_check(c));
out:
    return rc;
}

/* "03:00" in minutes since midnight. */
int config_minute_of_day(const char *text, int *minute)
{
    static const char digits[] = "0123456789";
    bool fits = strlen(text) == 5 && text[2] == ':' && strspn(text, digits) == 2 &&
                strspn(text + 3, digits) == 2;
    int hour = fits ? atoi(text) : 24, m = fits ? atoi(text + 3) : 0;

    if (hour > 23 || m > 59)
        return FAIL(ERR_ARGUMENT, "'precompute.at' must be a time of the day like 03:00, not '%s'",
                    text);
    *minute = 60 * hour + m;
    return ERR_OK;
}

static int check_precompute(const struct config *c)
{
    int rc = ERR_OK, minute;

    if (!c->precompute.at[0])
        return ERR_OK;
    TRY(config_minute_of_day(c->precompute.at, &minute));
    if (!c->precompute.file[0] && c->precompute.top == 0)
        rc = FAIL(ERR_ARGUMENT, "'precompute.at' needs 'precompute.file' or 'precompute.top'");
out:
    return rc;
}

static int redis_check(const struct config *c)
{
    struct redis_url url = {0};

    if (!c->redis.url[0])
        return ERR_OK;
    if (redis_url_read(&url, c->redis.url) < 0) {
        char why[ERR_TEXT_MAX];

        snprintf(why, sizeof why, "%s", err_text());
        return FAIL(ERR_ARGUMENT, "'redis.url': %s", why);
    }
    redis_url_done(&url);
    return ERR_OK;
}

/* The error of a check with the place that the setting came from. */
static int at_its_place(const struct config *c, int rc, const char *name)
{
    const struct setting *s = setting_find(name);
    char variable[SETTING_NAME_BYTES];

    if (rc >= 0)
        return rc;
    if (c->line[s - settings])
        return err_context(rc, "%s:%u", c->file, c->line[s - settings]);
    if (c->origin[s - settings] != CONFIG_ENVIRONMENT)
        return rc;
    variable_name(name, variable);
    return err_context(rc, "%s", variable);
}

static int trace_check(const struct config *c)
{
    int rc = c->trace.url[0] ? url_check(c->trace.url) : ERR_OK;

    return rc < 0 ? err_context(rc, "'trace.url'") : ERR_OK;
}

int config_check(const struct config *c)
{
    int rc = ERR_OK;

    if (c->chunk.chars > 0 && c->chunk.overlap >= c->chunk.chars)
        return FAIL(ERR_ARGUMENT,
                    "'chunk.overlap' = %lld must be smaller than 'chunk.chars' = %lld",
                    (long long)c->chunk.overlap, (long long)c->chunk.chars);
    TRY(embedding_check(c));
    TRY(reranking_check(c));
    TRY(at_its_place(c, config_llm_check(c), "ingest.summary_model"));
    TRY(at_its_place(c, check_precompute(c), "precompute.at"));
    TRY(at_its_place(c, redis_check(c), "redis.url"));
    TRY(at_its_place(c, trace_check(c), "trace.url"));
    TRY(at_its_place(c, origins_check(c->server.cors_origins), "server.cors_origins"));
out:
    return rc;
}
