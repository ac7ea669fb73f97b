#include "index/snapshot.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "index/bitmap.h"

/* ---- the dead of a view ---- */

static void dead_unref(struct dead *d)
{
    if (!d || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) > 1)
        return;
    mem_free(d->chunks);
    mem_free(d->documents);
    mem_free(d->df);
    mem_free(d);
}

static struct dead *dead_ref(struct dead *d)
{
    if (d)
        atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

/* A copy to be changed; of nothing, when old is NULL. */
static struct dead *dead_copy(const struct segment *s, const struct dead *old)
{
    size_t chunk_bytes = bitmap_words(s->n_chunks) * sizeof(uint64_t);
    size_t document_bytes = bitmap_words(s->n_documents) * sizeof(uint64_t);
    size_t df_bytes = s->words->n_terms * sizeof(uint32_t);
    struct dead *d = mem_calloc(1, sizeof *d);

    if (old) {
        /* Field by field: readers may be counting old->refs at this moment. */
        d->n_chunks = old->n_chunks;
        d->n_documents = old->n_documents;
        d->n_words = old->n_words;
        d->chunks = mem_dup(old->chunks, chunk_bytes);
        d->documents = mem_dup(old->documents, document_bytes);
        d->df = mem_dup(old->df, df_bytes);
    } else {
        d->chunks = mem_calloc(1, chunk_bytes);
        d->documents = mem_calloc(1, document_bytes);
        d->df = mem_calloc(1, df_bytes);
    }
    atomic_init(&d->refs, 1);
    return d;
}

static void bury_chunk(const struct bm25 *words, struct dead *d, uint32_t slot)
{
    uint32_t *terms = mem_alloc(words->texts[slot].length * sizeof *terms);
    size_t n = bm25_distinct(words, slot, terms);

    bitmap_set(d->chunks, slot);
    d->n_chunks++;
    d->n_words += words->texts[slot].length;
    for (size_t i = 0; i < n; i++)
        d->df[terms[i]]++;
    mem_free(terms);
}

static void bury(const struct segment *s, struct dead *d, uint32_t document)
{
    DCHECK(!bitmap_get(d->documents, document));
    bitmap_set(d->documents, document);
    d->n_documents++;
    for (uint32_t i = s->first_chunk[document]; i < s->first_chunk[document + 1]; i++)
        bury_chunk(s->words, d, i);
}

/* ---- states ---- */

static struct snapshot *new_snapshot(const struct index_context *context, uint64_t epoch,
                                     size_t cap_views)
{
    struct snapshot *s = mem_calloc(1, sizeof *s + cap_views * sizeof *s->views);

    atomic_init(&s->refs, 1);
    s->context = context;
    s->epoch = epoch;
    return s;
}

struct snapshot *snapshot_empty(const struct index_context *context, uint64_t epoch)
{
    return new_snapshot(context, epoch, 0);
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

static void view_done(struct view *v)
{
    segment_unref(v->segment);
    dead_unref(v->dead);
}

void snapshot_unref(struct snapshot *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < s->n_views; i++)
        view_done(&s->views[i]);
    snapshot_unref(s->summaries);
    mem_free(s);
}

/* Marks the document dead in the view where it lives. `fresh[i]` says that view i's dead are
 * already our own copy. */
static bool remove_document(struct snapshot *s, struct str key, bool *fresh)
{
    for (size_t i = 0; i < s->n_views; i++) {
        struct view *v = &s->views[i];
        uint32_t place;

        if (!dict_find(v->segment->keys, key, &place) ||
            (v->dead && bitmap_get(v->dead->documents, place)))
            continue;
        if (!fresh[i]) {
            struct dead *copy = dead_copy(v->segment, v->dead);

            dead_unref(v->dead);
            v->dead = copy;
            fresh[i] = true;
        }
        bury(v->segment, v->dead, place);
        return true;
    }
    return false;
}

static void add_view(struct snapshot *s, struct segment *added, const uint64_t *refused)
{
    struct view *v = &s->views[s->n_views++];

    *v = (struct view){added, NULL};
    for (uint32_t d = 0; refused && d < added->n_documents; d++)
        if (bitmap_get(refused, d)) {
            if (!v->dead)
                v->dead = dead_copy(added, NULL);
            bury(added, v->dead, d);
        }
}

/* ---- merging ---- */

/* A merge copies what lives, so this is what it costs. */
size_t view_living(const struct view *v)
{
    size_t n = v->segment->n_chunks + v->segment->n_documents;

    return v->dead ? n - v->dead->n_chunks - v->dead->n_documents : n;
}

bool view_is_wasteful(const struct view *v)
{
    return v->dead && (v->dead->n_chunks + v->dead->n_documents) >= view_living(v);
}

/* What is in a file, or on its way there, is not the writer's to merge, nor what would hold it up.
 */
static bool is_writers(const struct snapshot *s, const struct view *v)
{
    return !v->segment->file && !atomic_load(&v->segment->sealing) &&
           view_living(v) <= s->context->writer_merge_max;
}

/* Makes one view of the views from..to-1, or none when nothing of them lives. */
static void merge_views(struct snapshot *s, size_t from, size_t to)
{
    struct segment_part *parts = mem_alloc((to - from) * sizeof *parts);
    size_t n_living = 0, n_left;
    struct view merged = {0};

    for (size_t i = from; i < to; i++) {
        const struct dead *d = s->views[i].dead;

        n_living += view_living(&s->views[i]);
        parts[i - from] = (struct segment_part){s->views[i].segment, d ? d->chunks : NULL,
                                                d ? d->documents : NULL};
    }
    if (n_living)
        merged.segment = segment_merge(parts, to - from);
    mem_free(parts);
    for (size_t i = from; i < to; i++)
        view_done(&s->views[i]);
    n_left = n_living ? 1 : 0;
    memmove(&s->views[from + n_left], &s->views[to], (s->n_views - to) * sizeof *s->views);
    if (n_living)
        s->views[from] = merged;
    s->n_views -= to - from - n_left;
}

/* Joins the last views while the one before is at most twice as large as all behind it: sizes then
 * fall at least by half from view to view. */
static void merge_tail(struct snapshot *s)
{
    size_t from = s->n_views, size = 0;

    while (from > 0 && is_writers(s, &s->views[from - 1]) &&
           size + view_living(&s->views[from - 1]) <= s->context->writer_merge_max &&
           (from == s->n_views || view_living(&s->views[from - 1]) <= 2 * size))
        size += view_living(&s->views[--from]);
    if (s->n_views - from > 1)
        merge_views(s, from, s->n_views);
}

static void tidy(struct snapshot *s)
{
    for (size_t i = s->n_views; i-- > 0;)
        if (is_writers(s, &s->views[i]) && view_is_wasteful(&s->views[i]))
            merge_views(s, i, i + 1);
    merge_tail(s);
}

static void count(struct snapshot *s)
{
    for (size_t i = 0; i < s->n_views; i++) {
        const struct view *v = &s->views[i];

        s->n_chunks += v->segment->n_chunks - (v->dead ? v->dead->n_chunks : 0);
        s->n_documents += v->segment->n_documents - (v->dead ? v->dead->n_documents : 0);
        s->n_words += v->segment->words->n_words - (v->dead ? v->dead->n_words : 0);
    }
}

/* NULL as long as no document has one. */
static struct snapshot *next_summaries(const struct snapshot *old, const struct change *c)
{
    struct change inner = {.epoch = c->epoch,
                           .keys = c->keys,
                           .n_keys = c->n_keys,
                           .added = c->summaries,
                           .refused = c->refused_summaries};
    struct snapshot *base = old->summaries, *next;

