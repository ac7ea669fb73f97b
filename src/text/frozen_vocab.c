#include "text/frozen_vocab.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "text/trie.h"
#include "text/vocab.h"

#define DIGEST_VERSION 1 /* changes when the same vocabulary would give other tokens */
#define LAYOUT_VERSION 1 /* changes with the byte table in frozen_vocab.h */
#define FROZEN_VERSION (DIGEST_VERSION << 16 | LAYOUT_VERSION)

static const char magic[8] = "ragdtok";

struct head {
    char magic[8];
    uint32_t version;
    uint32_t n_nodes;
    uint32_t words, suffixes;
    uint32_t n_ids;
    int32_t unk, cls, sep;
    uint32_t lower_case;
    uint32_t n_specials;
    uint32_t n_text;
    uint8_t zero[12];
    struct digest digest;
    uint8_t zero_too[32];
};

_Static_assert(sizeof(struct head) == 128 && sizeof(struct trie_node) == 8 &&
                   sizeof(struct frozen_special) == 12,
               "the layout of frozen_vocab.h");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frozen bytes are read where they lie");

/* ---- making ---- */

static int build_trie(const struct vocab *v, struct trie *t, struct head *h)
{
    int rc = ERR_OK;
    struct trie_key *words = mem_alloc(v->n_tokens * sizeof(*words));
    struct trie_key *suffixes = mem_alloc(v->n_tokens * sizeof(*suffixes));
    size_t n_words = 0, n_suffixes = 0;

    for (size_t id = 0; id < v->n_tokens; id++) {
        struct str token = v->tokens[id];

        if (token.n > 2 && str_starts(token, STR_LIT("##")))
            suffixes[n_suffixes++] = (struct trie_key){str_sub(token, 2, token.n), (int32_t)id};
        else if (token.n > 0)
            words[n_words++] = (struct trie_key){token, (int32_t)id};
    }
    TRY(trie_add(t, words, n_words, &h->words));
    TRY(trie_add(t, suffixes, n_suffixes, &h->suffixes));
    h->n_nodes = (uint32_t)t->n;
out:
    mem_free(words);
    mem_free(suffixes);
    return rc;
}

static struct digest vocab_digest(const struct vocab *v)
{
    struct digester *d = digester_new();
    int32_t head[] = {DIGEST_VERSION, v->lower_case, v->unk, v->cls, v->sep};

    digester_add(d, head, sizeof(head));
    for (size_t i = 0; i < v->n_specials; i++) {
        digester_add(d, &v->specials[i].id, sizeof(v->specials[i].id));
        digester_add(d, v->specials[i].text.p, v->specials[i].text.n);
    }
    digester_add(d, "", 0);
    for (size_t id = 0; id < v->n_tokens; id++)
        digester_add(d, v->tokens[id].p, v->tokens[id].n);
    return digester_finish(d);
}

static size_t size_of(const struct head *h)
{
    return sizeof(*h) + (size_t)h->n_nodes * sizeof(struct trie_node) +
           (size_t)h->n_specials * sizeof(struct frozen_special) + h->n_text;
}

static void put_specials(const struct vocab *v, char *at)
{
    struct frozen_special *specials = (struct frozen_special *)(void *)at;
    char *text = (char *)(specials + v->n_specials);
    uint32_t start = 0;

    for (size_t i = 0; i < v->n_specials; i++) {
        struct str s = v->specials[i].text;

        specials[i] = (struct frozen_special){start, (uint32_t)s.n, v->specials[i].id};
        memcpy(text + start, s.p, s.n);
        start += (uint32_t)s.n;
    }
}

