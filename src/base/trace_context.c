#include "base/trace_context.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"

static _Thread_local const struct trace_context *bound;

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; /* upper case is not allowed */
}

static bool read_hex(const char *p, size_t n, unsigned char *out)
{
    for (size_t i = 0; i < n; i++) {
        int high = digit_of(p[2 * i]), low = digit_of(p[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Where the parts begin: 00-<3>-<36>-<53>. */
#define AT_TRACE 3
#define AT_SPAN  36
#define AT_FLAGS 53
#define LENGTH   55

static bool has_right_length(struct str s, unsigned char version)
{
    if (s.n == LENGTH)
        return true;
    return version > 0 && s.n > LENGTH && s.p[LENGTH] == '-';
}

bool trace_context_parse(struct str s, struct trace_context *out)
{
    struct trace_context c = {.state = NULL};
    unsigned char version, flags;

    if (s.n < LENGTH || !read_hex(s.p, 1, &version) || version == 0xff)
        return false;
    if (!has_right_length(s, version) || s.p[AT_TRACE - 1] != '-' || s.p[AT_SPAN - 1] != '-' ||
        s.p[AT_FLAGS - 1] != '-')
        return false;
    if (!read_hex(s.p + AT_TRACE, TRACE_ID_BYTES, c.trace_id) ||
        !read_hex(s.p + AT_SPAN, SPAN_ID_BYTES, c.span_id) || !read_hex(s.p + AT_FLAGS, 1, &flags))
        return false;
    if (is_zero(c.trace_id, TRACE_ID_BYTES) || is_zero(c.span_id, SPAN_ID_BYTES))
        return false;
    c.sampled = flags & 1;
    *out = c;
    return true;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first digit is the lowest byte");

/* Eight digits at once: each byte is spread over two, and what is above 9 moves up to 'a'. */
static uint64_t eight_digits(const unsigned char id[4])
{
    uint32_t v;
    uint64_t x, above;

    memcpy(&v, id, sizeof v);
    x = (uint64_t)v | (uint64_t)v << 16;
    x = (x & 0x0000ffff0000ffff);
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x >> 4 & 0x000f000f000f000f) | (x & 0x000f000f000f000f) << 8;
    above = (x + 0x0606060606060606) >> 4 & 0x0101010101010101;
    return x + 0x3030303030303030 + above * ('a' - '0' - 10);
}

void trace_hex(const unsigned char *id, size_t n, char *out)
{
    CHECK(n % 4 == 0);
    for (size_t i = 0; i < n; i += 4) {
        uint64_t eight = eight_digits(id + i);

        memcpy(out + 2 * i, &eight, sizeof eight);
    }
    out[2 * n] = '\0';
}

void trace_context_write(const struct trace_context *c, char out[TRACEPARENT_BYTES])
{
    memcpy(out, "00-", 3);
    trace_hex(c->trace_id, TRACE_ID_BYTES, out + AT_TRACE);
    out[AT_SPAN - 1] = '-';
    trace_hex(c->span_id, SPAN_ID_BYTES, out + AT_SPAN);
    memcpy(out + AT_FLAGS - 1, c->sampled ? "-01" : "-00", 4);
}

/* As many bits as a double has, and none that it rounds up. */
bool trace_is_chosen(uint64_t random, double share)
{
    return (double)(random >> 11) < share * 0x1p53;
}

void trace_new_span_id(unsigned char out[SPAN_ID_BYTES])
{
    do { /* so few bytes come whole, and zeros are no id */
        CHECK(getrandom(out, SPAN_ID_BYTES, 0) == SPAN_ID_BYTES);
    } while (is_zero(out, SPAN_ID_BYTES));
}

void trace_context_bind(const struct trace_context *c)
{
    bound = c;
}

const struct trace_context *trace_context_bound(void)
{
    return bound;
}
