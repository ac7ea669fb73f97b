/* cmd_docs.c - what documents there are, one of them, or fewer of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/table.h"
#include "engine/engine.h"

enum { KEY_LIMIT = 0x3000, KEY_AFTER, KEY_TEXT };

struct docs_options {
    struct common common;
    const char *what;
    char **ids;
    size_t n_ids;
    long limit;
    const char *after;
    bool text;
};

static error_t take_arguments(struct docs_options *o, struct argp_state *state)
{
    static const char *const words[] = {"list", "show", "delete"};
    char **args = state->argv + state->next;

    for (int i = 0; i < 3; i++)
        if (strcmp(args[0], words[i]) == 0)
            o->what = words[i];
    o->ids = args + 1;
    o->n_ids = (size_t)(state->argc - state->next) - 1;
    if (!o->what)
        argp_error(state, "say 'list', 'show' or 'delete', not '%s'", args[0]);
    else if (strcmp(o->what, "list") == 0 && o->n_ids > 0)
        argp_error(state, "'list' takes no document");
    else if (strcmp(o->what, "show") == 0 && o->n_ids != 1)
        argp_error(state, "'show' takes one document");
    else if (strcmp(o->what, "delete") == 0 && o->n_ids == 0)
        argp_error(state, "'delete' takes one document or more");
    else
        return 0;
    return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct docs_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case KEY_LIMIT: return option_int(state, "--limit", arg, 1, 1000000000, &o->limit);
    case KEY_AFTER: o->after = arg; return 0;
    case KEY_TEXT: o->text = true; return 0;
    case ARGP_KEY_ARGS: return take_arguments(o, state);
    case ARGP_KEY_NO_ARGS:
        if (o->common.help)
            return 0;
        argp_error(state, "say 'list', 'show' or 'delete'");
        return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* What one run of the command carries. */
struct docs_run {
    struct engine *e;
    const struct command_call *call;
    const struct docs_options *o;
    struct store_reader *reader;
    struct arena *mem;
    struct collection_row collection;
    struct jsonw json;
    struct table table;
    size_t n;
};

static void write_document(struct jsonw *w, const struct document_row *d)
{
    char when[CLOCK_ISO_BYTES];

    clock_iso(d->ingested_ms, when);
    jsonw_key(w, "id"), jsonw_str(w, d->key);
    jsonw_key(w, "title"), jsonw_str(w, d->title);
    jsonw_key(w, "uri"), jsonw_str(w, d->uri);
    jsonw_key(w, "chunks"), jsonw_int(w, d->n_chunks);
    jsonw_key(w, "ingested"), jsonw_cstr(w, when);
    jsonw_key(w, "metadata"), jsonw_raw(w, d->metadata.n ? d->metadata : STR_LIT("{}"));
}

/* ---- list ---- */

static int list_one(void *arg, const struct document_row *d)
{
    struct docs_run *r = arg;
    char when[CLOCK_ISO_BYTES];

    r->n++;
    if (r->o->common.json) {
        jsonw_open(&r->json, '{');
        write_document(&r->json, d);
        jsonw_close(&r->json, '}');
        return ERR_OK;
    }
    clock_iso(d->ingested_ms, when);
    table_cell(&r->table, "%.*s", STR_ARGS(d->key));
    table_cell(&r->table, "%lld", (long long)d->n_chunks);
    table_cell(&r->table, "%.16s", when);
    table_cell(&r->table, "%.*s", STR_ARGS(d->title));
    return ERR_OK;
}

static int list(struct docs_run *r)
{
    int rc;
    FILE *out = r->call->out;
    struct buf text;

    buf_init(&text);
    r->json = jsonw_to(&text);
    table_init(&r->table, "document|chunks|ingested|title", "lrll");
    rc = store_each_document(r->reader, r->collection.id, str_of(r->o->after ? r->o->after : ""),
                             (size_t)r->o->limit, list_one, r);
    if (rc == ERR_OK && r->o->common.json)
        fprintf(out, "{\"documents\":[%s],\"total\":%lld}\n", text.p ? text.p : "",
                (long long)r->collection.n_documents);
    else if (rc == ERR_OK && r->n == 0)
        fputs("no documents\n", out);
    else if (rc == ERR_OK)
        table_print(&r->table, out);
    table_done(&r->table);
    buf_done(&text);
    return rc;
}

/* ---- show ---- */

/* It comes behind the chunks; "" when there is none. */
static struct str summary_of_document(const struct chunk_row *chunks, size_t n)
{
    return n && chunks[n - 1].kind == CHUNK_SUMMARY ? chunks[n - 1].text : STR_LIT("");
}

