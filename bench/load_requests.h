/* load_requests.h - whole HTTP requests out of a file of bodies.
 *
 * Memory   load_requests_free.
 */
#pragma once
#include <stddef.h>

#include "base/str.h"

#define LOAD_BODIES_MAX ((size_t)256 << 20)

struct load_requests {
    struct str *of; /* [n] */
    size_t n;
};

/* A line of `file` is the body of one request ("-": one without a body); `headers` are whole lines
 * with their ends, or "". ERR_NOT_FOUND, ERR_IO; ERR_FORMAT when there is no line. */
int load_requests_read(struct load_requests *out, const char *file, const char *method,
                       const char *path, const char *headers);
void load_requests_free(struct load_requests *r);
