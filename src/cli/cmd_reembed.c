/* cmd_reembed.c - to another embedding model, in the server that owns the folder or here. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "engine/adapters.h"
#include "engine/embedding.h"
#include "engine/engine.h"
#include "engine/stored_model.h"
#include "ingest/reembed.h"

struct reembed_command {
    struct common common;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct reembed_command *o = state->input;

    (void)arg;
    if (key == ARGP_KEY_INIT) {
        COMMON_INIT(state, o);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

struct job {
    const struct command_call *call;
    struct common *common;
    struct embedder *next;
    struct reembed_report report;
    struct progress bar;
    atomic_bool cancel;
};

static void on_progress(void *arg, size_t n_done, size_t n_total)
{
    struct job *j = arg;

    if (*j->call->cancelled)
        atomic_store(&j->cancel, true);
    progress_show(&j->bar, n_done, n_total, "passages");
}

/* ---- which model ---- */

static int take_override(const struct job *j, const char *setting, const char *value,
                         const char *option)
{
    bool is_path = strcmp(setting, "model.path") == 0;
    char *path = is_path ? command_path(j->call, value) : NULL;
    int rc = config_set(&j->common->config, setting, path ? path : value, option);

    mem_free(path);
    return rc;
}

/* In a server its own settings say how, and the options which; without --model it is the model that
 * the documents have. */
static int choose_in_server(struct job *j, struct engine *e)
{
    int rc = ERR_OK;
    struct common *c = j->common;
    struct embedder *now = engine_embedder(e);

    if (embedding_is_remote(&c->config)) {
        rc =
            FAIL(ERR_UNSUPPORTED, "this server embeds with another server: stop it, set embed.* or "
                                  "model.path, and reembed then");
        goto out;
    }
    TRY(config_set(&c->config, "model.path", embedder_info(now)->model_dir, "the model in force"));
    for (int i = 0; i < c->n_overrides; i++)
        TRY(take_override(j, c->overrides[i].setting, c->overrides[i].value,
                          c->overrides[i].option));
out:
    embedder_close(now);
    return rc;
}

static int open_next(struct job *j, struct store *store)
{
    int rc = ERR_OK;

    TRY(embedding_model_check(&j->common->config));
    TRY(embedding_open(&j->next, &j->common->config, store));
out:
    return rc;
}

/* ---- doing it ---- */

static int in_server(struct job *j, struct engine *e, const struct reembed_options *how)
{
    int rc = ERR_OK;

    TRY(choose_in_server(j, e));
    TRY(open_next(j, e->store));
    TRY(reembed(e, j->next, how, &j->report));
out:
    return rc;
}

/* The old model is not needed: it may be gone. */
static int here(struct job *j, const struct reembed_options *how)
{
    int rc = ERR_OK;
    struct config *c = &j->common->config;
    struct folder_lock *lock = NULL;
    struct store *store = NULL;
    struct pool *pool = NULL;

    TRY(command_needs_data(c->data));
    stored_model_settle_folder(c);
    TRY(folder_lock_take(&lock, c->data));
    TRY(store_open(&store, c->data));
    TRY(open_next(j, store));
    pool = pool_new("compute", engine_workers(c), (size_t)c->server.queue);
    TRY(reembed_folder(store, pool, j->next, how, &j->report));
out:
    pool_free(pool);
    store_close(store);
    folder_lock_release(lock);
    return rc;
}

/* ---- telling ---- */

