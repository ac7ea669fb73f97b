/* bench_search - our indexes as a child of bench/peers/compare_search.py.
 *
 *   bench_search vectors     the graph
 *   bench_search words       the word index
 *
 * search_serve.h says which lines it answers.
 */
#include <string.h>

#include "base/cpu.h"
#include "search_serve.h"
#include "simd/simd.h"

static void greet(const char *what)
{
    printf("ready ragd, %s, level %s, processor %s\n", what, simd_level_name(simd_get()->level),
           cpu_model_name());
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *role = argc == 2 ? argv[1] : "";

    if (strcmp(role, "vectors") == 0) {
        struct serve_vectors *v = serve_vectors_new();

        greet(role);
        search_serve(serve_vectors_answer, v, stdin, stdout);
        serve_vectors_free(v);
    } else if (strcmp(role, "words") == 0) {
        struct serve_words *w = serve_words_new();

        greet(role);
        search_serve(serve_words_answer, w, stdin, stdout);
        serve_words_free(w);
    } else {
        fprintf(stderr, "usage: bench_search vectors|words\n");
        return 2;
    }
    return 0;
}
