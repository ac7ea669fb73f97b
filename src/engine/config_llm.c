#include "engine/config_llm.h"

#include <libconfig.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "engine/config_text.h"
#include "net/url.h"

enum member_type { MEMBER_TEXT, MEMBER_MS, MEMBER_PRICE };

#define TIME_MAX_MS 3600000

static const struct member {
    const char *name;
    enum member_type type;
    size_t offset, size;
} members[] = {
#define MEMBER(name, type)                                                                         \
    {                                                                                              \
#name, type, offsetof(struct config_llm, name), sizeof(((struct config_llm *)0)->name)     \
    }
    MEMBER(name, MEMBER_TEXT),         MEMBER(url, MEMBER_TEXT),
    MEMBER(model, MEMBER_TEXT),        MEMBER(key_env, MEMBER_TEXT),
    MEMBER(key_file, MEMBER_TEXT),     MEMBER(timeout_ms, MEMBER_MS),
    MEMBER(first_token_ms, MEMBER_MS), MEMBER(price_in, MEMBER_PRICE),
    MEMBER(price_out, MEMBER_PRICE),
#undef MEMBER
};

#define N_MEMBERS (sizeof members / sizeof members[0])

static const struct member *find_member(const char *name)
{
    for (size_t i = 0; i < N_MEMBERS; i++)
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

/* ---- reading ---- */

static int read_text(char *at, const struct member *m, const config_setting_t *v, const char *where)
{
    const char *text = config_setting_get_string(v);

    if (!text)
        return FAIL(ERR_ARGUMENT, "%s: 'llm.%s' must be a text", where, m->name);
    if (strlen(text) >= m->size)
        return FAIL(ERR_LIMIT, "%s: 'llm.%s' is longer than the limit of %zu bytes", where, m->name,
                    m->size - 1);
    strcpy(at, text);
    return ERR_OK;
}

static bool is_whole(const config_setting_t *v)
{
    int type = config_setting_type(v);

    return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static int read_ms(int64_t *at, const struct member *m, const config_setting_t *v,
                   const char *where)
{
    int64_t ms = is_whole(v) ? config_setting_get_int64(v) : 0;

    if (ms < 1 || ms > TIME_MAX_MS)
        return FAIL(ERR_ARGUMENT, "%s: 'llm.%s' must be a whole number of milliseconds, 1 to %d",
                    where, m->name, TIME_MAX_MS);
    *at = ms;
    return ERR_OK;
}

static int read_price(double *at, const struct member *m, const config_setting_t *v,
                      const char *where)
{
    double price = -1;

    if (is_whole(v))
        price = (double)config_setting_get_int64(v);
    else if (config_setting_type(v) == CONFIG_TYPE_FLOAT)
        price = config_setting_get_float(v);
    if (!(price >= 0 && price <= 1e6))
        return FAIL(ERR_ARGUMENT, "%s: 'llm.%s' must be the price of a million tokens, 0 or more",
                    where, m->name);
    *at = price;
    return ERR_OK;
}

static int read_member(struct config_llm *llm, const config_setting_t *v, const char *where)
{
    const struct member *m = find_member(config_setting_name(v));
    char *at;

    if (!m)
        return FAIL(ERR_ARGUMENT,
                    "%s: there is no setting 'llm.%s'; a language model has name, url, model, "
                    "key_env or key_file, timeout_ms, first_token_ms, price_in, price_out",
                    where, config_setting_name(v));
    at = (char *)llm + m->offset;
    switch (m->type) {
    case MEMBER_TEXT: return read_text(at, m, v, where);
    case MEMBER_MS: return read_ms((int64_t *)(void *)at, m, v, where);
    default: return read_price((double *)(void *)at, m, v, where);
    }
}

static void place_of(const config_setting_t *v, const char *path, char where[CONFIG_TEXT_MAX + 32])
{
    const char *file = config_setting_source_file(v);

    snprintf(where, CONFIG_TEXT_MAX + 32, "%s:%u", file ? file : path,
             (unsigned)config_setting_source_line(v));
}

static int read_llm(struct config_llm *llm, const config_setting_t *group, const char *path)
{
    int rc = ERR_OK;
    char where[CONFIG_TEXT_MAX + 32];

    place_of(group, path, where);
    if (!config_setting_is_group(group))
        return FAIL(ERR_ARGUMENT,
                    "%s: 'llm' must be a list of groups: ( { name = \"fast\"; ... } )", where);
    *llm = (struct config_llm){.timeout_ms = CONFIG_LLM_TIMEOUT_MS,
                               .first_token_ms = CONFIG_LLM_FIRST_TOKEN_MS};
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *v = config_setting_get_elem(group, (unsigned)i);

        place_of(v, path, where);
        TRY(read_member(llm, v, where));
    }
    place_of(group, path, where);
    if (!*llm->name || !*llm->url || !*llm->model)
        rc = FAIL(ERR_ARGUMENT, "%s: a language model needs 'name', 'url' and 'model'", where);
    else if (*llm->key_env && *llm->key_file)
        rc = FAIL(ERR_ARGUMENT,
                  "%s: 'llm.key_env' and 'llm.key_file' are two ways to say one thing; "
                  "use one",
                  where);
out:
    return rc;
}

/* What a request may call it; these mean something else there, as 'model' or as 'answer'. */
static bool is_name(const char *name)
{
    static const char *const taken[] = {"auto", "none", "extractive", "ragd", "ragd-extractive"};
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcmp(name, taken[i]) == 0)
            return false;
    return n > 0 && name[n] == '\0';
}

