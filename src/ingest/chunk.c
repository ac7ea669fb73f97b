#include "ingest/chunk.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "ingest/pieces.h"
#include "text/sentences.h"

struct packer {
    const struct chunk_settings *s;
    const struct pieces *p;
    uint32_t *tails; /* [p->n] characters up to the end of the piece's section or page */
    struct chunk *v;
    size_t n, cap;
    bool too_many;
};

int chunk_settings_check(const struct chunk_settings *s)
{
    if (s->chars > CHUNK_CHARS_MAX)
        return FAIL(ERR_LIMIT, "chunk size %zu is over the limit of %d characters", s->chars,
                    CHUNK_CHARS_MAX);
    if (s->chars && s->overlap >= s->chars)
        return FAIL(ERR_ARGUMENT, "chunk overlap %zu must be less than the chunk size %zu",
                    s->overlap, s->chars);
    if (s->max_tokens < CHUNK_TOKENS_MIN)
        return FAIL(ERR_ARGUMENT,
                    "the model has room for %zu tokens beside its document prefix; at least %d "
                    "are needed",
                    s->max_tokens, CHUNK_TOKENS_MIN);
    return ERR_OK;
}

/* Whether nothing new begins at piece i: same page, no heading. */
static bool goes_on(const struct pieces *p, size_t i)
{
    return i < p->n && !p->v[i].heading && p->v[i].page == p->v[i - 1].page;
}

static void find_tails(struct packer *k)
{
    for (size_t i = k->p->n; i-- > 0;)
        k->tails[i] = goes_on(k->p, i + 1) ? k->tails[i + 1] : k->p->v[i].char_end;
}

static size_t chars_of(const struct pieces *p, size_t first, size_t end)
{
    return p->v[end - 1].char_end - p->v[first].char_start;
}

static size_t tokens_of(const struct pieces *p, size_t first, size_t end)
{
    size_t n = 0;

    for (size_t i = first; i < end; i++)
        n += p->v[i].n_tokens;
    return n;
}

/* Whether the chunk that begins with piece `first` may end with piece i. */
static bool fits_chars(const struct packer *k, size_t first, size_t i)
{
    size_t with_tail = k->tails[i] - k->p->v[first].char_start;

    return chars_of(k->p, first, i + 1) <= k->s->chars || with_tail <= k->s->chars * 6 / 5;
}

/* The heading that so little text stands before, from piece `first` on, that it is no chunk of its
 * own (a page's head, a section's last words); `end` when there is none. */
static size_t heading_near(const struct packer *k, size_t first, size_t end)
{
    const struct pieces *p = k->p;
    size_t at = first;

    while (at < end && !p->v[at].heading && chars_of(p, first, at + 1) * 12 < k->s->chars)
        at++;
    return at < end && p->v[at].heading ? at : end;
}

/* Whether the heading at piece i should begin a chunk, the present one being first..i-1. */
static bool is_new_topic(const struct packer *k, size_t first, size_t i)
{
    const struct pieces *p = k->p;
    size_t chars = chars_of(p, first, i);
    int32_t level = p->sections[p->v[i].section].level;

    if (p->v[i - 1].heading)
        return false; /* a title, then its first section */
    if (heading_near(k, first, i + 1) == i)
        return false;
    if (chars * 2 >= k->s->chars || level < p->sections[p->v[first].section].level)
        return true;
    return chars * 5 >= k->s->chars && k->tails[i] - p->v[first].char_start > k->s->chars;
}

/* The first piece of the chunk after first..i-1 when it was full: headings that would be its last
 * lines go with what they head, else some sentences are repeated. */
