#include "embed/model.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "embed/bert_load.h"
#include "embed/precision.h"
#include "embed/quality.h"

/* A file's time of change counts in steps of some milliseconds (seconds, on older systems): one
 * that is younger than this could change again and look the same. */
#define SETTLED_NS 2000000000u

/* All but the weights that a pack depends on; one that is missing counts too. */
static const char *const small_files[] = {"config.json", "vocab.txt", "tokenizer.json",
                                          "tokenizer_config.json"};

/* What one opening needs to know. */
struct opening {
    const struct model_folder *folder;
    enum precision precision;
    struct pack_source source; /* the weights' hash: once it is needed */
    struct buf weights_path;
    char *pack_path; /* NULL: off */
    mode_t mode;     /* of the weights' file, and so of the pack */
};

char *model_name(const char *dir)
{
    size_t end = strlen(dir), start;

    while (end > 1 && dir[end - 1] == '/')
        end--;
    start = end;
    while (start > 0 && dir[start - 1] != '/')
        start--;
    return memcpy(mem_calloc(end - start + 1, 1), dir + start, end - start);
}

/* ---- what lies in the folder ---- */

static char *path_in(const char *dir, const char *name)
{
    struct buf b;

    buf_init(&b);
    buf_addf(&b, "%s/%s", dir, name);
    return buf_take(&b);
}

static void hash_file(XXH3_state_t *hash, const char *path)
{
    struct file_map map = {0};
    uint64_t size = UINT64_MAX; /* none, or empty */

    if (file_map_open(&map, path) == ERR_OK)
        size = map.n;
    XXH3_128bits_update(hash, &size, sizeof size);
    XXH3_128bits_update(hash, map.p, map.n);
    file_map_close(&map);
}

/* And the pooling, which the measured quality depends on. */
static struct hash128 hash_small_files(const struct model_folder *folder)
{
    XXH3_state_t *hash = XXH3_createState();
    XXH128_canonical_t c;
    struct hash128 out;

    mem_must_have(hash != NULL, "a checksum");
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, &folder->files->cls_pooling, sizeof folder->files->cls_pooling);
    for (size_t i = 0; i < sizeof small_files / sizeof *small_files; i++) {
        char *path = path_in(folder->dir, small_files[i]);

        hash_file(hash, path);
        mem_free(path);
    }
    XXH128_canonicalFromHash(&c, XXH3_128bits_digest(hash));
    XXH3_freeState(hash);
    memcpy(out.b, c.digest, sizeof out.b);
    return out;
}

static int look_at_folder(struct opening *o)
{
    int rc = ERR_OK;
    struct stat st;
    uint64_t now = (uint64_t)clock_wall_ms() * 1000000, changed;

    TRY(bert_find_weights(o->folder->dir, &o->weights_path, &st));
    changed = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
    o->source.small_files = hash_small_files(o->folder);
    o->source.size = (uint64_t)st.st_size;
    if (changed + SETTLED_NS < now) {
        o->source.changed_ns = changed;
        o->source.inode = st.st_ino;
    }
    o->mode = st.st_mode;
out:
    return rc;
}

static char *pack_path_of(const struct model_folder *folder, enum precision p)
{
    struct buf b;

    buf_init(&b);
    if (!folder->packs || strcmp(folder->packs, "auto") == 0)
        buf_addf(&b, "%s/ragd-%s.pack", folder->dir, precision_name(p));
    else if (strcmp(folder->packs, "off") == 0)
        return NULL;
    else
        buf_addf(&b, "%s/%s-%s.pack", folder->packs, folder->name, precision_name(p));
    return buf_take(&b);
}

/* ---- encoder and tokenizer over a pack ---- */