    if (!base && !c->summaries)
        return NULL;
    base = base ? snapshot_ref(base) : snapshot_empty(old->context, c->epoch);
    next = snapshot_next(base, &inner, NULL);
    snapshot_unref(base);
    return next;
}

struct snapshot *snapshot_next(const struct snapshot *old, const struct change *c, bool *was_there)
{
    struct snapshot *s = new_snapshot(old->context, c->epoch, old->n_views + 1);
    bool *fresh = mem_calloc(old->n_views + 1, sizeof *fresh);

    for (size_t i = 0; i < old->n_views; i++)
        s->views[i] =
            (struct view){segment_ref(old->views[i].segment), dead_ref(old->views[i].dead)};
    s->n_views = old->n_views;
    for (size_t i = 0; i < c->n_keys; i++) {
        bool found = remove_document(s, c->keys[i], fresh);

        if (was_there)
            was_there[i] = found;
    }
    if (c->added)
        add_view(s, c->added, c->refused);
    tidy(s);
    count(s);
    s->summaries = next_summaries(old, c);
    mem_free(fresh);
    return s;
}

/* ---- sealing ---- */

/* Where the views base[from..] stand in `now`, or now->n_views when they are not all there. */
static size_t find_views(const struct snapshot *now, const struct snapshot *base, size_t from)
{
    size_t n = base->n_views - from, at = 0;

    while (at < now->n_views && now->views[at].segment != base->views[from].segment)
        at++;
    if (at + n > now->n_views)
        return now->n_views;
    for (size_t i = 0; i < n; i++)
        if (now->views[at + i].segment != base->views[from + i].segment)
            return now->n_views;
    return at;
}

/* Marks dead in `sealed` what died in a view since the merge began. */
static void carry_dead(struct view *sealed, const struct view *now, const struct view *base)
{
    const struct segment *s = now->segment;
    uint32_t place;

    if (now->dead == base->dead)
        return;
    for (uint32_t d = 0; d < s->n_documents; d++) {
        if (!bitmap_get(now->dead->documents, d) ||
            (base->dead && bitmap_get(base->dead->documents, d)))
            continue;
        CHECK(dict_find(sealed->segment->keys, dict_at(s->keys, d), &place));
        if (!sealed->dead)
            sealed->dead = dead_copy(sealed->segment, NULL);
        bury(sealed->segment, sealed->dead, place);
    }
}

static void add_shared(struct snapshot *s, const struct view *v)
{
    s->views[s->n_views++] = (struct view){segment_ref(v->segment), dead_ref(v->dead)};
}

/* The views of one state; NULL when those to be replaced are not there. */
static struct snapshot *sealed_state(const struct snapshot *now, const struct seal *seal)
{
    size_t n = seal->base ? seal->base->n_views - seal->from : 0;
    size_t at = n ? find_views(now, seal->base, seal->from) : now->n_views;
    struct snapshot *s;

