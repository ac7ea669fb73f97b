#include "search_serve.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"

void search_serve(serve_fn answer, void *state, FILE *in, FILE *out)
{
    char *line = NULL, *reply = NULL;
    size_t cap = 0, n_reply = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, in)) > 0) {
        FILE *kept = open_memstream(&reply, &n_reply); /* none of it is sent when it fails */
        int rc;

        line[strcspn(line, "\n")] = 0;
        rc = answer(state, line, kept);
        fclose(kept);
        if (rc < 0)
            fprintf(out, "error %s\n", err_text());
        else
            fprintf(out, "ok%s\n", reply);
        fflush(out);
        free(reply);
    }
    free(line);
}

static unsigned long long cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (unsigned long long)t.tv_sec * 1000000000u + (unsigned long long)t.tv_nsec;
}

struct stretch stretch_begin(void)
{
    return (struct stretch){clock_ns(), cpu_ns()};
}

struct stretch stretch_since(struct stretch begin)
{
    return (struct stretch){clock_ns() - begin.wall, cpu_ns() - begin.cpu};
}
