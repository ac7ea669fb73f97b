/* cmd_key.c - the API keys of the data folder: made, listed, revoked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "cli/command.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "store/lock.h"
#include "store/store_keys.h"

enum {
    KEY_ROLE = 0x3000,
    KEY_COLLECTIONS,
    KEY_FILTER,
    KEY_RPM,
    KEY_TPM,
    KEY_TPD,
    KEY_CONCURRENCY,
    KEY_EXPIRES,
};

#define LIMIT_MAX 1000000000000L

struct key_options {
    struct common common;
    const char *what;
    char **words; /* [n_words] a name, or ids */
    size_t n_words;
    const char *role, *collections, *filter;
    long rpm, tpm, tpd, concurrency;
    int64_t expires_ms;
};

static void init(void *options)
{
    ((struct key_options *)options)->role = "read";
}

static error_t take_arguments(struct key_options *o, struct argp_state *state)
{
    static const char *const words[] = {"add", "list", "revoke"};
    char **args = state->argv + state->next;

    for (int i = 0; i < 3; i++)
        if (strcmp(args[0], words[i]) == 0)
            o->what = words[i];
    o->words = args + 1;
    o->n_words = (size_t)(state->argc - state->next) - 1;
    if (!o->what)
        argp_error(state, "say 'add', 'list' or 'revoke', not '%s'", args[0]);
    else if (strcmp(o->what, "add") == 0 && o->n_words > 1)
        argp_error(state, "'add' takes one name at most");
    else if (strcmp(o->what, "list") == 0 && o->n_words > 0)
        argp_error(state, "'list' takes nothing more");
    else if (strcmp(o->what, "revoke") == 0 && o->n_words == 0)
        argp_error(state, "'revoke' takes the id of a key or more ('list' shows them)");
    else
        return 0;
    return EINVAL;
}

/* A day ends where it begins: in UTC. */
static error_t take_expiry(struct key_options *o, struct argp_state *state, const char *arg)
{
    if (clock_parse_iso(arg, strlen(arg), &o->expires_ms) == ERR_OK && o->expires_ms > 0)
        return 0;
    argp_error(state,
               "--expires takes a date as 2027-01-31 or a time as 2027-01-31T12:00:00Z, "
               "not '%s'",
               arg);
    return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct key_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case KEY_ROLE: o->role = arg; return 0;
    case KEY_COLLECTIONS: o->collections = arg; return 0;
    case KEY_FILTER: o->filter = arg; return 0;
    case KEY_RPM: return option_int(state, "--rpm", arg, 1, LIMIT_MAX, &o->rpm);
    case KEY_TPM: return option_int(state, "--tokens-per-minute", arg, 1, LIMIT_MAX, &o->tpm);
    case KEY_TPD: return option_int(state, "--tokens-per-day", arg, 1, LIMIT_MAX, &o->tpd);
    case KEY_CONCURRENCY:
        return option_int(state, "--concurrency", arg, 1, LIMIT_MAX, &o->concurrency);
    case KEY_EXPIRES: return take_expiry(o, state, arg);
    case ARGP_KEY_ARGS: return take_arguments(o, state);
    case ARGP_KEY_NO_ARGS:
        if (o->common.help)
            return 0;
        argp_error(state, "say 'add', 'list' or 'revoke'");
        return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- add ---- */

static int add(struct keys *keys, const struct command_call *call, const struct key_options *o)
{
    int rc = ERR_OK;
    struct key_spec spec = {
        .name = o->n_words ? o->words[0] : "",
        .tenant = o->common.config.tenant,
        .role = o->role,
        .collections = o->collections,
        .filter = o->filter,
        .limits = {o->rpm, o->tpm, o->tpd, o->concurrency},
        .expires_ms = o->expires_ms,
    };
    char text[KEY_TEXT_BYTES];
    bool first = !keys_needed(keys);
    int64_t id;

    TRY(keys_add(keys, &spec, text, &id));
    if (o->common.json) {
        fprintf(call->out, "{\"id\":%lld,\"key\":\"%s\"}\n", (long long)id, text);
        return ERR_OK;
    }
    fprintf(call->out, "%s\n", text);
    fprintf(call->err,
            "key %lld, role %s, tenant %s. It is shown this once; only its hash is kept.\n",
            (long long)id, o->role, spec.tenant);
    if (first)
        fputs(
            "From now on the server asks everybody for a key, but for commands on this machine.\n",
            call->err);
out:
    return rc;
}

/* ---- list ---- */

struct listing {
    bool json;
    struct jsonw w;
    struct table table;
    struct spending *spending; /* a server's; NULL: none runs */
    size_t n;
};

static const char *state_of(const struct key_row *row)
{
    if (row->revoked_ms)
        return "revoked";
    return row->expires_ms && clock_wall_ms() >= row->expires_ms ? "expired" : "valid";
}

static void write_time(struct jsonw *w, const char *key, int64_t ms)
{
    char when[CLOCK_ISO_BYTES];

    jsonw_key(w, key);
    if (!ms) {
        jsonw_null(w);
        return;
    }
    clock_iso(ms, when);
    jsonw_cstr(w, when);
}

static void write_today(struct jsonw *w, const char *key, const int64_t *n)
{
    jsonw_key(w, key);
    if (n)
        jsonw_int(w, *n);
    else
        jsonw_null(w);
}

static void write_collections(struct jsonw *w, const char *list)
{
    jsonw_key(w, "collections"), jsonw_open(w, '[');
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");

        jsonw_str(w, (struct str){at, n});
        at += n + (at[n] == ',');
    }
    jsonw_close(w, ']');
}