    if (n && at == now->n_views)
        return NULL;
    s = new_snapshot(now->context, now->epoch, now->n_views);
    for (size_t i = 0; i < at; i++)
        add_shared(s, &now->views[i]);
    if (n && seal->sealed) {
        struct view v = {segment_ref(seal->sealed), NULL};

        for (size_t i = 0; i < n; i++)
            carry_dead(&v, &now->views[at + i], &seal->base->views[seal->from + i]);
        s->views[s->n_views++] = v;
    }
    for (size_t i = at + n; i < now->n_views; i++)
        add_shared(s, &now->views[i]);
    count(s);
    return s;
}

struct snapshot *snapshot_sealed(const struct snapshot *now, const struct seal *chunks,
                                 const struct seal *summaries)
{
    struct snapshot *s = sealed_state(now, chunks);

    if (!s || !now->summaries)
        return s;
    s->summaries = sealed_state(now->summaries, summaries);
    if (!s->summaries) {
        snapshot_unref(s);
        return NULL;
    }
    return s;
}

struct snapshot *snapshot_of_views(const struct index_context *context, uint64_t epoch,
                                   const struct saved_view *views, size_t n,
                                   struct snapshot *summaries)
{
    struct snapshot *s = new_snapshot(context, epoch, n);

    for (size_t i = 0; i < n; i++)
        add_view(s, segment_ref(views[i].segment), views[i].dead_documents);
    count(s);
    s->summaries = summaries;
    return s;
}

/* ---- reading ---- */

uint64_t snapshot_epoch(const struct snapshot *s)
{
    return s->epoch;
}

const struct digest *snapshot_model(const struct snapshot *s)
{
    return &s->context->fingerprint;
}

size_t snapshot_chunks(const struct snapshot *s)
{
    return s->n_chunks;
}

size_t snapshot_documents(const struct snapshot *s)
{
    return s->n_documents;
}

static uint64_t df_in(const struct view *v, struct str word, uint32_t *term)
{
    if (!dict_find(v->segment->words->terms, word, term))
        return 0;
    return bm25_df(v->segment->words, *term) - (v->dead ? v->dead->df[*term] : 0);
}

uint64_t snapshot_terms(const struct snapshot *s, struct str word, uint32_t *terms, size_t stride)
{
    uint64_t df = 0;

    for (size_t i = 0; i < s->n_views; i++) {
        terms[i * stride] = BM25_NONE;
        df += df_in(&s->views[i], word, &terms[i * stride]);
    }
    return df;
}

uint64_t snapshot_df(const struct snapshot *s, struct str word)
{
    uint64_t df = 0;
    uint32_t term;

    for (size_t i = 0; i < s->n_views; i++)
        df += df_in(&s->views[i], word, &term);
    return df;
}

double snapshot_idf(struct snapshot *s, struct str stemmed_word)
{
    uint64_t df = snapshot_df(s, stemmed_word);

    return df ? bm25_idf(s->n_chunks, df) : 0;
}

size_t snapshot_bytes(const struct snapshot *s)
{
    size_t n = sizeof *s + s->n_views * sizeof *s->views +
               (s->summaries ? snapshot_bytes(s->summaries) : 0);

    for (size_t i = 0; i < s->n_views; i++) {
        const struct view *v = &s->views[i];

        n += segment_bytes(v->segment);
        if (v->dead)
            n += bitmap_words(v->segment->n_chunks) * 8 +
                 bitmap_words(v->segment->n_documents) * 8 +
                 v->segment->words->n_terms * sizeof *v->dead->df;
    }
    return n;
}