static int check_fit(const struct model *m, const struct model_folder *folder)
{
    const struct bert_config *c = bert_config(m->bert);
    size_t words = wordpiece_vocab_size(m->tokenizer);

    if (words > c->vocab_size)
        return FAIL(ERR_FORMAT,
                    "model '%s': the tokenizer knows %zu tokens, the encoder only %zu; they belong "
                    "to different models",
                    folder->dir, words, c->vocab_size);
    if (folder->files->lower_case && !wordpiece_lower_case(m->tokenizer))
        return FAIL(ERR_UNSUPPORTED,
                    "model '%s': 'do_lower_case' in sentence_bert_config.json is true and the "
                    "tokenizer keeps case; only a tokenizer that lowers case is supported then",
                    folder->dir);
    if (c->n_positions < 3)
        return FAIL(ERR_FORMAT, "model '%s': %zu positions leave no room for a text", folder->dir,
                    c->n_positions);
    return ERR_OK;
}

/* `pack` is taken when it succeeds. */
static int open_over(struct model *out, struct pack *pack, const struct model_folder *folder)
{
    int rc = ERR_OK;
    struct model m = {0};

    m.facts = pack->facts;
    TRY(wordpiece_thaw(&m.tokenizer, pack->tokenizer));
    TRY(bert_open_pack(&m.bert, pack));
    TRY(check_fit(&m, folder));
    *out = m;
    m = (struct model){0}; /* handed over */
out:
    model_close(&m);
    return rc;
}

void model_close(struct model *m)
{
    wordpiece_close(m->tokenizer);
    bert_close(m->bert);
    mem_free(m->pack_path);
    *m = (struct model){0};
}

/* ---- a pack that is there ---- */

static bool same_config(const struct bert_config *a, const struct bert_config *b)
{
    return a->hidden == b->hidden && a->n_layers == b->n_layers && a->n_heads == b->n_heads &&
           a->intermediate == b->intermediate && a->vocab_size == b->vocab_size &&
           a->n_positions == b->n_positions && a->n_types == b->n_types &&
           a->n_labels == b->n_labels && a->epsilon == b->epsilon;
}

static bool looks_the_same(const struct pack_source *a, const struct pack_source *b)
{
    return a->changed_ns != 0 && a->size == b->size && a->changed_ns == b->changed_ns &&
           a->inode == b->inode;
}

/* Who may read the model may read its pack. */
static bool write_pack(const struct opening *o, const struct pack *pack)
{
    if (pack_write(pack, o->pack_path) < 0)
        return false;
    chmod(o->pack_path, o->mode & 0666);
    return true;
}

/* Whether the weights are those of the pack, though their file looks different. The pack learns
 * its new looks, so that the next start need not read it. */
static bool is_same_after_all(struct opening *o, struct pack *pack)
{
    struct file_map file = {0};
    bool same;

    if (file_map_open(&file, o->weights_path.p) < 0)
        return false;
    o->source.weights = hash128_of(file.p, file.n);
    file_map_close(&file);
    same = hash128_eq(&o->source.weights, &pack->facts.source.weights);
    if (same && o->source.changed_ns != 0) {
        pack->facts.source = o->source;
        write_pack(o, pack); /* no more than a slower start when it cannot be */
    }
    return same;
}

/* The pack at o->pack_path if it is whole and of this model. */
static int open_pack_file(struct opening *o, struct pack *out)
{
    int rc = ERR_OK;
    struct pack pack = {0};
    const struct pack_facts *f = &pack.facts;

    TRY(pack_open(&pack, o->pack_path));
    if (f->precision != o->precision || !same_config(&f->config, o->folder->config) ||
        !hash128_eq(&f->source.small_files, &o->source.small_files) ||
        (!looks_the_same(&f->source, &o->source) && !is_same_after_all(o, &pack))) {
        rc = FAIL(ERR_NOT_FOUND, "model pack '%s' is of other files", o->pack_path);
        goto out;
    }
    *out = pack;
    pack = (struct pack){0}; /* handed over */
out:
    pack_close(&pack);
    return rc;
}

static int open_kept(struct opening *o, struct model *out)
{
    int rc = ERR_OK;
    struct pack pack = {0};

    TRY(open_pack_file(o, &pack));
    TRY(open_over(out, &pack, o->folder));
    out->pack_path = mem_strdup(o->pack_path);
out:
    pack_close(&pack);
    return rc;
}

/* ---- a new one ---- */