static void print_json(const struct job *j)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);
    struct digest fingerprint = embedder_fingerprint(j->next);
    char hex[DIGEST_HEX];

    digest_hex(&fingerprint, hex);
    buf_init(&b);
    jsonw_open(&w, '{');
    jsonw_key(&w, "model"), jsonw_cstr(&w, embedder_info(j->next)->name);
    jsonw_key(&w, "fingerprint"), jsonw_cstr(&w, hex);
    jsonw_key(&w, "changed"), jsonw_bool(&w, j->report.switched);
    jsonw_key(&w, "embedded"), jsonw_int(&w, (int64_t)j->report.n_embedded);
    jsonw_key(&w, "dropped"), jsonw_int(&w, (int64_t)j->report.n_dropped);
    jsonw_key(&w, "seconds"), jsonw_real(&w, j->report.seconds);
    jsonw_close(&w, '}');
    fprintf(j->call->out, "%s\n", b.p);
    buf_done(&b);
}

static void print_text(const struct job *j)
{
    const struct reembed_report *r = &j->report;
    FILE *out = j->call->out;

    if (r->switched)
        fprintf(out, "the documents are embedded with '%s' now\n", embedder_info(j->next)->name);
    else
        fprintf(out, "the documents were embedded with '%s' already\n",
                embedder_info(j->next)->name);
    fprintf(out, "%zu passages embedded, %zu old vectors dropped, %.2f s\n", r->n_embedded,
            r->n_dropped, r->seconds);
}

/* What is configured may still be the old one, and the next start would refuse it. */
static void remind_of_path(const struct job *j, const struct config *configured)
{
    const char *path = embedder_info(j->next)->model_dir;
    char *was, *is;

    if (!*path || embedding_is_remote(configured) || config_is_default(configured, "model.path"))
        return;
    was = realpath(configured->model.path, NULL);
    is = realpath(path, NULL);
    if (is && (!was || strcmp(was, is) != 0))
        fprintf(j->call->err, "ragd: model.path names '%s'; set it to '%s' before the next start\n",
                configured->model.path, is);
    free(was);
    free(is);
}

/* The same of an adapter that is named; a collection's own is no error. */
static void remind_of_adapter(const struct job *j, const struct config *configured)
{
    const char *setting = configured->model.adapter;
    struct adapter *a = NULL;

    if (strcmp(setting, "auto") == 0 || strcmp(setting, "off") == 0)
        return;
    if (adapter_open_file(&a, setting, j->next) < 0)
        fprintf(j->call->err, "ragd: model.adapter: %s; set it to 'auto' before the next start\n",
                err_text());
    adapter_unref(a);
}

static void remind(const struct job *j, const struct config *configured)
{
    remind_of_path(j, configured);
    remind_of_adapter(j, configured);
}

static void remind_here(const struct job *j)
{
    struct config *c = mem_alloc(sizeof *c);

    if (config_load(c, j->common->config_file) == ERR_OK)
        remind(j, c);
    mem_free(c);
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    int rc;
    struct reembed_command *o = options;
    struct job j = {.call = call, .common = &o->common};
    struct reembed_options how = {.progress = on_progress, .arg = &j, .cancel = &j.cancel};

    progress_init(&j.bar, call->err, call->terminal);
    rc = e ? in_server(&j, e, &how) : here(&j, &how);
    progress_done(&j.bar);
    if (rc == ERR_OK) {
        o->common.json ? print_json(&j) : print_text(&j);
        e ? remind(&j, &e->config) : remind_here(&j);
    }
    embedder_close(j.next);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static const struct argp argp = {
    NULL,
    parse,
    NULL,
    "Embeds all documents of all collections with another model and changes over to it.\v"
    "A server that runs on the folder does it while it answers: no question fails, and each is "
    "answered with one model or the other. What is embedded is kept, so after an interruption the "
    "same command goes on; until it is through, the old model stands.\n\n"
    "Without --model it is the configured model. From then on the folder knows where its model "
    "lies, so that model.path need not be set; where it is set, set it to the new one.\n\n"
    "  ragd reembed --model models/bge-small-en",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_reembed = {
    .name = "reembed",
    .brief = "change the embedding model",
    .place = PLACE_SERVER,
    .takes_model = true,
    .argp = &argp,
    .options_size = sizeof(struct reembed_command),
    .run = run,
};