static size_t next_first(const struct packer *k, size_t first, size_t i)
{
    const struct pieces *p = k->p;
    size_t at = i, n_tokens = p->v[i].n_tokens;

    while (at > first && p->v[at - 1].heading)
        at--;
    if (at > first && at < i)
        return at;
    at = i;
    if (p->v[i].heading)
        return i;
    while (at - 1 > first && !p->v[at - 1].heading) {
        n_tokens += p->v[at - 1].n_tokens;
        if (chars_of(p, at - 1, i) > k->s->overlap || n_tokens > k->s->max_tokens ||
            chars_of(p, at - 1, i + 1) > k->s->chars)
            break;
        at--;
    }
    return at;
}

static void emit(struct packer *k, size_t first, size_t end)
{
    const struct pieces *p = k->p;
    size_t named = heading_near(k, first, end);
    uint32_t section = p->v[named < end ? named : first].section;

    if (k->n == CHUNKS_PER_DOCUMENT_MAX) {
        k->too_many = true;
        return;
    }
    k->v = mem_grow(k->v, &k->cap, k->n + 1, sizeof *k->v);
    k->v[k->n++] = (struct chunk){.start = p->v[first].start,
                                  .end = p->v[end - 1].end,
                                  .page = p->v[first].page,
                                  .heading = p->sections[section].path};
}

/* One pass: each piece joins the chunk first..i-1, or ends it. */
static void pack(struct packer *k)
{
    const struct pieces *p = k->p;
    size_t first = 0, n_tokens = 0;

    for (size_t i = 0; i < p->n && !k->too_many; i++) {
        while (first < i) {
            size_t next;

            if (p->v[i].page != p->v[i - 1].page || (p->v[i].heading && is_new_topic(k, first, i)))
                next = i;
            else if (n_tokens + p->v[i].n_tokens > k->s->max_tokens || !fits_chars(k, first, i))
                next = next_first(k, first, i);
            else
                break;
            emit(k, first, next < i && p->v[next].heading ? next : i);
            first = next;
            n_tokens = tokens_of(p, first, i);
        }
        n_tokens += p->v[i].n_tokens;
    }
    if (p->n)
        emit(k, first, p->n);
}

/* chars 0: the whole text, on the page and under the heading where it begins. */
static void whole_document(const struct extracted *doc, struct arena *mem, struct chunk **out,
                           size_t *n)
{
    struct span s = span_trim(doc->text, 0, doc->text.n);

    *n = s.end > s.start;
    *out = ARENA_NEW(mem, struct chunk);
    **out = (struct chunk){.start = s.start, .end = s.end, .heading = {"", 0}};
    for (size_t i = 0; i < doc->n_pages && doc->pages[i].start <= s.start; i++)
        (*out)->page = doc->pages[i].page;
}

int chunk_document(const struct extracted *doc, const struct chunk_settings *s,
                   const struct wordpiece *tokenizer, struct arena *mem, struct chunk **out,
                   size_t *n)
{
    int rc = ERR_OK;
    /* A sentence as long as two chunks is cut. Eight characters a token keep the look-ahead of a
     * cut in proportion to what it yields, whatever the settings. */
    struct piece_limits limits = {
        .max_tokens = s->max_tokens,
        .max_chars = s->chars * 2 < s->max_tokens * 8 ? s->chars * 2 : s->max_tokens * 8};
    struct pieces p = {0};
    struct packer k = {.s = s, .p = &p};

    CHECK(doc->text.n < UINT32_MAX);
    TRY(chunk_settings_check(s));
    if (s->chars == 0) {
        whole_document(doc, mem, out, n);
        return ERR_OK;
    }
    pieces_of(doc, &limits, tokenizer, mem, &p);
    k.tails = mem_alloc(p.n * sizeof *k.tails);
    find_tails(&k);
    pack(&k);
    if (k.too_many) {
        rc = FAIL(ERR_LIMIT, "more than %d chunks of about %zu characters", CHUNKS_PER_DOCUMENT_MAX,
                  s->chars);
        goto out;
    }
    *out = arena_dup(mem, k.v, k.n * sizeof *k.v);
    *n = k.n;
out:
    mem_free(k.v);
    mem_free(k.tails);
    pieces_done(&p);
    return rc;
}
