/* config.h - every setting, with its default, its bounds and who set it.
 *
 * One table (config_table.h) describes them all (name, type, bounds, help); the file reader
 * (libconfig), the environment (RAGD_SECTION_NAME), the options of the commands and `ragd config
 * show` walk that table, so a setting is added in one place. Later sources win: default, file,
 * environment, option.
 *
 * Errors   ERR_ARGUMENT naming file and line for an unknown or ill-typed setting.
 * Threads  confined while it is filled; immutable afterwards.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define CONFIG_TEXT_MAX     1024
#define CONFIG_SETTINGS_MAX 128

/* Who set it, the later the stronger. */
enum config_origin { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_OPTION };

#define CONFIG_LLMS_MAX 8

/* One language model: an element of the list `llm` (engine/config_llm.h). */
struct config_llm {
    char name[33]; /* "fast" */
    char url[CONFIG_TEXT_MAX];
    char model[129];
    char key_env[128];              /* name of the variable that holds the key, or ... */
    char key_file[CONFIG_TEXT_MAX]; /* ... the file */
    int64_t timeout_ms, first_token_ms;
    double price_in, price_out; /* of a million tokens */
};

struct config {
    char data[CONFIG_TEXT_MAX];   /* "./ragd-data" */
    char listen[CONFIG_TEXT_MAX]; /* "127.0.0.1:8080" */
    char tenant[65];              /* "default" */
    char collection[65];          /* "default" */

    struct {
        char path[CONFIG_TEXT_MAX];
        char precision[16];         /* "auto" */
        char pack[CONFIG_TEXT_MAX]; /* "auto": beside the model */
        char query_prefix[CONFIG_TEXT_MAX], document_prefix[CONFIG_TEXT_MAX];
        char adapter[CONFIG_TEXT_MAX]; /* "auto": what `ragd tune` kept; "off"; a file */
    } model;
    struct {
        char kind[8]; /* "local", "openai", "tei" */
        char url[CONFIG_TEXT_MAX];
        char model[256];
        char key_env[128];  /* name of the variable that holds the key */
        int64_t timeout_ms; /* 10000 */
        int64_t batch;      /* 64 */
        int64_t dimensions; /* 0: what the server gives */
        int64_t max_tokens; /* 0: what the server says, else 512 */
        char standin[8];    /* "auto", or "off": no static encoders; "embed.static" */
    } embed;
    struct {
        char kind[8];                /* "local", "tei", "cohere" */
        char model[CONFIG_TEXT_MAX]; /* a cross-encoder's folder, or a server's model; "": none */
        char precision[16];          /* "auto" */
        char pack[CONFIG_TEXT_MAX];  /* "auto": beside the model */
        char url[CONFIG_TEXT_MAX];
        char key_env[128];  /* name of the variable that holds the key */
        int64_t timeout_ms; /* 3000 */
        int64_t batch;      /* 32 */
        int64_t max_tokens; /* 0: what the model takes */
        int64_t candidates; /* 20: read again at least */
    } rerank;
    struct {
        int64_t chars;   /* 1000; 0: a document is one chunk */
        int64_t overlap; /* 150 */
    } chunk;
    struct {
        bool summaries;         /* true: a summary for each document of some length */
        char summary_model[33]; /* "": central sentences; else the language model that writes it */
        double summary_budget;  /* 0: no limit; else what it may cost a day */
        int64_t summary_tokens; /* 0: no limit; else how many it may take a day */
    } ingest;
    struct {
        int64_t k;             /* 5 */
        char mode[16];         /* "hybrid" */
        char fusion[8];        /* "mix" */
        char rerank[8];        /* "off" */
        int64_t ef;            /* 128 */
        int64_t context_chars; /* 4000 */
        char language[16];     /* "english": stemming */
        bool stop_words;       /* drop them: true */
        double k1, b;          /* BM25 */
    } retrieve;
    struct {
        int64_t bytes;         /* "256MB" */
        int64_t ttl_s;         /* 3600 */
        int64_t store_bytes;   /* "64MB": of the store, for answers that outlive the process */
        char semantic[8];      /* "off" */
        double semantic_check; /* 0.05: share of reused answers that are checked */
        bool keep_questions;   /* false: what is asked, in the store */
    } cache;
    struct {
        char file[CONFIG_TEXT_MAX]; /* "": none; questions */
        int64_t top;                /* 0: of those that are asked most */
        char at[8];                 /* "": never; "HH:MM" */
        int64_t ttl_s;              /* 86400 */
        char refresh[8];            /* "quoted", "off" or "all" */
        int64_t popular;            /* 3: asked so often */
        int64_t per_minute;         /* 60 */
    } precompute;
    struct {
        char url[CONFIG_TEXT_MAX]; /* "": none; may hold a password */
        int64_t timeout_ms;        /* 50 */
    } redis;
    struct {
        int64_t workers;                    /* 0: one per processor */
        int64_t loops;                      /* 1 */
        int64_t queue;                      /* 256 waiting jobs; "limits.queue" */
        int64_t drain_s;                    /* 30 */
        int64_t ready_wait_s;               /* 0 */
        char cors_origins[CONFIG_TEXT_MAX]; /* "": none */
        bool log_questions;                 /* false */
        bool access_log;                    /* true */
    } server;
    struct {
        char url[CONFIG_TEXT_MAX]; /* "": no traces; where a collector takes OTLP over HTTP */
        double sample;             /* 0.01: share of the traces that begin here */
        char service[129];         /* "ragd" */
        char headers_env[128];     /* name of the variable that holds headers, "a=b,c=d" */
        int64_t timeout_ms;        /* 3000 */
    } trace;
    struct {
        int64_t body_bytes;      /* 1 MiB */
        int64_t documents_bytes; /* 64 MiB */
        int64_t header_bytes;    /* 16 KiB */
        int64_t receive_s;       /* 30 */
        int64_t documents_s;     /* 600 */
        int64_t output_bytes;    /* 256 KiB */
        int64_t reply_bytes;     /* 16 MiB */
        int64_t connections;     /* 10000 */
        int64_t memory;          /* 0: no budget */
        int64_t per_address; /* 0: connections of one address; "limits.connections_per_address" */
        /* Of a key that says nothing, and of all together who need none; 0: none. */
        int64_t requests_per_minute, tokens_per_minute, tokens_per_day, concurrency;
        bool shared; /* false: counted in Redis, with the other servers */
    } limits;
    struct {
        int64_t timeout_s;    /* 10 a file */
        int64_t memory_bytes; /* 1 GiB */
        int64_t text_bytes;   /* 64 MiB of extracted text */
        int64_t file_bytes;   /* 256 MiB a file */
    } extract;

