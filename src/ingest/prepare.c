#include "ingest/prepare.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "embed/embedder.h"
#include "engine/engine.h"
#include "text/sentences.h"

#define TITLE_MAX 300 /* bytes; a title is a line */

bool is_for_all(int rc)
{
    return rc == ERR_DATABASE || rc == ERR_NO_SPACE || rc == ERR_CANCELLED || rc == ERR_SYSTEM ||
           rc == ERR_BUSY;
}

struct str embedded_text(const struct chunk_row *chunk)
{
    return chunk->text;
}

/* ---- what names a document's state ---- */

static void add_row_digest(struct digester *d, const struct run *run, struct str key)
{
    const json_t *row = meta_rows_find(run->meta, key);
    struct arena *mem = arena_new(0);
    struct str text = {"", 0};

    if (row && metadata_merge(NULL, row, NULL, mem, &text) < 0)
        text = STR_LIT("refused"); /* the reason comes when it is merged in earnest */
    digester_add(d, text.p, text.n);
    arena_free(mem);
}

struct digest file_hash(const struct run *run, struct str folder, struct str key, struct str bytes)
{
    struct digester *d = digester_new();

    digester_add_str(d, "file");
    digester_add(d, run->settings.b, DIGEST_BYTES);
    digester_add(d, run->given.b, DIGEST_BYTES);
    add_row_digest(d, run, key);
    digester_add(d, folder.p, folder.n); /* the uri names it, so a moved folder is read anew */
    digester_add(d, key.p, key.n);
    digester_add(d, bytes.p, bytes.n);
    return digester_finish(d);
}

/* A record's: its file may change without it, and it says nothing of its neighbours. */
static struct digest record_hash(const struct run *run, const struct extracted *doc,
                                 const struct document_row *row)
{
    struct digester *d = digester_new();

    digester_add_str(d, "record");
    digester_add(d, run->settings.b, DIGEST_BYTES);
    digester_add(d, row->title.p, row->title.n);
    digester_add(d, row->uri.p, row->uri.n);
    digester_add(d, row->metadata.p, row->metadata.n);
    digester_add(d, doc->text.p, doc->text.n);
    return digester_finish(d);
}

int document_known(const struct run *run, struct str key, struct str root,
                   const struct digest *hash, bool *same)
{
    struct arena *mem = arena_new(0);
    struct document_row row;
    bool found;
    int rc = run_find(run, key, mem, &row, &found);

    *same = rc == ERR_OK && found && digest_eq(&row.hash, hash);
    if (rc == ERR_OK && found && !str_eq(row.root, root)) {
        *same = false;
        rc = FAIL(ERR_EXISTS,
                  "'%.*s' is already here from %s%.*s%s, this one is from %s%.*s%s; rename one or "
                  "use another collection",
                  STR_ARGS(key), row.root.n ? "'" : "a caller", STR_ARGS(row.root),
                  row.root.n ? "'" : "", root.n ? "'" : "a caller", STR_ARGS(root),
                  root.n ? "'" : "");
    }
    arena_free(mem);
    return rc;
}

/* ---- the row ---- */

/* JSON may write a NUL as \u0000; names with one would be cut short by half of their users. */
static int check_name(const char *what, struct str name)
{
    if (name.n > STORE_KEY_MAX)
        return FAIL(ERR_LIMIT, "%s of %zu bytes is over the limit of %d", what, name.n,
                    STORE_KEY_MAX);
    if (!utf8_valid(name.p, name.n))
        return FAIL(ERR_FORMAT, "%s is not UTF-8 text", what);
    if (name.n && memchr(name.p, 0, name.n))
        return FAIL(ERR_FORMAT, "%s has a NUL character", what);
    return ERR_OK;
}

static int check_key(struct str key)
{
    return key.n ? check_name("an id", key) : FAIL(ERR_ARGUMENT, "the document has no id");
}

static int check_text(const struct run *run, struct str text)
{
    size_t valid = utf8_valid_prefix(text.p, text.n);
    int64_t max = run->e->config.extract.text_bytes;

    if ((int64_t)text.n > max || text.n >= UINT32_MAX)
        return FAIL(ERR_LIMIT, "%zu bytes of text are over the limit of %lld", text.n,
                    (long long)max);
    if (valid != text.n)
        return FAIL(ERR_FORMAT, "byte %zu of the text is not UTF-8", valid);
    if (text.n && memchr(text.p, 0, text.n))
        return FAIL(ERR_FORMAT, "the text has a NUL byte");
    return ERR_OK;
}

static int remember_key(struct run *run, struct str key)
{
    bool added;

    map_slot(run->keys, key.p, key.n, 1, &added);
    if (!added)
        return FAIL(ERR_EXISTS, "'%.*s' comes twice in this run; ids and paths must differ",
                    STR_ARGS(key));
    return ERR_OK;
}

static struct str cut_title(struct str t)
{
    t = str_trim(t);
    if (t.n > TITLE_MAX)
        t.n = utf8_floor(t.p, t.n, TITLE_MAX);
    return t;
}

/* A guessed heading is one of many; the extractor has looked for a title itself. */
static bool has_marked_headings(const struct origin *o)
{
    enum file_kind kind = kind_of(o->shown);

    return kind != KIND_TXT && kind != KIND_PDF;
}

