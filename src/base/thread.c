#include "base/thread.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 16 /* the kernel takes no more */

void thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg)
{
    char cut[NAME_BYTES];
    int wrong = pthread_create(out, NULL, fn, arg);

    if (wrong) {
        fprintf(stderr,
                "ragd: cannot start the thread '%s': %s; stopping, nothing acknowledged is lost\n",
                name ? name : "ragd", strerror(wrong));
        _exit(THREAD_STOP_CODE);
    }
    if (!name)
        return;
    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(*out, cut);
}
