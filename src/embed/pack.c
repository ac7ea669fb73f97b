#include "embed/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

#define MAGIC           "ragdpack"
#define BYTE_ORDER_MARK 0x01020304u

/* Read at a time: stays in the second-level cache between being read and being hashed. */
#define CHUNK ((size_t)256 << 10)

/* No model within the bounds of bert_config.h comes near: sums of sizes below it do not wrap. */
#define PART_BYTES_MAX ((uint64_t)1 << 40)

/* The table of pack.h. */
struct head {
    char magic[8];
    uint32_t byte_order, version;
    struct hash128 checksum;
    uint32_t precision;
    uint32_t hidden, n_layers, n_heads, intermediate, vocab_size, n_positions, n_types;
    float epsilon;
    uint32_t n_texts;
    float mean, smallest;
    uint64_t source_size, source_changed_ns, source_inode;
    struct hash128 weights, small_files;
    uint64_t cold_bytes, hot_bytes, tokenizer_bytes;
    uint32_t n_labels;
    uint8_t zero[92];
};
_Static_assert(sizeof(struct head) == 256, "as the table says");
#define CHECKED_FROM (offsetof(struct head, checksum) + sizeof(struct hash128))

static size_t lines(size_t n_bytes)
{
    return (n_bytes + 63) & ~(size_t)63;
}

/* Where the parts begin, and the end. */
struct places {
    size_t cold, hot, tokenizer, end;
};

static struct places places_of(const struct pack_facts *f)
{
    struct places p = {.cold = sizeof(struct head)};

    p.hot = p.cold + lines(f->cold_bytes);
    p.tokenizer = p.hot + lines(f->hot_bytes);
    p.end = p.tokenizer + f->tokenizer_bytes;
    return p;
}

size_t pack_bytes(const struct pack *p)
{
    return places_of(&p->facts).end;
}

size_t pack_memory_bytes(const struct pack *p)
{
    const struct pack_facts *f = &p->facts;

    return p->map.p ? p->pages.n_bytes + f->cold_bytes + f->tokenizer_bytes : p->pages.n_bytes;
}

/* ---- hashes ---- */

static struct hash128 canonical(XXH128_hash_t h)
{
    XXH128_canonical_t c;
    struct hash128 out;

    XXH128_canonicalFromHash(&c, h);
    memcpy(out.b, c.digest, sizeof out.b);
    return out;
}

struct hash128 hash128_of(const void *p, size_t n)
{
    return canonical(XXH3_128bits(p, n));
}

