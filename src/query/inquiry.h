/* inquiry.h - one question's run, for the files that carry it out: what stands, what is found, what
 * is made.
 *
 *   inquiry_kept.c     look up; the same prompt; a question that means the same; another replica
 *   inquiry_search.c   vector, passages, context, and the hash of the prompt
 *   query.c            the path through both, and the answer
 *
 * Threads  confined, but for what query.h says of its own.
 */
#pragma once
#include "cache/origin.h"
#include "query/query.h"

/* What is left to do when an answer has been made needs this much of a run. */
struct unfinished {
    struct digest key, scope;
    struct str lent;             /* the question, where it may stand in for others; else NULL */
    struct answer_origin origin; /* without documents: they are the answer's */
    uint64_t ticket;
    int64_t shared_ticket;
    float *vector; /* in ans->mem; NULL: words only */
    size_t dim;
    struct extract_question question;
};

/* What one run carries from stage to stage. */
struct inquiry {
    struct engine *e;
    const struct query *q;
    struct query searched; /* the same with the text that is searched for */
    struct answer *ans;
    struct embedder *model;    /* a reference: vector, snapshot and key are of this one */
    struct digest fingerprint; /* its own */
    struct adapter *adapter;   /* the collection's for it, with a reference; NULL: none */
    struct digest key;
    struct digest scope;         /* of questions that may mean the same; where that is wanted */
    bool alike_was_asked;        /* one that does was there, but no answer to it */
    bool seen_before;            /* the question table knows it, at another epoch */
    struct digest prompt_before; /* and came to this then */
    uint64_t ticket;
    int64_t shared_ticket;
    struct snapshot *snap;
    float *vector;  /* in ans->mem; NULL: words only */
    float *adapted; /* what is searched for; `vector` without an adapter */
    struct extract_question question;
    struct digest prompt_hash;
};

/* ---- inquiry_search.c ---- */

/* The model in force, the collection's adapter for it, and the key of the question under both. */
void inquiry_take_model(struct inquiry *r);
void inquiry_leave_model(struct inquiry *r);

size_t inquiry_dim(const struct inquiry *r);
bool inquiry_is_late(const struct inquiry *r); /* the question's deadline is over */

/* The question's vector, unless the run has it. */
int inquiry_embed(struct inquiry *r);

/* Hits and passages, from one snapshot. A model that changes meanwhile makes the run begin anew. */
int inquiry_find_passages(struct inquiry *r);

/* The context, who answers, and the hash of the prompt. */
int inquiry_build_context(struct inquiry *r);

/* ---- inquiry_kept.c ---- */

/* True: the answer is there. Else an earlier run may have left its vector. */
bool inquiry_look_up(struct inquiry *r);

/* True: another question that means the same is answered. Looks by the form, and where there is a
 * vector by that, and once only finds one. */
bool inquiry_answered_alike(struct inquiry *r);

struct unfinished inquiry_unfinished(const struct inquiry *r);

/* True: the prompt was answered before. */
bool inquiry_answered_before(struct inquiry *r, const struct unfinished *u);

/* True: another replica has just answered. Else ans->flight and ans->waits say whose turn it is. */
bool inquiry_joined(struct inquiry *r, const struct unfinished *u);

/* A new answer goes to every tier, unless the question or what was left out forbids it. */
void unfinished_remember(struct engine *e, const struct query *q, struct answer *ans,
                         const struct unfinished *u);

/* How it ended, once a question that somebody asked. */
void answer_count(struct engine *e, const struct query *q, const struct answer *ans);
