/* embed_case.h - one encoder, some texts, and running them once.
 *
 * Work     a token costs 8 h h + 4 h w operations a layer in products with weights (hidden h,
 *          intermediate w) and 4 t h in the attention of a text of t tokens; a multiply and an add
 *          are two. The rest (norms, GELU, softmax, quantizing) is not counted.
 * Threads  confined.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "embed/embedder.h"
#include "peak.h"

struct encoder {
    struct embedder *e;
    struct pool *pool; /* NULL: one thread */
    struct arena *mem;
    enum peak_type precision;
};

/* Opens the model with a precision by name, on n_threads. A precision that the embedder does not
 * give (it says another) is ERR_UNSUPPORTED. */
int encoder_open(struct encoder *out, const char *model_dir, const char *precision, int n_threads);
void encoder_close(struct encoder *en);

struct embed_case {
    struct embed_item *items; /* [n], ours, with a vector each */
    size_t n, n_tokens;
    double product_operations, attention_operations;
};

struct nanoseconds {
    uint64_t wall, cpu; /* cpu: processor time of all threads of the process */
};

/*   texts  [n]  copied   */
void case_init(struct embed_case *c, const struct encoder *en, char *const *texts, size_t n);
void case_done(struct embed_case *c);

/* Encodes every text: one as a question, more as passages. */
int case_run(struct embed_case *c, struct encoder *en, struct nanoseconds *out);

/* Every text as a question, one after the other. */
int case_run_one_by_one(struct embed_case *c, struct encoder *en, struct nanoseconds *out);

/* The least time one core could take: products at the peak of the precision (f32 where there is
 * none), attention at that of f32.
 *   peaks  [PEAK_N] operations a second   */
double case_floor_ms(const struct embed_case *c, enum peak_type precision, const double *peaks);