static void show_text(FILE *out, const struct document_row *d, const struct chunk_row *chunks,
                      size_t n, bool text)
{
    char when[CLOCK_ISO_BYTES];

    clock_iso(d->ingested_ms, when);
    fprintf(out, "document  %.*s\ntitle     %.*s\nuri       %.*s\ningested  %s\nmetadata  %.*s\n",
            STR_ARGS(d->key), STR_ARGS(d->title), STR_ARGS(d->uri), when, STR_ARGS(d->metadata));
    fprintf(out, "text      %zu bytes in %lld chunks\n", d->text.n, (long long)d->n_chunks);
    if (summary_of_document(chunks, n).n)
        fprintf(out, "summary   %.*s\n", STR_ARGS(summary_of_document(chunks, n)));
    if (text) {
        fprintf(out, "\n%.*s\n", STR_ARGS(d->text));
        return;
    }
    for (size_t i = 0; i < n && chunks[i].kind == CHUNK_TEXT; i++)
        fprintf(out, "  %4d  page %d, bytes %u-%u  %.*s\n", chunks[i].ordinal, chunks[i].page,
                chunks[i].start, chunks[i].end, STR_ARGS(chunks[i].heading));
}

static void show_json(FILE *out, const struct document_row *d, const struct chunk_row *chunks,
                      size_t n, bool with_text)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);
    char id[17];

    buf_init(&b);
    jsonw_open(&w, '{');
    write_document(&w, d);
    jsonw_key(&w, "summary"), jsonw_str(&w, summary_of_document(chunks, n));
    jsonw_key(&w, "parts");
    jsonw_open(&w, '[');
    for (size_t i = 0; i < n && chunks[i].kind == CHUNK_TEXT; i++) {
        snprintf(id, sizeof id, "%016llx", (unsigned long long)chunks[i].id);
        jsonw_open(&w, '{');
        jsonw_key(&w, "chunk"), jsonw_cstr(&w, id);
        jsonw_key(&w, "page");
        if (chunks[i].page)
            jsonw_int(&w, chunks[i].page);
        else
            jsonw_null(&w);
        jsonw_key(&w, "start"), jsonw_int(&w, chunks[i].start);
        jsonw_key(&w, "end"), jsonw_int(&w, chunks[i].end);
        jsonw_key(&w, "heading"), jsonw_str(&w, chunks[i].heading);
        jsonw_close(&w, '}');
    }
    jsonw_close(&w, ']');
    if (with_text)
        jsonw_key(&w, "text"), jsonw_str(&w, d->text);
    jsonw_close(&w, '}');
    fprintf(out, "%s\n", b.p);
    buf_done(&b);
}

static int show(struct docs_run *r)
{
    int rc = ERR_OK;
    struct document_row d;
    struct chunk_row *chunks;
    size_t n;

    TRY(store_find_document(r->reader, r->collection.id, str_of(r->o->ids[0]), true, r->mem, &d));
    TRY(store_document_chunks(r->reader, d.id, r->mem, &chunks, &n));
    if (r->o->common.json)
        show_json(r->call->out, &d, chunks, n, r->o->text);
    else
        show_text(r->call->out, &d, chunks, n, r->o->text);
out:
    return rc;
}

/* ---- delete ---- */

static int delete (struct docs_run *r)
{
    int rc = ERR_OK;
    size_t n_removed = 0;
    struct str *keys = ARENA_ARRAY(r->mem, struct str, r->o->n_ids);
    const struct config *c = &r->o->common.config;

    for (size_t i = 0; i < r->o->n_ids; i++)
        keys[i] = str_of(r->o->ids[i]);
    TRY(retriever_remove(r->e->retriever, c->tenant, c->collection, keys, r->o->n_ids, &n_removed));
    if (r->o->common.json)
        fprintf(r->call->out, "{\"removed\":%zu}\n", n_removed);
    else
        fprintf(r->call->out, "%zu removed\n", n_removed);
    if (n_removed < r->o->n_ids)
        rc = FAIL(ERR_NOT_FOUND, "%zu of %zu documents were not there", r->o->n_ids - n_removed,
                  r->o->n_ids);
out:
    return rc;
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    int rc = ERR_OK;
    struct docs_options *o = options;
    struct docs_run r = {.e = e, .call = call, .o = o, .mem = arena_new(0)};

    r.reader = store_reader_get(e->store);
    TRY(store_find_collection(r.reader, o->common.config.tenant, o->common.config.collection, r.mem,
                              &r.collection));
    if (strcmp(o->what, "list") == 0)
        TRY(list(&r));
    else if (strcmp(o->what, "show") == 0)
        TRY(show(&r));
    else
        TRY(delete (&r));
out:
    store_reader_put(e->store, r.reader);
    arena_free(r.mem);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static const struct argp_option options[] = {
    {"limit", KEY_LIMIT, "N", 0, "list: at most so many", 1},
    {"after", KEY_AFTER, "DOCUMENT", 0, "list: those that come after it", 1},
    {"text", KEY_TEXT, NULL, 0, "show: the text that was read from it", 1},
    {0},
};

static const struct argp argp = {
    options,
    parse,
    "list\nshow DOCUMENT\ndelete DOCUMENT...",
    "Lists the documents of a collection, shows one, or deletes some.\v"
    "A document is named as `list` shows it: by its path inside the folder that was ingested, or "
    "by the id it was given.",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_docs = {
    .name = "docs",
    .brief = "list, show or delete documents",
    .place = PLACE_ENGINE,
    .argp = &argp,
    .options_size = sizeof(struct docs_options),
    .run = run,
};