/* The same encoder in f32, to compare with. */
static int measure(const struct opening *o, const struct safetensors *file, const struct model *m,
                   struct quality *out)
{
    int rc = ERR_OK;
    struct pack pack = {0};
    struct bert *exact = NULL;

    *out = (struct quality){0, 1, 1};
    if (o->precision == PRECISION_F32)
        return ERR_OK;
    TRY(bert_load(&pack, file, o->folder->config, PRECISION_F32, (struct str){0}));
    TRY(bert_open_pack(&exact, &pack));
    TRY(quality_measure(out, exact, m->bert, m->tokenizer, o->folder->files->cls_pooling));
out:
    bert_close(exact);
    pack_close(&pack);
    return rc;
}

static int freeze_tokenizer(const char *dir, struct buf *out)
{
    int rc = ERR_OK;
    struct wordpiece *w = NULL;

    TRY(wordpiece_open(&w, dir));
    wordpiece_freeze(w, out);
out:
    wordpiece_close(w);
    return rc;
}

static int make(struct opening *o, struct model *out)
{
    int rc = ERR_OK;
    struct safetensors *file = NULL;
    struct pack pack = {0};
    struct buf tokenizer;

    buf_init(&tokenizer);
    TRY(freeze_tokenizer(o->folder->dir, &tokenizer));
    TRY(safetensors_open(&file, o->weights_path.p));
    rc = bert_load(&pack, file, o->folder->config, o->precision, buf_view(&tokenizer));
    if (rc < 0) {
        err_context(rc, "model '%s'", o->weights_path.p);
        goto out;
    }
    o->source.weights = pack.facts.source.weights;
    pack.facts.source = o->source;
    TRY(open_over(out, &pack, o->folder));
    rc = measure(o, file, out, &out->facts.quality);
    if (rc < 0)
        err_context(rc, "model '%s'", o->folder->dir);
out:
    if (rc < 0)
        model_close(out);
    pack_close(&pack);
    safetensors_close(file);
    buf_done(&tokenizer);
    return rc;
}

/* Writes the pack and goes on with the file, which is shared with other processes and the file
 * cache; with what is in memory where that fails. */
static void keep(struct opening *o, struct model *m)
{
    struct pack pack = *bert_pack(m->bert); /* borrowed, with what has been measured since */
    struct model kept = {0};

    pack.facts = m->facts;
    if (!write_pack(o, &pack) || open_kept(o, &kept) < 0) {
        log_event(LOG_INFO, "model pack kept in memory only", LOG_S("reason", err_text()));
        return;
    }
    model_close(m);
    *m = kept;
}

int model_open(struct model *out, const struct model_folder *folder, enum precision precision)
{
    int rc = ERR_OK;
    struct opening o = {.folder = folder, .precision = precision};
    struct model m = {0};
    uint64_t start = clock_ns();

    buf_init(&o.weights_path);
    o.pack_path = pack_path_of(folder, precision);
    TRY(look_at_folder(&o));
    rc = o.pack_path ? open_kept(&o, &m) : ERR_NOT_FOUND;
    if (rc < 0) {
        if (rc != ERR_NOT_FOUND)
            log_event(LOG_WARN, "model pack not used; it is made anew",
                      LOG_S("reason", err_text()));
        TRY(rc = make(&o, &m));
        if (o.pack_path)
            keep(&o, &m);
        log_event(LOG_INFO, "model packed", LOG_S("model", folder->dir),
                  LOG_S("precision", precision_name(precision)), LOG_MS("ms", clock_ns() - start));
    }
    *out = m;
out:
    buf_done(&o.weights_path);
    mem_free(o.pack_path);
    return rc;
}

int model_open_best(struct model *out, const struct model_folder *folder, const char *wish,
                    enum simd_level level)
{
    int rc = ERR_OK, n;
    enum precision candidates[N_PRECISIONS];
    struct model m = {0};

    TRY(n = precision_candidates(wish, level, candidates));
    for (int i = 0; i < n; i++) {
        model_close(&m);
        TRY(model_open(&m, folder, candidates[i]));
        if (precision_is_good(candidates[i], &m.facts.quality))
            break;
    }
    *out = m;
out:
    return rc;
}