/* What the format says, else the first heading that it marks as one, else the file's name. */
static struct str title_of(const struct origin *o, const struct extracted *doc)
{
    struct str title = cut_title(doc->title);
    const char *slash;

    if (title.n || !o->from_file || doc->id.n)
        return title;
    if (doc->n_headings && has_marked_headings(o) && doc->headings[0].end <= doc->text.n &&
        doc->headings[0].start < doc->headings[0].end)
        title = cut_title(str_sub(doc->text, doc->headings[0].start, doc->headings[0].end));
    if (title.n)
        return title;
    slash = memrchr(o->key.p, '/', o->key.n);
    return slash ? str_sub(o->key, (size_t)(slash - o->key.p) + 1, o->key.n) : o->key;
}

static struct str uri_of(const struct origin *o, const struct extracted *doc, struct arena *mem)
{
    if (doc->uri.n || o->folder.n == 0)
        return doc->uri;
    return str_of(arena_printf(mem, "%.*s/%.*s", STR_ARGS(o->folder), STR_ARGS(o->key)));
}

static int fill_row(struct run *run, const struct origin *o, const struct extracted *doc,
                    struct ready *d)
{
    int rc = ERR_OK;
    struct document_row *row = &d->row;
    const json_t *fields = meta_rows_find(run->meta, row->key);

    if (!fields)
        fields = meta_rows_find(run->meta, o->key); /* a row for the file goes for its records */
    row->root = o->root;
    row->uri = uri_of(o, doc, d->mem);
    TRY(check_name("a uri", row->uri));
    row->title = title_of(o, doc);
    row->text = doc->text;
    TRY(metadata_merge(doc->metadata, fields, run->o->metadata, d->mem, &row->metadata));
    row->hash = o->is_whole_file && doc->id.n == 0 ? o->hash : record_hash(run, doc, row);
out:
    return rc;
}

/* ---- chunks ---- */

/* Never 0; the same text at the same place of the same document keeps its id. */
static uint64_t chunk_id(const struct run *run, struct str key, const struct chunk_row *c)
{
    struct digester *d = digester_new();
    struct digest full;
    uint64_t id;

    digester_add_str(d, run->tenant);
    digester_add_str(d, run->collection);
    digester_add(d, key.p, key.n);
    digester_add(d, c->text_hash.b, DIGEST_BYTES);
    digester_add_u64(d, (uint64_t)c->ordinal);
    full = digester_finish(d);
    memcpy(&id, full.b, sizeof id);
    return id ? id : 1;
}

static void name_chunk(const struct run *run, struct str key, struct chunk_row *c)
{
    struct str embedded = embedded_text(c);

    c->text_hash = digest_of(embedded.p, embedded.n);
    c->id = chunk_id(run, key, c);
}

void add_summary(const struct run *run, struct ready *d, struct str text)
{
    struct chunk_row *c = &d->chunks[d->n_chunks];

    *c = (struct chunk_row){.ordinal = (int32_t)d->n_chunks,
                            .kind = CHUNK_SUMMARY,
                            .heading = STR_LIT(""),
                            .text = text};
    name_chunk(run, d->row.key, c);
    d->n_summaries = 1;
}

static int make_chunks(struct run *run, const struct extracted *doc, struct ready *d)
{
    int rc = ERR_OK;
    struct chunk *chunks = NULL;
    size_t n = 0;

    TRY(chunk_document(doc, &run->chunking, embedder_tokenizer(run->model), d->mem, &chunks, &n));
    if (n == 0) {
        rc = FAIL(ERR_FORMAT, "no text in it");
        goto out;
    }
    d->chunks = ARENA_ARRAY(d->mem, struct chunk_row, n + 1);
    d->n_chunks = n;
    for (size_t i = 0; i < n; i++) {
        struct chunk_row *c = &d->chunks[i];

        c->ordinal = (int32_t)i;
        c->page = chunks[i].page;
        c->start = chunks[i].start;
        c->end = chunks[i].end;
        c->kind = CHUNK_TEXT;
        c->heading = chunks[i].heading;
        c->text = str_sub(doc->text, c->start, c->end);
        name_chunk(run, d->row.key, c);
    }
out:
    return rc;
}

int prepare_document(struct run *run, const struct origin *origin, struct source *source,
                     const struct extracted *doc, struct ready **out)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct ready *d = ARENA_NEW(mem, struct ready);
    bool same = false;

    d->mem = mem;
    d->source = source ? source_ref(source) : NULL;
    d->shown = origin->shown;
    d->row.key = doc->id.n ? doc->id : origin->key;
    TRY(check_key(d->row.key));
    TRY(remember_key(run, d->row.key));
    TRY(check_text(run, doc->text));
    TRY(fill_row(run, origin, doc, d));
    TRY(document_known(run, d->row.key, d->row.root, &d->row.hash, &same));
    if (same) {
        *out = NULL;
        goto out;
    }
    TRY(make_chunks(run, doc, d));
    *out = d;
    d = NULL; /* handed over */
out:
    ready_free(d);
    return rc;
}