bool hash128_eq(const struct hash128 *a, const struct hash128 *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* ---- facts as bytes ---- */

static struct head head_of(const struct pack_facts *f)
{
    const struct bert_config *c = &f->config;

    return (struct head){
        .magic = MAGIC,
        .byte_order = BYTE_ORDER_MARK,
        .version = PACK_VERSION,
        .precision = f->precision,
        .hidden = (uint32_t)c->hidden,
        .n_layers = (uint32_t)c->n_layers,
        .n_heads = (uint32_t)c->n_heads,
        .intermediate = (uint32_t)c->intermediate,
        .vocab_size = (uint32_t)c->vocab_size,
        .n_positions = (uint32_t)c->n_positions,
        .n_types = (uint32_t)c->n_types,
        .epsilon = c->epsilon,
        .n_texts = f->quality.n_texts,
        .mean = f->quality.mean,
        .smallest = f->quality.smallest,
        .source_size = f->source.size,
        .source_changed_ns = f->source.changed_ns,
        .source_inode = f->source.inode,
        .weights = f->source.weights,
        .small_files = f->source.small_files,
        .cold_bytes = f->cold_bytes,
        .hot_bytes = f->hot_bytes,
        .tokenizer_bytes = f->tokenizer_bytes,
        .n_labels = (uint32_t)c->n_labels,
    };
}

static struct pack_facts facts_of(const struct head *h)
{
    return (struct pack_facts){
        .precision = (enum precision)h->precision,
        .config = {.hidden = h->hidden,
                   .n_layers = h->n_layers,
                   .n_heads = h->n_heads,
                   .intermediate = h->intermediate,
                   .vocab_size = h->vocab_size,
                   .n_positions = h->n_positions,
                   .n_types = h->n_types,
                   .n_labels = h->n_labels,
                   .epsilon = h->epsilon},
        .quality = {h->n_texts, h->mean, h->smallest},
        .source = {h->source_size, h->source_changed_ns, h->source_inode, h->weights,
                   h->small_files},
        .cold_bytes = h->cold_bytes,
        .hot_bytes = h->hot_bytes,
        .tokenizer_bytes = h->tokenizer_bytes,
    };
}

/* The limits of bert_config_read, which every pack was made within. */
static bool is_possible(const struct head *h)
{
    return h->hidden >= 1 && h->hidden <= BERT_MAX_HIDDEN && h->n_layers >= 1 &&
           h->n_layers <= BERT_MAX_LAYERS && h->n_heads >= 1 && h->hidden % h->n_heads == 0 &&
           h->intermediate >= 1 && h->intermediate <= BERT_MAX_INTERMEDIATE && h->vocab_size >= 1 &&
           h->vocab_size <= BERT_MAX_VOCAB && h->n_positions >= 1 &&
           h->n_positions <= BERT_MAX_POSITIONS && h->n_labels <= 1;
}

static int check_head(const struct head *h, size_t file_bytes)
{
    struct pack_facts f;

    if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0)
        return FAIL(ERR_FORMAT, "it does not begin with '%s'", MAGIC);
    if (h->byte_order != BYTE_ORDER_MARK)
        return FAIL(ERR_UNSUPPORTED, "it was written by a machine of another byte order");
    if (h->version != PACK_VERSION)
        return FAIL(ERR_UNSUPPORTED, "it has version %u, this program writes %u", h->version,
                    PACK_VERSION);
    if (h->precision >= N_PRECISIONS)
        return FAIL(ERR_FORMAT, "there is no precision %u", h->precision);
    if (h->cold_bytes > PART_BYTES_MAX || h->hot_bytes > PART_BYTES_MAX || h->hot_bytes == 0 ||
        h->tokenizer_bytes > PART_BYTES_MAX)
        return FAIL(ERR_FORMAT, "its parts have impossible sizes");
    if (!is_possible(h))
        return FAIL(ERR_FORMAT, "its configuration is over the limits");
    f = facts_of(h);
    if (places_of(&f).end != file_bytes)
        return FAIL(ERR_FORMAT, "it has %zu bytes, its parts need %zu", file_bytes,
                    places_of(&f).end);
    return ERR_OK;
}

/* ---- in memory ---- */

static void set_parts(struct pack *p, const unsigned char *base)
{
    struct places at = places_of(&p->facts);

    p->cold = base + at.cold;
    p->hot = base + at.hot;
    p->tokenizer = (struct str){(const char *)base + at.tokenizer, p->facts.tokenizer_bytes};
}

void pack_new(struct pack *out, const struct pack_facts *facts)
{
    *out = (struct pack){.facts = *facts};
    out->pages = pages_alloc(places_of(facts).end);
    set_parts(out, out->pages.base);
}

void pack_close(struct pack *p)
{
    file_map_close(&p->map);
    pages_free(&p->pages);
    *p = (struct pack){0};
}

/* ---- reading ----
 *
 * Each byte is read once, by read(2): hot straight to where it will be used, the rest into a buffer
 * that stays in the cache. Reading the rest through the mapping would make all of it resident. */

