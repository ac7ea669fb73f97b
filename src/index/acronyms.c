#include "index/acronyms.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "index/bitmap.h"

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_small(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool acronym_is(struct str written)
{
    size_t n_capitals = 0, n_letters = 0, n = written.n;

    if (n && written.p[n - 1] == 's')
        n--;
    for (size_t i = 0; i < n; i++) {
        n_capitals += is_capital(written.p[i]);
        n_letters += written.p[i] != '&';
        if (!is_capital(written.p[i]) && !is_small(written.p[i]) && written.p[i] != '&')
            return false;
    }
    return n_capitals >= 2 && n_letters >= ACRONYM_LETTERS_MIN && n_letters <= ACRONYM_LETTERS_MAX;
}

struct letters {
    char v[ACRONYM_LETTERS_MAX];
    size_t n;
};

/* Without "&", which is a stop word in the long form. False when there are too few or too many. */
static bool letters_of(struct str acronym, struct letters *out)
{
    out->n = 0;
    for (size_t i = 0; i < acronym.n; i++) {
        if (acronym.p[i] == '&')
            continue;
        if (out->n == ACRONYM_LETTERS_MAX)
            return false;
        out->v[out->n++] = acronym.p[i];
    }
    return out->n >= ACRONYM_LETTERS_MIN;
}

/* Long forms as bytes: the terms' strings, a line each. */
struct forms {
    struct dict *seen;
    uint32_t *times;
    size_t cap;
    struct buf line;
};

/* Whether the n terms before `end` begin with the acronym's letters. */
static bool spells(const struct bm25 *b, const uint32_t *end, const struct letters *letters)
{
    const uint32_t *t = end - letters->n;

    for (size_t i = 0; i < letters->n; i++) {
        struct str word;

        if (t[i] == BM25_BREAK)
            return false;
        word = dict_at(b->terms, t[i]);
        if (word.n == 0 || word.p[0] != letters->v[i])
            return false;
    }
    return true;
}

static void count_form(struct forms *f, const struct bm25 *b, const uint32_t *first, size_t n)
{
    bool added;
    uint32_t id;

    buf_clear(&f->line);
    for (size_t i = 0; i < n; i++) {
        buf_add_view(&f->line, dict_at(b->terms, first[i]));
        buf_add_char(&f->line, '\n');
    }
    id = dict_add(f->seen, buf_view(&f->line), &added);
    if (added) {
        f->times = mem_grow(f->times, &f->cap, id + (size_t)1, sizeof *f->times);
        f->times[id] = 0;
    }
    f->times[id]++;
}

/* Once a chunk, so that titles, which every chunk of a document repeats, are not told more often
 * than they stand there. */
static void look_in_chunk(struct forms *f, const struct bm25 *b, uint32_t slot, uint32_t term,
                          const struct letters *letters)
{
    size_t n;
    const uint32_t *sequence = bm25_sequence(b, slot, &n);

    for (size_t i = letters->n; i < n; i++)
        if (sequence[i] == term && spells(b, sequence + i, letters)) {
            count_form(f, b, sequence + i - letters->n, letters->n);
            return;
        }
}

static void look_in_view(struct forms *f, const struct view *v, uint32_t term,
                         const struct letters *letters)
{
    const struct bm25 *b = v->segment->words;

    if (term == BM25_NONE)
        return;
    for (uint64_t i = b->list_start[term]; i < b->list_start[term + 1]; i++)
        if (!v->dead || !bitmap_get(v->dead->chunks, b->slots[i]))
            look_in_chunk(f, b, b->slots[i], term, letters);
}

static int compare(struct str a, struct str b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static struct str most_frequent(const struct forms *f)
{
    struct str best = {NULL, 0};
    uint32_t times = 0;

    for (uint32_t i = 0; i < dict_count(f->seen); i++) {
        struct str form = dict_at(f->seen, i);

        if (f->times[i] > times || (f->times[i] == times && compare(form, best) < 0)) {
            best = form;
            times = f->times[i];
        }
    }
    return best;
}

static size_t cut_lines(struct str form, struct arena *mem, struct str *out)
{
    const char *p = arena_strndup(mem, form.p, form.n), *end = p + form.n;
    size_t n = 0;

    while (p < end) {
        const char *line = memchr(p, '\n', (size_t)(end - p));

        out[n++] = (struct str){p, (size_t)(line - p)};
        p = line + 1;
    }
    return n;
}

size_t acronym_words(const struct snapshot *snap, struct str acronym, const uint32_t *terms,
                     size_t stride, uint64_t df, struct arena *mem, struct str *out)
{
    struct forms f = {0};
    struct letters letters;
    struct str form;
    size_t n = 0;

    if (df > ACRONYM_CHUNKS_MAX || !letters_of(acronym, &letters))
        return 0;
    f.seen = dict_new();
    buf_init(&f.line);
    for (size_t i = 0; i < snap->n_views; i++)
        look_in_view(&f, &snap->views[i], terms[i * stride], &letters);
    form = most_frequent(&f);
    if (form.n)
        n = cut_lines(form, mem, out);
    buf_done(&f.line);
    dict_free(f.seen);
    mem_free(f.times);
    return n;
}
