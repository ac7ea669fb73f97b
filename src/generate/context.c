#include "generate/context.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"
#include "text/sentences.h"
#include "text/tokens.h"

#define SENTENCES_MAX 512

static int place_of(const struct passage *x, const struct passage *y)
{
    size_t n = x->document.n < y->document.n ? x->document.n : y->document.n;
    int c = n ? memcmp(x->document.p, y->document.p, n) : 0;

    if (c)
        return c;
    if (x->document.n != y->document.n)
        return x->document.n < y->document.n ? -1 : 1;
    return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

static int by_place(const void *a, const void *b, void *arg)
{
    const struct passage *p = arg;

    return place_of(&p[*(const uint32_t *)a], &p[*(const uint32_t *)b]);
}

bool context_before(const struct passage *a, const struct passage *b)
{
    return place_of(a, b) < 0;
}

/* The most whole sentences of a text that fit; a single one that does not is cut by bytes. */
static struct str cut_at_sentence(struct str text, size_t room, struct arena *mem)
{
    struct span *spans = arena_alloc(mem, SENTENCES_MAX * sizeof *spans);
    size_t n = sentence_split(text, spans, SENTENCES_MAX), end = 0;

    for (size_t i = 0; i < n && spans[i].end <= room; i++)
        end = spans[i].end;
    if (end == 0)
        end = utf8_floor(text.p, text.n, room);
    return str_sub(text, 0, end);
}

struct budget {
    size_t left;
    bool in_tokens;
    const struct wordpiece *w; /* NULL: tokens are guessed */
};

static struct str what_fits(const struct budget *b, struct str text)
{
    if (b->in_tokens)
        return tokens_first(b->w, text, b->left);
    return str_sub(text, 0, text.n < b->left ? text.n : b->left);
}

static size_t cost_of(const struct budget *b, struct str text)
{
    size_t cost = b->in_tokens ? tokens_count(b->w, text) : text.n;

    return cost < b->left ? cost : b->left;
}

/* Best hits first: each takes what it needs of the budget, the first that does not fit is cut. */
static void spend_budget(struct context *c, struct budget b, struct arena *mem)
{
    for (size_t i = 0; i < c->n && b.left > 0; i++) {
        struct str text = c->passages[i].text, fits = what_fits(&b, text);

        c->kept[i] = fits.n == text.n ? text : cut_at_sentence(text, fits.n, mem);
        b.left -= cost_of(&b, c->kept[i]);
        if (c->kept[i].n)
            c->order[c->n_used++] = (uint32_t)i;
        if (c->kept[i].n < text.n)
            break;
    }
}

/* What the passage before, of the same document, has said already is left out. */
static struct str without_overlap(const struct passage *p, struct str text,
                                  const struct passage *before, size_t before_n)
{
    uint32_t said = before->start + (uint32_t)before_n;
    size_t skip;

    if (!str_eq(p->document, before->document) || said <= p->start || p->kind != before->kind)
        return text;
    skip = said - p->start;
    if (skip >= text.n)
        return str_sub(text, text.n, text.n);
    return str_trim(str_sub(text, utf8_floor(text.p, text.n, skip), text.n));
}

/* A hit and its neighbours are read as one piece. */
static bool goes_on(const struct passage *p, const struct passage *before)
{
    return before && (p->is_neighbour || before->is_neighbour) && p->source == before->source &&
           str_eq(p->document, before->document) && p->ordinal == before->ordinal + 1;
}

static void open_piece(struct buf *b, const struct passage *p, struct str mark)
{
    buf_addf(b, "<passage %u %.*s>\n", p->source + 1, STR_ARGS(mark));
    buf_add_view(b, p->title.n ? p->title : p->document);
    if (p->page)
        buf_addf(b, ", page %d", (int)p->page);
    if (p->heading.n)
        buf_addf(b, ", %.*s", STR_ARGS(p->heading));
    buf_add_char(b, '\n');
}

static void close_piece(struct buf *b, const struct passage *p, struct str mark)
{
    buf_addf(b, "</passage %u %.*s>\n", p->source + 1, STR_ARGS(mark));
}

struct str context_render(const struct context *c, struct str mark, struct arena *mem)
{
    struct buf b;
    struct str rendered;
    const struct passage *before = NULL;
    size_t before_n = 0;

    buf_init(&b);
    for (size_t i = 0; i < c->n_used; i++) {
        const struct passage *p = &c->passages[c->order[i]];
        struct str text = c->kept[c->order[i]];

        if (!goes_on(p, before)) {
            if (before)
                close_piece(&b, before, mark);
            open_piece(&b, p, mark);
        }
        buf_add_view(&b, before ? without_overlap(p, text, before, before_n) : text);
        buf_add_char(&b, '\n');
        before = p;
        before_n = text.n;
    }
    if (before)
        close_piece(&b, before, mark);
    rendered = (struct str){arena_strndup(mem, buf_view(&b).p, b.n), b.n};
    buf_done(&b);
    return rendered;
}

static bool holds(struct str text, struct str bytes)
{
    return text.n >= bytes.n && memmem(text.p, text.n, bytes.p, bytes.n) != NULL;
}

bool context_holds(const struct context *c, struct str bytes)
{
    for (size_t i = 0; i < c->n_used; i++) {
        const struct passage *p = &c->passages[c->order[i]];

        if (holds(p->text, bytes) || holds(p->title, bytes) || holds(p->heading, bytes) ||
            holds(p->document, bytes))
            return true;
    }
    return false;
}

static void build(struct passage *passages, size_t n, struct budget budget, struct arena *mem,
                  struct context *out)
{
    struct context c = {.passages = passages, .n = n};

    c.kept = ARENA_ARRAY(mem, struct str, n);
    c.order = ARENA_ARRAY(mem, uint32_t, n);
    spend_budget(&c, budget, mem);
    qsort_r(c.order, c.n_used, sizeof *c.order, by_place, passages);
    *out = c;
}

int context_build(struct passage *passages, size_t n, size_t budget_chars, struct arena *mem,
                  struct context *out)
{
    if (budget_chars < 1 || budget_chars > CONTEXT_CHARS_MAX)
        return FAIL(ERR_LIMIT, "context_chars is %zu; it must be from 1 to %d", budget_chars,
                    CONTEXT_CHARS_MAX);
    build(passages, n, (struct budget){.left = budget_chars}, mem, out);
    return ERR_OK;
}

int context_build_tokens(struct passage *passages, size_t n, size_t budget_tokens,
                         const struct wordpiece *w, struct arena *mem, struct context *out)
{
    if (budget_tokens < 1 || budget_tokens > CONTEXT_TOKENS_MAX)
        return FAIL(ERR_LIMIT, "context_tokens is %zu; it must be from 1 to %d", budget_tokens,
                    CONTEXT_TOKENS_MAX);
    build(passages, n, (struct budget){budget_tokens, true, w}, mem, out);
    return ERR_OK;
}

/* Everything of a passage that a reply shows, so that a changed title or page is another prompt. */
static void add_passage(struct digester *d, const struct passage *p)
{
    digester_add(d, p->document.p, p->document.n);
    digester_add(d, p->title.p, p->title.n);
    digester_add(d, p->uri.p, p->uri.n);
    digester_add(d, p->metadata.p, p->metadata.n);
    digester_add(d, p->heading.p, p->heading.n);
    digester_add(d, p->text.p, p->text.n);
    digester_add_u64(d, p->chunk_id);
    digester_add_u64(d, (uint64_t)(uint32_t)p->page << 32 | p->start);
    digester_add_u64(d, p->end);
    digester_add_u64(d, p->hit.duplicates);
    digester_add_u64(d, (uint64_t)p->kind << 1 | p->is_neighbour);
}

struct digest context_prompt_hash(const struct context *c, const struct prompt *p,
                                  struct arena *mem)
{
    struct digester *d = digester_new();
    uint32_t *order = ARENA_ARRAY(mem, uint32_t, c->n);

    for (size_t i = 0; i < c->n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, c->n, sizeof *order, by_place, c->passages);
    digester_add_str(d, p->tenant);
    digester_add_str(d, p->collection);
    digester_add(d, p->question.p, p->question.n);
    digester_add_str(d, p->generator);
    digester_add_str(d, p->settings);
    for (size_t i = 0; i < c->n; i++) {
        add_passage(d, &c->passages[order[i]]);
        digester_add_u64(d, c->kept[order[i]].n); /* the rendered text follows from these */
    }
    return digester_finish(d);
}
