/* Looking for damage. A part that cannot be read is a problem to report, not a reason to stop. */
#include "store/store.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/store_answers.h"
#include "store/store_parts.h"

struct check {
    struct store_reader *r;
    problem_fn fn;
    void *arg;
    int n_problems;
};

static void tell(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct check *c, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_make_readable(text);
    c->n_problems++;
    c->fn(c->arg, text);
}

/* SQLite's own: pages, indexes against tables, references. */
static int check_pages(struct check *c)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(c->r->db, "PRAGMA integrity_check(100)", &st));
    for (;;) {
        TRY(rc = db_step(c->r->db, st));
        if (rc == 0)
            break;
        if (!str_eq(db_str(st, 0, NULL), STR_LIT("ok")))
            tell(c, "SQLite: %s", db_str(st, 0, NULL).p);
    }
out:
    db_reset(st);
    return rc;
}

static int check_references(struct check *c)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(c->r->db, "PRAGMA foreign_key_check", &st));
    for (;;) {
        TRY(rc = db_step(c->r->db, st));
        if (rc == 0)
            break;
        tell(c, "row %lld of %s refers to a row of %s that is not there",
             (long long)sqlite3_column_int64(st, 1), db_str(st, 0, NULL).p, db_str(st, 2, NULL).p);
    }
out:
    db_reset(st);
    return rc;
}

/* Each row of `sql` is a name, what is written down, and what is counted. */
static int check_counts(struct check *c, const char *sql)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(c->r->db, sql, &st));
    for (;;) {
        TRY(rc = db_step(c->r->db, st));
        if (rc == 0)
            break;
        tell(c, "%s: %lld written down, %lld counted", db_str(st, 0, NULL).p,
             (long long)sqlite3_column_int64(st, 1), (long long)sqlite3_column_int64(st, 2));
    }
out:
    db_reset(st);
    return rc;
}

static int check_all_counts(struct check *c)
{
    int rc = ERR_OK;

    TRY(check_counts(c, "SELECT 'documents of collection ' || name, n_documents,"
                        " (SELECT count(*) FROM documents d WHERE d.collection = c.id) AS n"
                        " FROM collections c WHERE n_documents <> n"));
    TRY(check_counts(c, "SELECT 'chunks of collection ' || name, n_chunks,"
                        " (SELECT coalesce(sum(d.n_chunks), 0) FROM documents d"
                        "  WHERE d.collection = c.id) AS n"
                        " FROM collections c WHERE c.n_chunks <> n"));
    TRY(check_counts(c, "SELECT 'chunks of document ' || key, n_chunks,"
                        " (SELECT count(*) FROM chunks WHERE document = d.id AND kind = 0) AS n"
                        " FROM documents d WHERE d.n_chunks <> n"));
out:
    return rc;
}

static void check_chunk_text(struct check *c, const struct document_row *doc,
                             const struct chunk_row *chunk)
{
    if (chunk->kind != CHUNK_TEXT)
        return;
    if (chunk->start > chunk->end || chunk->end > doc->text.n ||
        !str_eq(chunk->text, str_sub(doc->text, chunk->start, chunk->end)))
        tell(c, "chunk %016llx of '%.*s' is not the bytes %u to %u of its document",
             (unsigned long long)chunk->id, STR_ARGS(doc->key), chunk->start, chunk->end);
}

static void check_document(struct check *c, int64_t collection, struct str key)
{
    struct arena *mem = arena_new(0);
    struct document_row doc;
    struct chunk_row *chunks = NULL;
    size_t n = 0;

    if (store_find_document(c->r, collection, key, true, mem, &doc) < 0 ||
        store_document_chunks(c->r, doc.id, mem, &chunks, &n) < 0)
        tell(c, "document '%.*s': %s", STR_ARGS(key), err_text());
    for (size_t i = 0; i < n; i++)
        check_chunk_text(c, &doc, &chunks[i]);
    arena_free(mem);
}

/* Keys alone, so that a damaged row is met in check_document and does not end the walk. */
static int check_documents(struct check *c)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(c->r->db, "SELECT collection, key FROM documents ORDER BY id", &st));
    for (;;) {
        TRY(rc = db_step(c->r->db, st));
        if (rc == 0)
            break;
        check_document(c, sqlite3_column_int64(st, 0), db_str(st, 1, NULL));
    }