/* r NULL: no server runs that would know. */
static void write_row(struct jsonw *w, const struct key_row *row, const struct spending_report *r)
{
    jsonw_open(w, '{');
    jsonw_key(w, "id"), jsonw_int(w, row->id);
    jsonw_key(w, "name"), jsonw_cstr(w, row->name);
    jsonw_key(w, "tenant"), jsonw_cstr(w, row->tenant);
    jsonw_key(w, "role"), jsonw_cstr(w, row->role);
    write_collections(w, row->collections);
    jsonw_key(w, "filter");
    if (*row->filter)
        jsonw_raw(w, str_of(row->filter));
    else
        jsonw_null(w);
    jsonw_key(w, "requests_per_minute"), jsonw_int(w, row->requests_per_minute);
    jsonw_key(w, "tokens_per_minute"), jsonw_int(w, row->tokens_per_minute);
    jsonw_key(w, "tokens_per_day"), jsonw_int(w, row->tokens_per_day);
    jsonw_key(w, "concurrency"), jsonw_int(w, row->concurrency);
    write_today(w, "requests_today", r ? &r->requests_today : NULL);
    write_today(w, "tokens_today", r ? &r->tokens_today : NULL);
    write_time(w, "created", row->created_ms);
    write_time(w, "expires", row->expires_ms);
    write_time(w, "revoked", row->revoked_ms);
    jsonw_key(w, "state"), jsonw_cstr(w, state_of(row));
    jsonw_close(w, '}');
}

static void limit_cell(struct table *t, int64_t limit)
{
    if (limit)
        table_cell(t, "%lld", (long long)limit);
    else
        table_cell(t, "-");
}

/* What limits have counted since midnight (UTC); of a key without any nobody counts. */
static void today_cell(struct listing *l, bool spent, int64_t n)
{
    if (spent)
        table_cell(&l->table, "%lld", (long long)n);
    else
        table_cell(&l->table, "-");
}

static int list_one(void *arg, const struct key_row *row)
{
    struct listing *l = arg;
    char when[CLOCK_ISO_BYTES] = "-";
    struct spending_report r = {0};
    bool spent = l->spending && spending_of(l->spending, row->id, spending_now(), &r);

    l->n++;
    if (l->json) {
        write_row(&l->w, row, l->spending ? &r : NULL);
        return ERR_OK;
    }
    if (row->expires_ms)
        clock_iso(row->expires_ms, when);
    table_cell(&l->table, "%lld", (long long)row->id);
    table_cell(&l->table, "%s", row->name);
    table_cell(&l->table, "%s", row->tenant);
    table_cell(&l->table, "%s", row->role);
    table_cell(&l->table, "%s", *row->collections ? row->collections : "all");
    table_cell(&l->table, "%s", *row->filter ? row->filter : "-");
    limit_cell(&l->table, row->requests_per_minute);
    limit_cell(&l->table, row->tokens_per_minute);
    limit_cell(&l->table, row->tokens_per_day);
    limit_cell(&l->table, row->concurrency);
    today_cell(l, spent, r.requests_today);
    today_cell(l, spent, r.tokens_today);
    table_cell(&l->table, "%.10s", when);
    table_cell(&l->table, "%s", state_of(row));
    return ERR_OK;
}