    struct config_llm llm[CONFIG_LLMS_MAX]; /* [n_llm] the first is asked when none is named */
    size_t n_llm;
    struct {
        char file[CONFIG_TEXT_MAX]; /* a prompt template of the user's own; "": what is built in */
    } prompt;
    struct {
        char abandoned[8]; /* "cancel" or "finish": a generation nobody reads any more */
        int64_t grace_ms;  /* 80: before it is cancelled */
    } stream;

    unsigned char origin[CONFIG_SETTINGS_MAX]; /* enum config_origin, in the table's order */
    char file[CONFIG_TEXT_MAX];                /* what was read; "" for none */
    unsigned line[CONFIG_SETTINGS_MAX];        /* where in it; 0: not there, or in a file within */
};

/* Every default; model.path is the first place where the default model lies. */
void config_defaults(struct config *c);

/* Defaults, then the file, then the environment. `file` NULL: ./ragd.conf, else /etc/ragd.conf,
 * else none. */
int config_load(struct config *c, const char *file);

/* Sets one by its dotted name ("chunk.chars") from text, as an option does; `where` stands in
 * messages. */
int config_set(struct config *c, const char *name, const char *value, const char *where);

/* Whether nobody set it. */
bool config_is_default(const struct config *c, const char *name);

/* Whether a setting has the same value in both; and takes it over. Not of the list `llm`. */
bool config_is_same(const struct config *a, const struct config *b, const char *name);
void config_copy(struct config *to, const struct config *from, const char *name);

/* What two settings must be together. */
int config_check(const struct config *c);

/* "HH:MM" as minutes since midnight; ERR_ARGUMENT. */
int config_minute_of_day(const char *text, int *minute);