/* The last one. */
static int check_last(const struct config *c)
{
    const struct config_llm *llm = &c->llm[c->n_llm - 1];
    int rc;

    if (!is_name(llm->name))
        return FAIL(ERR_ARGUMENT,
                    "'llm.name' = '%s' must be letters, digits, '-', '_' and '.', and not auto, "
                    "none, extractive, ragd or ragd-extractive",
                    llm->name);
    for (size_t i = 0; i + 1 < c->n_llm; i++)
        if (strcmp(llm->name, c->llm[i].name) == 0)
            return FAIL(ERR_ARGUMENT, "two language models are called '%s'", llm->name);
    rc = url_check(llm->url);
    return rc < 0 ? err_context(rc, "llm '%s'", llm->name) : ERR_OK;
}

int config_llm_read(struct config *c, const config_setting_t *list, const char *path)
{
    int rc = ERR_OK, n = config_setting_length(list);
    char where[CONFIG_TEXT_MAX + 32];

    place_of(list, path, where);
    if (!config_setting_is_list(list))
        return FAIL(ERR_ARGUMENT,
                    "%s: 'llm' is a list, in parentheses: llm = ( { name = \"fast\"; ... } );",
                    where);
    if (n > CONFIG_LLMS_MAX)
        return FAIL(ERR_LIMIT, "%s: %d language models are over the limit of %d", where, n,
                    CONFIG_LLMS_MAX);
    c->n_llm = 0;
    for (int i = 0; i < n; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);

        TRY(read_llm(&c->llm[i], group, path));
        c->n_llm++;
        place_of(group, path, where);
        rc = check_last(c);
        if (rc < 0)
            return err_context(rc, "%s", where);
    }
out:
    return rc;
}

int config_llm_check(const struct config *c)
{
    const char *name = c->ingest.summary_model;
    const struct config_llm *llm = NULL;

    for (size_t i = 0; i < c->n_llm; i++)
        if (strcmp(c->llm[i].name, name) == 0)
            llm = &c->llm[i];
    if (*name && !llm)
        return FAIL(ERR_ARGUMENT, "'ingest.summary_model' = '%s' is none of the language models",
                    name);
    if (llm && c->ingest.summary_budget > 0 && llm->price_in <= 0 && llm->price_out <= 0)
        return FAIL(ERR_ARGUMENT,
                    "'ingest.summary_budget' needs the prices of '%s' (price_in, price_out); "
                    "'ingest.summary_tokens' does not",
                    name);
    return ERR_OK;
}

/* ---- showing ---- */

static void print_member(const struct config_llm *llm, const struct member *m, struct jsonw *w)
{
    const char *at = (const char *)llm + m->offset;
    int64_t ms = 0;
    double price = 0;

    switch (m->type) {
    case MEMBER_TEXT: jsonw_cstr(w, at); break;
    case MEMBER_MS:
        memcpy(&ms, at, sizeof ms);
        jsonw_int(w, ms);
        break;
    case MEMBER_PRICE:
        memcpy(&price, at, sizeof price);
        jsonw_real(w, price);
        break;
    }
}

static bool is_said(const struct config_llm *llm, const struct member *m)
{
    return m->type != MEMBER_TEXT || *((const char *)llm + m->offset);
}

void config_llm_print(const struct config *c, struct buf *out)
{
    if (c->n_llm == 0)
        return;
    buf_add_str(out, "llm = (\n");
    for (size_t i = 0; i < c->n_llm; i++) {
        buf_add_str(out, "    {");
        for (size_t m = 0; m < N_MEMBERS; m++) {
            struct buf value = {0};
            struct jsonw w = jsonw_to(&value);

            if (!is_said(&c->llm[i], &members[m]))
                continue;
            if (members[m].type == MEMBER_TEXT)
                config_text_print((const char *)&c->llm[i] + members[m].offset, &value);
            else
                print_member(&c->llm[i], &members[m], &w);
            buf_addf(out, " %s = %.*s;", members[m].name, STR_ARGS(buf_view(&value)));
            buf_done(&value);
        }
        buf_add_str(out, i + 1 < c->n_llm ? " },\n" : " }\n");
    }
    buf_add_str(out, ");\n");
}

void config_llm_json(const struct config *c, struct jsonw *w)
{
    jsonw_key(w, "llm");
    jsonw_open(w, '[');
    for (size_t i = 0; i < c->n_llm; i++) {
        jsonw_open(w, '{');
        for (size_t m = 0; m < N_MEMBERS; m++) {
            if (!is_said(&c->llm[i], &members[m]))
                continue;
            jsonw_key(w, members[m].name);
            print_member(&c->llm[i], &members[m], w);
        }
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}