static int list(struct store *store, struct spending *spending, const struct command_call *call,
                const struct key_options *o)
{
    struct buf text = {0};
    struct listing l = {.json = o->common.json, .w = jsonw_to(&text), .spending = spending};
    struct store_reader *reader = store_reader_get(store);
    int rc;

    jsonw_open(&l.w, '{');
    jsonw_key(&l.w, "keys"), jsonw_open(&l.w, '[');
    table_init(&l.table,
               "id|name|tenant|role|collections|filter|requests/min|tokens/min|tokens/day|at once|"
               "today|tokens today|expires|state",
               "rlllllrrrrrrll");
    rc = store_each_key(reader, list_one, &l);
    jsonw_close(&l.w, ']');
    jsonw_close(&l.w, '}');
    if (rc == ERR_OK && l.json)
        fprintf(call->out, "%s\n", text.p);
    else if (rc == ERR_OK && l.n == 0)
        fputs("no keys: everybody who reaches the server may do everything\n", call->out);
    else if (rc == ERR_OK)
        table_print(&l.table, call->out);
    table_done(&l.table);
    buf_done(&text);
    store_reader_put(store, reader);
    return rc;
}

/* ---- revoke ---- */

static int revoke_one(struct keys *keys, const struct command_call *call,
                      const struct key_options *o, const char *word)
{
    int rc = ERR_OK;
    char *end;
    long long id = strtoll(word, &end, 10);
    bool was = false;

    if (*end || end == word)
        return FAIL(ERR_ARGUMENT, "'%s' is no id of a key; `ragd key list` shows them", word);
    TRY(keys_revoke(keys, id, &was));
    if (!o->common.json)
        fprintf(call->out, "key %lld %s\n", id, was ? "was revoked before" : "revoked");
out:
    return rc;
}

static int revoke(struct keys *keys, const struct command_call *call, const struct key_options *o)
{
    int rc = ERR_OK;

    for (size_t i = 0; i < o->n_words; i++)
        TRY(revoke_one(keys, call, o, o->words[i]));
    if (o->common.json)
        fputs("{\"revoked\":true}\n", call->out);
out:
    return rc;
}

/* ---- the command ---- */

/* spending NULL: no server runs. */
static int carry_out(struct store *store, struct keys *keys, struct spending *spending,
                     const struct command_call *call, const struct key_options *o)
{
    if (strcmp(o->what, "add") == 0)
        return add(keys, call, o);
    if (strcmp(o->what, "list") == 0)
        return list(store, spending, call, o);
    return revoke(keys, call, o);
}

/* Without a server: the store alone, no model is needed. */
static int in_folder(const struct command_call *call, const struct key_options *o)
{
    int rc = ERR_OK;
    const struct config *c = &o->common.config;
    struct folder_lock *lock = NULL;
    struct store *store = NULL;
    struct keys *keys = NULL;

    TRY(folder_lock_take(&lock, c->data));
    TRY(store_open(&store, c->data));
    TRY(keys_open(&keys, store, c->tenant));
    TRY(carry_out(store, keys, NULL, call, o));
out:
    keys_close(keys);
    store_close(store);
    folder_lock_release(lock);
    return rc;
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    struct key_options *o = options;
    int rc = e ? carry_out(e->store, e->keys, e->spending, call, o) : in_folder(call, o);

    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static const struct argp_option options[] = {
    {"role", KEY_ROLE, "ROLE", 0,
     "read (ask and look, the default), write (documents too), admin (all of the server)", 0},
    {"collections", KEY_COLLECTIONS, "A,B", 0,
     "only these; the first is meant where a request names none", 0},
    {"filter", KEY_FILTER, "EXPR", 0,
     "only documents that pass, whatever a request asks; for the role read", 0},
    {"rpm", KEY_RPM, "N", 0, "requests a minute", 0},
    {"tokens-per-minute", KEY_TPM, "N", 0, "tokens of language models and embeddings a minute", 0},
    {"tokens-per-day", KEY_TPD, "N", 0, "the same a day (UTC)", 0},
    {"concurrency", KEY_CONCURRENCY, "N", 0, "requests at once", 0},
    {"expires", KEY_EXPIRES, "DATE", 0, "valid until then (UTC)", 0},
    {0},
};

static const struct argp argp = {
    options,
    parse,
    "add [NAME]\nlist\nrevoke ID...",
    "API keys of the data folder."
    "\vA key belongs to the tenant that --tenant names. Its text is printed once, when it is made; "
    "clients send it as `Authorization: Bearer KEY`. With the first key the server stops answering "
    "those who have none; commands on the same machine go on without.",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_key = {
    .name = "key",
    .brief = "make, list and revoke API keys",
    .place = PLACE_SERVER,
    .argp = &argp,
    .options_size = sizeof(struct key_options),
    .init = init,
    .run = run,
};
