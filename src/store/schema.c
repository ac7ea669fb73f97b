#include "store/schema.h"

#include <stdio.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/err.h"
#include "store/store.h"

/* Ids of ours (chunk ids, text hashes) are random. A table stored in their order would write all
 * over the file for each document, so rows stand in the order of arrival, found by an index:
 *
 *   collections -< documents -< chunks        chunks.text_hash ... vectors.text_hash
 *                     |                                               |
 *               document_texts (zstd)                          sentence_vectors
 *
 *   documents - summaries (marks)                  summary_costs
 *   documents >-< answers - answer_bodies (zstd)       collections -< questions       keys
 *
 * What is read together stands together: a scan of all vectors (at start) skips the three times
 * larger sentence vectors, a fetch of a chunk never touches the document's text.
 *
 * `sum` is a checksum of the row's bytes (row_sum.h): SQLite has none, and a flipped bit in a
 * quoted sentence would be a wrong answer that nobody notices.
 *
 * AUTOINCREMENT: an id in an index must never come to mean something else. For the same reason
 * meta.epoch_floor keeps the highest epoch of a dropped collection; a new one of the same name
 * starts above it, so that no cached answer of the old one fits.
 *
 * Numbers in blobs are little-endian: float32 for vectors, int8 for sentence vectors. */
