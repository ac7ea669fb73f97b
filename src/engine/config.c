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
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/token_bucket.h"
#include "embed/rerank_remote.h"
#include "engine/config_llm.h"
#include "engine/config_text.h"
#include "engine/embedding.h"
#include "engine/origins.h"
#include "engine/reload.h"
#include "engine/reranking.h"
#include "net/redis_url.h"
#include "net/url.h"

#define CONFIG_FILE_MAX (1 << 20)
#define NAME_MAX_BYTES  128

#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

#define DEFAULT_MODEL "models/all-MiniLM-L6-v2"

enum setting_type {
    TYPE_TEXT, /* char[size] */
    TYPE_WORD, /* char[size], one of `words` */
    TYPE_INT,  /* int64_t */
    TYPE_SIZE, /* int64_t, "256MB" in text */
    TYPE_REAL, /* double */
    TYPE_BOOL, /* bool */
};

static const char *const type_names[] = {"text", "word", "number", "size", "real", "yes/no"};

struct setting {
    const char *name; /* "section.name", or "name" at the top */
    enum setting_type type;
    size_t offset, size;
    const char *fallback;
    double min, max;   /* of numbers, inclusive */
    const char *words; /* what a WORD may be, separated by spaces */
    const char *help;
};

#define AT(field) offsetof(struct config, field), sizeof(((struct config *)0)->field)

#define TEXT(name, field, fallback, help)                                                          \
    {                                                                                              \
        name, TYPE_TEXT, AT(field), fallback, 0, 0, NULL, help                                     \
    }
#define WORD(name, field, fallback, words, help)                                                   \
    {                                                                                              \
        name, TYPE_WORD, AT(field), fallback, 0, 0, words, help                                    \
    }
#define INT(name, field, fallback, min, max, help)                                                 \
    {                                                                                              \
        name, TYPE_INT, AT(field), fallback, min, max, NULL, help                                  \
    }
#define SIZE(name, field, fallback, min, max, help)                                                \
    {                                                                                              \
        name, TYPE_SIZE, AT(field), fallback, min, max, NULL, help                                 \
    }
#define REAL(name, field, fallback, min, max, help)                                                \
    {                                                                                              \
        name, TYPE_REAL, AT(field), fallback, min, max, NULL, help                                 \
    }
#define BOOL(name, field, fallback, help)                                                          \
    {                                                                                              \
        name, TYPE_BOOL, AT(field), fallback, 0, 0, NULL, help                                     \
    }