int frozen_vocab_make(const struct vocab *v, struct str *out)
{
    int rc = ERR_OK;
    struct trie trie;
    char *bytes;
    struct head head = {
        .version = FROZEN_VERSION,
        .n_ids = (uint32_t)v->n_tokens,
        .unk = v->unk,
        .cls = v->cls,
        .sep = v->sep,
        .lower_case = v->lower_case,
        .n_specials = (uint32_t)v->n_specials,
    };

    memcpy(head.magic, magic, sizeof(magic));
    for (size_t i = 0; i < v->n_specials; i++)
        head.n_text += (uint32_t)v->specials[i].text.n; /* at most TRIE_KEY_MAX each */
    trie_init(&trie);
    TRY(build_trie(v, &trie, &head));
    head.digest = vocab_digest(v);
    bytes = mem_alloc_aligned(size_of(&head));
    memcpy(bytes, &head, sizeof(head));
    memcpy(bytes + sizeof(head), trie.nodes, trie.n * sizeof(*trie.nodes));
    put_specials(v, bytes + sizeof(head) + trie.n * sizeof(*trie.nodes));
    *out = (struct str){bytes, size_of(&head)};
out:
    trie_done(&trie);
    return rc;
}

/* ---- viewing ---- */

static int damaged(const char *what)
{
    return FAIL(ERR_FORMAT, "frozen vocabulary is damaged: %s", what);
}

static int check_head(const struct head *h, struct str bytes)
{
    if ((uintptr_t)bytes.p % FROZEN_VOCAB_ALIGN)
        return FAIL(ERR_FORMAT, "frozen vocabulary is not aligned to %d bytes", FROZEN_VOCAB_ALIGN);
    if (bytes.n < sizeof(*h) || memcmp(h->magic, magic, sizeof(magic)) != 0)
        return damaged("it does not begin with its name and 128 bytes of head");
    if (h->version != FROZEN_VERSION)
        return FAIL(ERR_FORMAT, "frozen vocabulary has version %#x; this program reads %#x",
                    h->version, FROZEN_VERSION);
    if (h->n_nodes > TRIE_NODES_MAX || h->n_ids > VOCAB_TOKENS_MAX ||
        h->n_specials > VOCAB_SPECIALS_MAX)
        return damaged("a count is over its limit");
    if (bytes.n != size_of(h))
        return FAIL(ERR_FORMAT, "frozen vocabulary has %zu bytes; by its head it should have %zu",
                    bytes.n, size_of(h));
    return ERR_OK;
}

static bool is_id(const struct frozen_vocab *f, int32_t id)
{
    return id >= 0 && (size_t)id < f->n_ids;
}

static bool specials_valid(const struct frozen_vocab *f, uint32_t n_text)
{
    for (size_t i = 0; i < f->n_specials; i++) {
        const struct frozen_special *s = &f->specials[i];

        if (!is_id(f, s->id) || s->n == 0 || s->start > n_text || s->n > n_text - s->start)
            return false;
    }
    return true;
}

int frozen_vocab_view(struct frozen_vocab *out, struct str bytes)
{
    const struct head *h = (const struct head *)(const void *)bytes.p;
    const struct trie_node *nodes;
    const struct frozen_special *specials;
    struct frozen_vocab f;
    int rc = check_head(h, bytes);

    if (rc < 0)
        return rc;
    nodes = (const struct trie_node *)(const void *)(h + 1);
    specials = (const struct frozen_special *)(const void *)(nodes + h->n_nodes);
    f = (struct frozen_vocab){
        .nodes = nodes,
        .words = h->words,
        .suffixes = h->suffixes,
        .unk = h->unk,
        .cls = h->cls,
        .sep = h->sep,
        .lower_case = h->lower_case,
        .n_ids = h->n_ids,
        .n_specials = h->n_specials,
        .specials = specials,
        .special_text = (const char *)(specials + h->n_specials),
        .digest = h->digest,
        .bytes = bytes,
    };
    if (!is_id(&f, f.unk) || !is_id(&f, f.cls) || !is_id(&f, f.sep))
        return damaged("[UNK], [CLS] or [SEP] has an id that there is not");
    if (!specials_valid(&f, h->n_text))
        return damaged("a special token lies outside or has an id that there is not");
    if (!trie_base_fits(f.words, h->n_nodes) || !trie_base_fits(f.suffixes, h->n_nodes) ||
        !trie_valid(nodes, h->n_nodes, h->n_ids))
        return damaged("a node of the trie leads outside or to an id that there is not");
    *out = f;
    return ERR_OK;
}