static const char version_1[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE collections ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  tenant TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  settings TEXT NOT NULL,"
    "  epoch INTEGER NOT NULL,"
    "  n_documents INTEGER NOT NULL DEFAULT 0,"
    "  n_chunks INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE (tenant, name));"
    "CREATE TABLE documents ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  collection INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,"
    "  key TEXT NOT NULL,"
    "  root TEXT NOT NULL,"
    "  uri TEXT NOT NULL,"
    "  title TEXT NOT NULL,"
    "  metadata TEXT NOT NULL,"
    "  hash BLOB NOT NULL,"
    "  ingested_ms INTEGER NOT NULL,"
    "  n_chunks INTEGER NOT NULL,"
    "  sum INTEGER NOT NULL,"
    "  UNIQUE (collection, key));"
    "CREATE INDEX documents_by_arrival ON documents (collection, id);"
    "CREATE TABLE document_texts ("
    "  document INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE,"
    "  n_bytes INTEGER NOT NULL,"
    "  zstd BLOB NOT NULL);"
    "CREATE TABLE chunks ("
    "  row INTEGER PRIMARY KEY,"
    "  id INTEGER NOT NULL UNIQUE," /* 64 bits of hash, seen as signed */
    "  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,"
    "  ordinal INTEGER NOT NULL,"
    "  page INTEGER NOT NULL,"
    "  start INTEGER NOT NULL,"
    "  end INTEGER NOT NULL,"
    "  kind INTEGER NOT NULL,"
    "  text_hash BLOB NOT NULL,"
    "  sum INTEGER NOT NULL,"
    "  heading TEXT NOT NULL,"
    "  text TEXT NOT NULL,"
    "  UNIQUE (document, ordinal));"
    "CREATE INDEX chunks_by_text ON chunks (text_hash);"
    "CREATE TABLE models ("
    "  id INTEGER PRIMARY KEY,"
    "  fingerprint BLOB NOT NULL UNIQUE,"
    "  dim INTEGER NOT NULL);"
    "CREATE TABLE vectors ("
    "  id INTEGER PRIMARY KEY,"
    "  model INTEGER NOT NULL REFERENCES models,"
    "  text_hash BLOB NOT NULL,"
    "  sum INTEGER NOT NULL,"
    "  vector BLOB NOT NULL,"
    "  UNIQUE (text_hash, model));"
    "CREATE TABLE sentence_vectors ("
    "  vector INTEGER PRIMARY KEY REFERENCES vectors ON DELETE CASCADE,"
    "  n INTEGER NOT NULL,"
    "  sum INTEGER NOT NULL,"
    "  vectors BLOB NOT NULL);"
    "INSERT INTO meta VALUES ('epoch_floor', 0);";

/* What an index that is a file needs to catch up: which file stands for a collection and up to
 * which epoch, and since then the last change of each document, gone ones too. The file's name is
 * in here so that a database from a backup never meets files that are ahead of it. */
static const char version_2[] =
    "CREATE TABLE indexes ("
    "  collection INTEGER PRIMARY KEY REFERENCES collections ON DELETE CASCADE,"
    "  name TEXT NOT NULL,"
    "  epoch INTEGER NOT NULL);"
    "CREATE TABLE changes ("
    "  collection INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,"
    "  key TEXT NOT NULL,"
    "  epoch INTEGER NOT NULL,"
    "  PRIMARY KEY (collection, key)) WITHOUT ROWID;"
    "CREATE INDEX changes_by_epoch ON changes (collection, epoch);";

/* Answers and questions that outlive the process. Rows are small, so that those that go first are
 * found without reading a body. documents.epoch: the collection's when the document last changed; 0
 * for what is older than this column, which no run can be that is still under way. */
static const char version_3[] =
    "ALTER TABLE documents ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE answers ("
    "  id INTEGER PRIMARY KEY,"
    "  prompt_hash BLOB NOT NULL UNIQUE,"
    "  collection INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,"
    "  kind INTEGER NOT NULL," /* enum answer_kind */
    "  stored_ms INTEGER NOT NULL,"
    "  ttl_ms INTEGER NOT NULL,"
    "  hits INTEGER NOT NULL,"
    "  tokens INTEGER NOT NULL,"
    "  n_body INTEGER NOT NULL,"
    "  n_packed INTEGER NOT NULL,"
    "  sum INTEGER NOT NULL);"
    "CREATE INDEX answers_by_collection ON answers (collection);"
    "CREATE TABLE answer_bodies ("
    "  answer INTEGER PRIMARY KEY REFERENCES answers ON DELETE CASCADE,"
    "  zstd BLOB NOT NULL);"
    "CREATE TABLE answer_documents ("
    "  document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,"
    "  answer INTEGER NOT NULL REFERENCES answers ON DELETE CASCADE,"
    "  PRIMARY KEY (document, answer)) WITHOUT ROWID;"
    "CREATE INDEX documents_by_answer ON answer_documents (answer);"
    "CREATE TABLE questions ("
    "  id INTEGER PRIMARY KEY,"
    "  collection INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,"
    "  text TEXT NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  last_ms INTEGER NOT NULL,"
    "  UNIQUE (collection, text));"
    "CREATE INDEX questions_by_count ON questions (collection, count DESC, last_ms DESC);";

/* Documents a language model was asked about, as they stand, and what it was paid each day
 * (store_summaries.h). */
static const char version_4[] =
    "CREATE TABLE summaries ("
    "  document INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE,"
    "  by BLOB NOT NULL);"
    "CREATE TABLE summary_costs ("
    "  day INTEGER PRIMARY KEY,"
    "  tokens INTEGER NOT NULL,"
    "  cost REAL NOT NULL);"
    /* What an answer took to make: microseconds, money, and tokens that were written. `tokens`
     * are those that were read; in older rows all. */
    "ALTER TABLE answers ADD COLUMN made_us INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE answers ADD COLUMN cost REAL NOT NULL DEFAULT 0;"
    "ALTER TABLE answers ADD COLUMN tokens_out INTEGER NOT NULL DEFAULT 0;";

/* API keys, by the SHA-256 of each (store_keys.h). */
static const char version_5[] = "CREATE TABLE keys ("
                                "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
                                "  hash BLOB NOT NULL UNIQUE,"
                                "  name TEXT NOT NULL,"
                                "  tenant TEXT NOT NULL,"
                                "  role TEXT NOT NULL,"
                                "  collections TEXT NOT NULL," /* "a,b"; "": all */
                                "  filter TEXT NOT NULL,"
                                "  requests_per_minute INTEGER NOT NULL,"
                                "  tokens_per_minute INTEGER NOT NULL,"
                                "  tokens_per_day INTEGER NOT NULL,"
                                "  concurrency INTEGER NOT NULL,"
                                "  created_ms INTEGER NOT NULL,"
                                "  expires_ms INTEGER NOT NULL,"
                                "  revoked_ms INTEGER NOT NULL);";

/* migrations[i] turns version i into i + 1. */
static const char *const migrations[] = {version_1, version_2, version_3, version_4, version_5};

_Static_assert(sizeof migrations / sizeof *migrations == STORE_SCHEMA_VERSION,
               "one migration per version");

/* The store's name in keys that other machines see (RFC 9562, version 4). A copy keeps it, and so
 * does a store that is put back from one: servers on copies share answers, which are named by their
 * prompts. Whatever is named by an epoch must not be shared under it, since copies count epochs
 * each for itself. */
static int add_uuid(struct db *db)
{
    int rc = ERR_OK;
    sqlite3_stmt *st = NULL;
    unsigned char b[16];
    char text[37];
    int n = 0;

    CHECK(getrandom(b, sizeof b, 0) == (ssize_t)sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%02x",
                      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
    TRY(db_stmt(db, "INSERT INTO meta VALUES ('uuid', ?1)", &st));
    db_bind_str(st, 1, str_of(text));
    TRY(db_run(db, st));
out:
    return rc;
}

static int migrate_step(struct db *db, int64_t from)
{
    int rc = ERR_OK;
    char stamp[96];

    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %lld",
             DB_APPLICATION_ID, (long long)from + 1);
    TRY(db_exec(db, "BEGIN IMMEDIATE"));
    TRY(db_exec(db, migrations[from]));
    if (from == 0)
        TRY(add_uuid(db));
    TRY(db_exec(db, stamp));
    TRY(db_exec(db, "COMMIT"));
out:
    if (rc < 0 && !sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL); /* keeps our error's text */
    return rc;
}

int schema_migrate(struct db *db)
{
    int rc = ERR_OK;
    int64_t version = 0, application = 0, n_tables = 0;

    TRY(db_int(db, "PRAGMA user_version", &version));
    TRY(db_int(db, "PRAGMA application_id", &application));
    TRY(db_int(db, "SELECT count(*) FROM sqlite_schema", &n_tables));
    if (n_tables > 0 && application != DB_APPLICATION_ID)
        return FAIL(ERR_FORMAT, "'%s' is a database of another program, not of ragd", db->path);
    if (version > STORE_SCHEMA_VERSION)
        return FAIL(ERR_UNSUPPORTED,
                    "'%s' was written by a newer ragd (schema %lld; this one knows up to %d): "
                    "use that version, or another data folder",
                    db->path, (long long)version, STORE_SCHEMA_VERSION);
    if (version < 0 || (version == 0) != (n_tables == 0))
        return FAIL(ERR_DATABASE, "'%s' is damaged (schema version %lld, %lld tables)", db->path,
                    (long long)version, (long long)n_tables);
    for (; version < STORE_SCHEMA_VERSION; version++)
        TRY(migrate_step(db, version));
out:
    return rc;
}