/* clang-format off */
static const struct setting settings[] = {
    TEXT("data", data, "./ragd-data", "the folder that holds documents, vectors and indexes"),
    TEXT("listen", listen, "127.0.0.1:8080", "where the server listens, HOST:PORT"),
    TEXT("tenant", tenant, "default", "whose documents"),
    TEXT("collection", collection, "default", "which set of documents"),

    TEXT("model.path", model.path, "", "folder of the embedding model"),
    WORD("model.precision", model.precision, "auto", "auto f32 bf16 int8",
         "arithmetic of the encoder"),
    TEXT("model.pack", model.pack, "auto",
         "folder for packed weights; auto: beside the model; off: in memory"),
    TEXT("model.query_prefix", model.query_prefix, "", "put before each question; \"\": what the model's own files say"),
    TEXT("model.document_prefix", model.document_prefix, "", "put before each passage; \"\": what the model's own files say"),
    TEXT("model.adapter", model.adapter, "auto",
         "adapter of the questions; auto: what `ragd tune` kept for the collection; off; or a file"),

    WORD("embed.kind", embed.kind, "local", "local openai tei",
         "who embeds: the model here, or a server in OpenAI's or text-embeddings-inference's form"),
    TEXT("embed.url", embed.url, "", "the server, as in https://HOST/v1 or http://HOST:PORT"),
    TEXT("embed.model", embed.model, "", "the model that the server is asked for"),
    TEXT("embed.key_env", embed.key_env, "", "environment variable that holds the server's key"),
    INT("embed.timeout_ms", embed.timeout_ms, "10000", 1, 600000,
        "milliseconds for one request to the server, tries included"),
    INT("embed.batch", embed.batch, "64", 1, REMOTE_BATCH_MAX, "texts of one request"),
    INT("embed.dimensions", embed.dimensions, "0", 0, REMOTE_DIM_MAX,
        "length of a vector; 0: what the server gives"),
    INT("embed.max_tokens", embed.max_tokens, "0", 0, REMOTE_TOKENS_MAX,
        "tokens the server's model takes; 0: what it says, else 512"),

    WORD("embed.static", embed.standin, "auto", "auto off",
         "let a fitted table stand in for the model when a deadline is near or the queue long"),

    WORD("rerank.kind", rerank.kind, "local", "local tei cohere",
         "who reads candidates again: a model here, or a server in text-embeddings-inference's or Cohere's form"),
    TEXT("rerank.model", rerank.model, "",
         "folder of a cross-encoder, or the model that the server is asked for; \"\": none"),
    WORD("rerank.precision", rerank.precision, "auto", "auto f32 bf16 int8",
         "arithmetic of the cross-encoder"),
    TEXT("rerank.pack", rerank.pack, "auto",
         "folder for its packed weights; auto: beside the model; off: in memory"),
    TEXT("rerank.url", rerank.url, "", "the server, as in http://HOST:PORT or https://HOST/v2"),
    TEXT("rerank.key_env", rerank.key_env, "", "environment variable that holds the server's key"),
    INT("rerank.timeout_ms", rerank.timeout_ms, "3000", 1, 600000,
        "milliseconds for one request to the server, tries included"),
    INT("rerank.batch", rerank.batch, "32", 1, RERANK_BATCH_MAX, "texts of one request"),
    INT("rerank.max_tokens", rerank.max_tokens, "0", 0, 8192,
        "tokens of question and text together; 0: what the model takes"),
    INT("rerank.candidates", rerank.candidates, "20", 1, 200,
        "passages that are read again, when k is not more"),

    INT("chunk.chars", chunk.chars, "1000", 0, 100000,
        "characters of a chunk; 0: a document is one chunk"),
    INT("chunk.overlap", chunk.overlap, "150", 0, 50000,
        "characters that a chunk repeats of the one before"),

    BOOL("ingest.summaries", ingest.summaries, "true",
         "make a summary of each longer document, for questions of mode summary"),

    TEXT("ingest.summary_model", ingest.summary_model, "",
         "language model that writes them, by its name; it reads the documents and costs money; \"\": central sentences"),
    REAL("ingest.summary_budget", ingest.summary_budget, "0", 0, 1e9,
         "what the language model's summaries may cost a day, in the currency of its prices; 0: no limit"),
    INT("ingest.summary_tokens", ingest.summary_tokens, "0", 0, INT64_C(1000000000000),
        "tokens that they may take a day; 0: no limit"),

    INT("retrieve.k", retrieve.k, "5", 1, 100, "passages an answer may use"),
    WORD("retrieve.mode", retrieve.mode, "hybrid", "hybrid vector keyword summary",
         "how passages are found"),
    WORD("retrieve.fusion", retrieve.fusion, "mix", "mix rrf",
         "how word and vector scores are joined"),
    WORD("retrieve.rerank", retrieve.rerank, "off", "off lexical model",
         "what puts the found passages in order again"),
    INT("retrieve.ef", retrieve.ef, "128", 1, 10000,
        "candidates of the graph search; more is slower and finds more"),
    INT("retrieve.context_chars", retrieve.context_chars, "4000", 1, 200000,
        "characters of the passages that an answer reads"),
    TEXT("retrieve.language", retrieve.language, "english",
         "language of the stemmer, where a collection does not say"),
    BOOL("retrieve.stop_words", retrieve.stop_words, "true",
         "leave out words like 'the', where a collection does not say"),
    REAL("retrieve.k1", retrieve.k1, "1.2", 0, 100, "BM25: weight of repeated words"),
    REAL("retrieve.b", retrieve.b, "0.75", 0, 1, "BM25: weight of a chunk's length"),

    SIZE("cache.bytes", cache.bytes, "256MB", 0, TIB, "memory of the answer cache"),
    INT("cache.ttl_s", cache.ttl_s, "3600", 1, 31536000, "seconds that an answer is kept"),
    SIZE("cache.store_bytes", cache.store_bytes, "64MB", 0, TIB,
         "of the data folder, for answers that outlive the process; 0: none do"),
    WORD("cache.semantic", cache.semantic, "off", "off strict",
         "reuse the answer of a question that means the same, where a request does not say"),
    REAL("cache.semantic_check", cache.semantic_check, "0.05", 0, 1,
         "share of the answers so reused that are checked in the background"),
    BOOL("cache.keep_questions", cache.keep_questions, "false",
         "write down in the data folder what is asked and how often, for precompute --top"),

    TEXT("precompute.file", precompute.file, "", "questions to answer beforehand each day; \"\": none"),
    INT("precompute.top", precompute.top, "0", 0, 10000, "so many of the most asked questions too"),
    TEXT("precompute.at", precompute.at, "", "when, HH:MM of the local time; \"\": never"),
    INT("precompute.ttl_s", precompute.ttl_s, "86400", 1, 31536000,
        "seconds that such an answer is kept"),
    WORD("precompute.refresh", precompute.refresh, "quoted", "off quoted all",
         "popular questions answered again in idle time when documents have changed; all: also by language models, which costs"),
    INT("precompute.popular", precompute.popular, "3", 1, 1000000,
        "a question is popular when asked so often"),
    INT("precompute.per_minute", precompute.per_minute, "60", 1, 6000,
        "so many are answered again in a minute at most"),

    TEXT("redis.url", redis.url, "", "a Redis in which replicas share answers; \"\": none"),
    INT("redis.timeout_ms", redis.timeout_ms, "50", 1, 60000,
        "milliseconds that a command to it may take"),

    TEXT("prompt.file", prompt.file, "",
         "template of what a language model is asked with; \"\": the built-in one"),
    WORD("stream.abandoned", stream.abandoned, "cancel", "cancel finish",
         "what becomes of a generated answer when its last reader leaves"),
    INT("stream.grace_ms", stream.grace_ms, "80", 0, 600000,
        "milliseconds that a reader has to come back before it is cancelled"),

    INT("server.workers", server.workers, "0", 0, 1024, "compute threads; 0: one a processor, 16 when a server embeds"),
    INT("server.loops", server.loops, "1", 1, 64, "event loops"),
    INT("server.drain_s", server.drain_s, "30", 0, 3600,
        "seconds that running requests have when the server stops"),
    INT("server.ready_wait_s", server.ready_wait_s, "0", 0, 3600,
        "seconds that a stopping server goes on accepting, while /readyz says so"),
    TEXT("server.cors_origins", server.cors_origins, "",
         "web pages that may call: \"https://a.example, https://b.example\", \"*\"; \"\": none"),
    BOOL("server.log_questions", server.log_questions, "false", "write questions to the log"),
    BOOL("server.access_log", server.access_log, "true", "write a line to the log for each request"),

    TEXT("trace.url", trace.url, "",
         "where traces go, OTLP over HTTP in JSON: \"http://127.0.0.1:4318/v1/traces\"; \"\": nowhere"),
    REAL("trace.sample", trace.sample, "0.01", 0, 1,
         "share of the traces that begin here; a caller's own are recorded as it says"),
    TEXT("trace.service", trace.service, "ragd", "name of this service in them"),
    TEXT("trace.headers_env", trace.headers_env, "",
         "variable with headers for the collector, \"name=value,name=value\"; \"\": none"),
    INT("trace.timeout_ms", trace.timeout_ms, "3000", 1, 60000,
        "milliseconds that a request to the collector may take"),

    INT("limits.queue", server.queue, "256", 1, 1000000, "requests that may wait"),
    SIZE("limits.body_bytes", limits.body_bytes, "1MB", 1024, GIB, "body of a request"),
    SIZE("limits.documents_bytes", limits.documents_bytes, "64MB", 1024, 16 * GIB,
         "body of a request to /documents"),
    SIZE("limits.header_bytes", limits.header_bytes, "16KB", 1024, MIB, "head of a request"),
    INT("limits.receive_s", limits.receive_s, "30", 1, 86400, "seconds to receive a request"),
    INT("limits.documents_s", limits.documents_s, "600", 1, 86400,
        "seconds to receive a request to /documents"),
    SIZE("limits.output_bytes", limits.output_bytes, "256KB", 4096, GIB,
         "output of a connection that may wait to be sent"),
    SIZE("limits.reply_bytes", limits.reply_bytes, "16MB", 4096, GIB, "one whole reply"),
    INT("limits.connections", limits.connections, "10000", 1, 1000000, "open connections"),
    INT("limits.connections_per_address", limits.per_address, "0", 0, 1000000,
        "open connections of one address; 0: as many as of all"),
    INT("limits.requests_per_minute", limits.requests_per_minute, "0", 0, TOKEN_BUCKET_MAX,
        "requests of a key that says nothing, or of all who need none; 0: no limit"),
    INT("limits.tokens_per_minute", limits.tokens_per_minute, "0", 0, TOKEN_BUCKET_MAX,
        "tokens of the same; 0: no limit"),
    INT("limits.tokens_per_day", limits.tokens_per_day, "0", 0, TOKEN_BUCKET_MAX,
        "tokens of the same a day (UTC); 0: no limit"),
    INT("limits.concurrency", limits.concurrency, "0", 0, 1000000,
        "requests of the same at once, in this server; 0: no limit"),
    BOOL("limits.shared", limits.shared, "false",
         "count requests and tokens in Redis, with the other servers"),
    SIZE("limits.memory", limits.memory, "0", 0, 1024 * TIB,
         "memory beyond which documents are refused; 0: no such limit"),

    INT("extract.timeout_s", extract.timeout_s, "10", 1, 3600, "seconds to read one file"),
    SIZE("extract.memory_bytes", extract.memory_bytes, "1GB", 64 * MIB, TIB,
         "memory of the process that reads files"),
    SIZE("extract.text_bytes", extract.text_bytes, "64MB", 1024, GIB, "text of one file"),
    SIZE("extract.file_bytes", extract.file_bytes, "256MB", 1024, 2 * GIB, "one file"),
};
/* clang-format on */

