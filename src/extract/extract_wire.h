/* extract_wire.h - how an ingest talks to its extraction helper, over one socket.
 *
 *   ingest ("parent")                      helper (child process)
 *   request: header, body       ->
 *                               <-         reply: header, title, metadata, pages, headings, text
 *
 * One request at a time; the helper lives until the socket closes or it is killed. Numbers are in
 * the byte order of the machine: both ends are the same program. The parent trusts nothing it
 * reads: every length is checked against a limit before memory is taken for it, text must be
 * UTF-8, marks must lie in the text in rising order.
 *
 *   request                                    reply
 *   offset size                                offset size
 *   0      4    magic "RGX1"                   0      4    magic "RGY1"
 *   4      4    kind (enum file_kind)          4      4    status: 0 or ERR_*
 *   8      8    body bytes                     8      4    title bytes
 *   16     8    text limit, bytes              12     4    metadata bytes (JSON object; 0: none)
 *   24     8    memory limit, bytes            16     4    number of page marks, 8 bytes each
 *   32     4    time limit, ms                 20     4    number of heading marks, 12 bytes each
 *   36     4    0                              24     8    text bytes; on failure the reason's
 *   40          body                           32          title, metadata, pages, headings, text
 */
#pragma once
#include <stdint.h>

#define WIRE_REQUEST_MAGIC 0x31584752u
#define WIRE_REPLY_MAGIC   0x31594752u

#define WIRE_TITLE_MAX    4096
#define WIRE_METADATA_MAX 262144
#define WIRE_REASON_MAX   1024

struct wire_request {
    uint32_t magic, kind;
    uint64_t n_body, text_bytes, memory_bytes;
    uint32_t timeout_ms, zero;
};

struct wire_reply {
    uint32_t magic;
    int32_t status;
    uint32_t n_title, n_metadata, n_pages, n_headings;
    uint64_t n_text;
};

_Static_assert(sizeof(struct wire_request) == 40, "request header");
_Static_assert(sizeof(struct wire_reply) == 32, "reply header");
