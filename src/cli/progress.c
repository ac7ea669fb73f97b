#include "cli/progress.h"

#include <string.h>

#include "base/clock.h"

#define PATIENCE_MS 1000 /* nothing is drawn before */
#define REDRAW_MS   100
#define BAR_WIDTH   30
#define TEXT_WIDTH  40

void progress_init(struct progress *p, FILE *err, bool terminal)
{
    *p = (struct progress){.err = err, .wanted = terminal, .start_ns = clock_ns()};
}

/* The last TEXT_WIDTH bytes, which tell more of a path than the first; control characters would
 * move the cursor, so they are shown as '?'. */
static void print_text(FILE *out, const char *text)
{
    size_t n = strlen(text);

    if (n > TEXT_WIDTH) {
        text += n - TEXT_WIDTH;
        while (((unsigned char)*text & 0xc0) == 0x80) /* not in the middle of a character */
            text++;
    }
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
}

void progress_show(struct progress *p, size_t done, size_t total, const char *text)
{
    int full;

    if (!p->wanted || clock_ms_since(p->start_ns) < PATIENCE_MS)
        return;
    if (p->shown && done < total && clock_ms_since(p->last_ns) < REDRAW_MS)
        return;
    p->last_ns = clock_ns();
    p->shown = true;
    full = total ? (int)((double)done / (double)total * BAR_WIDTH) : 0;
    if (full > BAR_WIDTH)
        full = BAR_WIDTH;
    fprintf(p->err, "\r\033[K[");
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < full ? '#' : '.', p->err);
    fprintf(p->err, "] %zu/%zu ", done, total);
    print_text(p->err, text ? text : "");
    fflush(p->err);
}

void progress_done(struct progress *p)
{
    if (!p->shown)
        return;
    fprintf(p->err, "\r\033[K");
    fflush(p->err);
    p->shown = false;
}