#define N_SETTINGS (sizeof settings / sizeof settings[0])
_Static_assert(N_SETTINGS <= CONFIG_SETTINGS_MAX, "struct config keeps an origin for each");

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
            v *= KIB;
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

static const struct setting *find_setting(const char *name)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (strcmp(settings[i].name, name) == 0)
            return &settings[i];
    return NULL;
}

bool config_is_default(const struct config *c, const char *name)
{
    const struct setting *s = find_setting(name);

    CHECK(s);
    return c->origin[s - settings] == CONFIG_DEFAULT;
}

bool config_is_same(const struct config *a, const struct config *b, const char *name)
{
    const struct setting *s = find_setting(name);
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
    const struct setting *s = find_setting(name);

    CHECK(s);
    memset((char *)to + s->offset, 0, s->size);
    if (s->type == TYPE_TEXT || s->type == TYPE_WORD)
        strcpy((char *)to + s->offset, (const char *)from + s->offset);
    else
        memcpy((char *)to + s->offset, (const char *)from + s->offset, s->size);
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (is_within(settings[i].name, name) && strcmp(settings[i].name, name) != 0)
            return true;
    return false;
}

int config_set(struct config *c, const char *name, const char *value, const char *where)
{
    const struct setting *s = find_setting(name);

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
    for (size_t i = 0; i < N_SETTINGS;
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
    const struct setting *s = find_setting(name);
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
        char name[NAME_MAX_BYTES], where[CONFIG_TEXT_MAX + 32];

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

static void variable_name(const char *setting, char out[NAME_MAX_BYTES])
{
    size_t n = (size_t)snprintf(out, NAME_MAX_BYTES, "RAGD_%s", setting);

    for (size_t i = 0; i < n && i < NAME_MAX_BYTES; i++)
        out[i] = out[i] == '.' ? '_' : (out[i] >= 'a' && out[i] <= 'z') ? out[i] - 32 : out[i];
}

static int read_environment(struct config *c)
{
    int rc = ERR_OK;
    char name[NAME_MAX_BYTES];

    for (size_t i = 0; i < N_SETTINGS; i++) {
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
    const struct setting *s = find_setting(name);
    char variable[NAME_MAX_BYTES];

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

/* ---- showing ---- */

static void print_quoted(const char *text, bool json, struct buf *out)
{
    if (json)
        jsonw_string(out, str_of(text));
    else
        config_text_print(text, out);
}

/* A Redis may have its password in the URL. */
static void print_masked(const char *text, bool json, struct buf *out)
{
    struct redis_url url = {0};
    char *shown = NULL;

    if (*text && redis_url_read(&url, text) == ERR_OK) {
        shown = redis_url_shown(&url);
        redis_url_done(&url);
    }
    print_quoted(shown ? shown : "", json, out);
    mem_free(shown);
}

static void value_print(const struct config *c, const struct setting *s, bool json, struct buf *out)
{
    const char *at = (const char *)c + s->offset;
    int64_t i = 0;
    double f = 0;
    bool yes = false;

    switch (s->type) {
    case TYPE_TEXT:
    case TYPE_WORD:
        if (at == c->redis.url)
            print_masked(at, json, out);
        else
            print_quoted(at, json, out);
        break;
    case TYPE_BOOL:
        memcpy(&yes, at, sizeof yes);
        buf_add_str(out, yes ? "true" : "false");
        break;
    case TYPE_REAL:
        memcpy(&f, at, sizeof f);
        buf_addf(out, f == (double)(int64_t)f ? "%.1f" : "%.15g", f);
        break;
    case TYPE_INT:
    case TYPE_SIZE:
        memcpy(&i, at, sizeof i);
        buf_addf(out, "%lld", (long long)i);
        break;
    }
}

/* "retrieve" of "retrieve.k", "" at the top; *leaf is the rest. */
static struct str section_of(const struct setting *s, const char **leaf)
{
    const char *dot = strchr(s->name, '.');

    *leaf = dot ? dot + 1 : s->name;
    return (struct str){s->name, dot ? (size_t)(dot - s->name) : 0};
}

static void print_text(const struct config *c, struct buf *out)
{
    static const char *const origins[] = {"", "file", "environment", "option"};
    struct str open = STR_LIT("");

    for (size_t i = 0; i < N_SETTINGS; i++) {
        const char *leaf;
        struct str section = section_of(&settings[i], &leaf);
        int64_t value = 0;

        if (!str_eq(section, open)) {
            buf_addf(out, "%s%.*s = {\n", open.n ? "};\n" : "", STR_ARGS(section));
            open = section;
        }
        buf_addf(out, "%s%s = ", section.n ? "    " : "", leaf);
        value_print(c, &settings[i], false, out);
        if (settings[i].type == TYPE_SIZE) {
            memcpy(&value, (const char *)c + settings[i].offset, sizeof value);
            buf_add_str(out, value > INT32_MAX ? "L;" : ";"); /* libconfig's 64-bit mark */
        } else {
            buf_add_char(out, ';');
        }
        buf_addf(out, "  # %s", settings[i].help);
        if (c->origin[i] != CONFIG_DEFAULT)
            buf_addf(out, " (from %s)", origins[c->origin[i]]);
        if (reload_is_live(settings[i].name))
            buf_add_str(out, " [reloads]");
        buf_add_char(out, '\n');
    }
    buf_add_str(out, "};\n");
    config_llm_print(c, out);
}

static void print_json(const struct config *c, struct buf *out)
{
    struct jsonw w = jsonw_to(out);
    struct str open = STR_LIT("");

    jsonw_open(&w, '{');
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const char *leaf;
        struct str section = section_of(&settings[i], &leaf);

        if (!str_eq(section, open)) {
            char name[NAME_MAX_BYTES];

            if (open.n)
                jsonw_close(&w, '}');
            snprintf(name, sizeof name, "%.*s", STR_ARGS(section));
            jsonw_key(&w, name);
            jsonw_open(&w, '{');
            open = section;
        }
        jsonw_key(&w, leaf);
        value_print(c, &settings[i], true, out);
        w.comma = true;
    }
    jsonw_close(&w, '}');
    config_llm_json(c, &w);
    jsonw_close(&w, '}');
    buf_add_char(out, '\n');
}

void config_print(const struct config *c, bool json, struct buf *out)
{
    if (json)
        print_json(c, out);
    else
        print_text(c, out);
}

void config_each(config_item_fn fn, void *arg)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        fn(arg, settings[i].name, type_names[settings[i].type], settings[i].fallback,
           settings[i].help);
}