out:
    db_reset(st);
    return rc;
}

static int check_missing_vectors(struct check *c, const struct digest *fingerprint)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(c->r->db,
                "SELECT d.key, c.id FROM chunks c CROSS JOIN documents d ON d.id = c.document"
                " WHERE NOT EXISTS (SELECT 1 FROM vectors v WHERE v.text_hash = c.text_hash"
                "  AND v.model = (SELECT id FROM models WHERE fingerprint = ?1))",
                &st));
    db_bind_digest(st, 1, fingerprint);
    for (;;) {
        TRY(rc = db_step(c->r->db, st));
        if (rc == 0)
            break;
        tell(c, "chunk %016llx of '%s' has no vector",
             (unsigned long long)sqlite3_column_int64(st, 1), db_str(st, 0, NULL).p);
    }
out:
    db_reset(st);
    return rc;
}

/* Every vector is read, so that its sum is looked at; one that no chunk refers to is left over. */
static int check_vectors(struct check *c)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(c->r->db,
                "SELECT v.text_hash, m.fingerprint,"
                " EXISTS (SELECT 1 FROM chunks c WHERE c.text_hash = v.text_hash)"
                " FROM vectors v CROSS JOIN models m ON m.id = v.model",
                &st));
    for (;;) {
        struct digest text, fingerprint;
        struct vector_row row;
        struct arena *mem;
        char hex[DIGEST_HEX];

        TRY(rc = db_step(c->r->db, st));
        if (rc == 0)
            break;
        if (!db_digest(st, 0, &text) || !db_digest(st, 1, &fingerprint)) {
            tell(c, "a vector's name is not a digest");
            continue;
        }
        digest_hex(&text, hex);
        if (!sqlite3_column_int(st, 2))
            tell(c, "the vector of text %s belongs to no chunk", hex);
        mem = arena_new(0);
        if (store_find_vector(c->r, &fingerprint, &text, mem, &row) < 0)
            tell(c, "the vector of text %s: %s", hex, err_text());
        arena_free(mem);
    }
out:
    db_reset(st);
    return rc;
}

/* Every body is read, so that its sum is looked at. */
static int check_answers(struct check *c)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;

    TRY(db_stmt(c->r->db, "SELECT prompt_hash, collection FROM answers", &st));
    for (;;) {
        struct digest prompt;
        struct answer_row row;
        struct arena *mem;
        char hex[DIGEST_HEX];

        TRY(rc = db_step(c->r->db, st));
        if (rc == 0)
            break;
        if (!db_digest(st, 0, &prompt)) {
            tell(c, "an answer's name is not a digest");
            continue;
        }
        digest_hex(&prompt, hex);
        mem = arena_new(0);
        if (store_find_answer(c->r, sqlite3_column_int64(st, 1), &prompt, 0, mem, &row) < 0)
            tell(c, "the answer to prompt %s: %s", hex, err_text());
        arena_free(mem);
    }
out:
    db_reset(st);
    return rc;
}

static void part(struct check *c, const char *name, int rc)
{
    if (rc < 0)
        tell(c, "%s cannot be checked: %s", name, err_text());
}

int store_check(struct store *s, const struct digest *fingerprint, problem_fn fn, void *arg)
{
    struct check c = {.r = store_reader_get(s), .fn = fn, .arg = arg};
    int rc = store_read_enter(c.r);

    if (rc < 0) {
        store_reader_put(s, c.r);
        return rc;
    }
    part(&c, "the file", check_pages(&c));
    part(&c, "references", check_references(&c));
    part(&c, "counts", check_all_counts(&c));
    part(&c, "documents", check_documents(&c));
    part(&c, "vectors", check_vectors(&c));
    part(&c, "answers", check_answers(&c));
    if (fingerprint)
        part(&c, "missing vectors", check_missing_vectors(&c, fingerprint));
    store_read_leave(c.r);
    store_reader_put(s, c.r);
    return c.n_problems;
}