static int read_some(int fd, void *to, size_t n, size_t at)
{
    char *p = to;

    while (n) {
        ssize_t got = pread(fd, p, n, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL(ERR_IO, "%s", strerror(errno));
        if (got == 0)
            return FAIL(ERR_FORMAT, "it is cut off at byte %zu", at);
        p += got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    return ERR_OK;
}

/* Hashes the bytes from..end, and keeps them at `keep` unless that is NULL. */
static int hash_range(int fd, XXH3_state_t *hash, size_t from, size_t end, char *buffer, char *keep)
{
    int rc = ERR_OK;

    while (from < end) {
        size_t n = end - from < CHUNK ? end - from : CHUNK;
        char *to = keep ? keep : buffer;

        TRY(read_some(fd, to, n, from));
        XXH3_128bits_update(hash, to, n);
        keep = keep ? keep + n : NULL;
        from += n;
    }
out:
    return rc;
}

static int read_parts(int fd, const struct head *h, struct pack *p)
{
    int rc = ERR_OK;
    struct places at = places_of(&p->facts);
    XXH3_state_t *hash = XXH3_createState();
    char *buffer = mem_alloc(CHUNK);
    size_t hot_end = at.hot + p->facts.hot_bytes;
    struct hash128 sum;

    mem_must_have(hash != NULL, "a checksum");
    p->pages = pages_alloc(p->facts.hot_bytes);
    XXH3_128bits_reset(hash);
    TRY(hash_range(fd, hash, CHECKED_FROM, at.hot, buffer, NULL));
    TRY(hash_range(fd, hash, at.hot, hot_end, buffer, p->pages.base));
    TRY(hash_range(fd, hash, hot_end, at.end, buffer, NULL));
    sum = canonical(XXH3_128bits_digest(hash));
    if (!hash128_eq(&sum, &h->checksum))
        rc = FAIL(ERR_FORMAT, "its bytes do not agree with its checksum");
out:
    XXH3_freeState(hash);
    mem_free(buffer);
    return rc;
}

/* By the descriptor, not the name: another process may put a new pack in its place meanwhile. */
static int map_file(int fd, struct file_map *out)
{
    struct stat st;
    void *p;

    if (fstat(fd, &st) < 0)
        return FAIL(ERR_IO, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(struct head))
        return FAIL(ERR_FORMAT, "it has %lld bytes, less than its header", (long long)st.st_size);
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return FAIL(ERR_IO, "cannot map it: %s", strerror(errno));
    *out = (struct file_map){p, (size_t)st.st_size};
    return ERR_OK;
}

static int open_parts(struct pack *p, int fd)
{
    int rc = ERR_OK;
    struct head h;

    TRY(map_file(fd, &p->map));
    TRY(read_some(fd, &h, sizeof h, 0));
    TRY(check_head(&h, p->map.n));
    p->facts = facts_of(&h);
    TRY(read_parts(fd, &h, p));
    set_parts(p, p->map.p);
    p->hot = p->pages.base;
out:
    return rc;
}

int pack_open(struct pack *out, const char *path)
{
    int rc = ERR_OK;
    struct pack p = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return FAIL(errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "model pack '%s': %s", path,
                    strerror(errno));
    rc = open_parts(&p, fd);
    if (rc < 0)
        err_context(rc, "model pack '%s'", path);
    else
        *out = p;
    if (rc < 0)
        pack_close(&p);
    close(fd);
    return rc;
}

/* ---- writing ---- */

int pack_write(const struct pack *p, const char *path)
{
    int rc;
    struct places at = places_of(&p->facts);
    struct head head = head_of(&p->facts);
    char *image = mem_calloc(at.end, 1);

    memcpy(image, &head, sizeof head);
    memcpy(image + at.cold, p->cold, p->facts.cold_bytes);
    memcpy(image + at.hot, p->hot, p->facts.hot_bytes);
    memcpy(image + at.tokenizer, p->tokenizer.p, p->tokenizer.n);
    ((struct head *)image)->checksum = hash128_of(image + CHECKED_FROM, at.end - CHECKED_FROM);
    rc = file_write_atomic(path, image, at.end);
    mem_free(image);
    return rc;
}
