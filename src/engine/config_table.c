#include "engine/config_table.h"

#include <string.h>

#include "base/token_bucket.h"
#include "embed/rerank_remote.h"
#include "engine/embedding.h"
#include "engine/origins.h"
#include "engine/reranking.h"

#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

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
const struct setting settings[] = {
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

const size_t n_settings = sizeof settings / sizeof settings[0];
_Static_assert(sizeof settings / sizeof settings[0] <= CONFIG_SETTINGS_MAX,
               "struct config keeps an origin for each");

const struct setting *setting_find(const char *name)
{
    for (size_t i = 0; i < n_settings; i++)
        if (strcmp(settings[i].name, name) == 0)
            return &settings[i];
    return NULL;
}
