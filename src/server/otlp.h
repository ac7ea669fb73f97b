/* otlp.h - spans in the JSON of OpenTelemetry's protocol.
 *
 *   {"resourceSpans":[{"resource":{"attributes":[...]},
 *                      "scopeSpans":[{"scope":{"name","version"},"spans":[SPAN,...]}]}]}
 *
 * Ids are hex, enums numbers, 64-bit numbers strings: what the protocol says of its JSON, which is
 * not protobuf's own in the first of these.
 *
 * Source   opentelemetry-proto v1, trace.proto and common.proto; OTLP 1.x, "JSON Protobuf
 * Encoding". Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/trace_context.h"

enum otlp_kind { OTLP_INTERNAL = 1, OTLP_SERVER = 2, OTLP_CLIENT = 3 };

struct otlp_attribute {
    const char *key;
    enum { OTLP_TEXT, OTLP_INT, OTLP_REAL, OTLP_BOOL, OTLP_LIST } type;
    struct str text; /* of TEXT; of LIST: words with a space between */
    int64_t number;  /* of INT and BOOL */
    double real;
};

#define OTLP_S(k, v) ((struct otlp_attribute){.key = (k), .type = OTLP_TEXT, .text = (v)})
#define OTLP_I(k, v) ((struct otlp_attribute){.key = (k), .type = OTLP_INT, .number = (v)})
#define OTLP_F(k, v) ((struct otlp_attribute){.key = (k), .type = OTLP_REAL, .real = (v)})
#define OTLP_B(k, v) ((struct otlp_attribute){.key = (k), .type = OTLP_BOOL, .number = (v)})
#define OTLP_L(k, v) ((struct otlp_attribute){.key = (k), .type = OTLP_LIST, .text = (v)})

#define OTLP_ATTRIBUTES_MAX 24

/* Everything is borrowed. Times are nanoseconds since 1970. */
struct otlp_span {
    struct trace_context context;
    const unsigned char *parent_id; /* [SPAN_ID_BYTES]; NULL: the trace begins here */
    bool parent_is_remote;
    enum otlp_kind kind;
    struct str name;
    uint64_t start_ns, end_ns;
    struct otlp_attribute attributes[OTLP_ATTRIBUTES_MAX];
    size_t n_attributes;
    const char *event; /* one thing that happened within; NULL: nothing */
    uint64_t event_ns;
    bool failed;
    const char *message; /* why; "" or NULL: it does not say */
};

/* For filling a span: what is over OTLP_ATTRIBUTES_MAX is our mistake. */
void otlp_add(struct otlp_span *s, struct otlp_attribute a);

/* Adds one, after a comma when `out` holds some already. */
void otlp_span_write(const struct otlp_span *s, struct buf *out);

struct otlp_resource {
    const char *service, *instance;
};

/* A whole request: `spans` as above. */
void otlp_request_write(const struct otlp_resource *r, struct str spans, struct buf *out);
