/* fuzz.h - what every fuzz target has: a name, an input, and a way to say that something is wrong.
 *
 * A target is one file, fuzz_NAME.c, with one FUZZ_TARGET(NAME) in it and its kept inputs in
 * corpus/NAME/. It is linked with libfuzzer.c (clang; `make fuzz`) or, all targets together, with
 * replay.c (gcc; `make test`); the file is the same for both.
 *
 *   FUZZ_TARGET(url)
 *   {
 *       FUZZ_TRUE(...);     what must hold whatever `in` is; `mem` lasts for this input
 *   }
 *
 * The input ends where its memory ends, so that reading beyond it is seen.
 *
 * Threads  one.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

typedef void (*fuzz_fn)(struct str in, struct arena *mem);

/* Called before main. */
void fuzz_register(const char *name, fuzz_fn run);

#define FUZZ_TARGET(name)                                                                          \
    static void fuzz_run_##name(struct str in, struct arena *mem);                                 \
    __attribute__((constructor)) static void fuzz_register_##name(void)                            \
    {                                                                                              \
        fuzz_register(#name, fuzz_run_##name);                                                     \
    }                                                                                              \
    static void fuzz_run_##name(struct str in, struct arena *mem)

/* Stops the process, naming the place, when it does not hold. */
#define FUZZ_TRUE(cond)                                                                            \
    do {                                                                                           \
        if (!(cond))                                                                               \
            fuzz_wrong(__FILE__, __LINE__, #cond);                                                 \
    } while (0)
_Noreturn void fuzz_wrong(const char *file, int line, const char *what);

/* The targets that are linked in, by name. */
size_t fuzz_n_targets(void);
const char *fuzz_target_name(size_t i);

/* One input through target i; the bytes are borrowed. */
void fuzz_run(size_t i, const void *p, size_t n);

/* ---- taking an input apart ---- */

/* Between the parts of an input that stands for several files or texts (ASCII's record separator).
 */
#define FUZZ_PART '\x1e'

/* What comes before the next FUZZ_PART, or all that is left; *rest goes on behind it. */
struct str fuzz_part(struct str *rest);

/* The first byte, 0 when there is none. */
uint8_t fuzz_byte(struct str *rest);

/* The same bytes as valid UTF-8: ill-formed ones become U+FFFD. */
struct str fuzz_utf8(struct str s, struct arena *mem);

/* A copy with a NUL behind it. */
const char *fuzz_cstr(struct str s);

/* Memory that ends after n bytes, until the input is done with. */
char *fuzz_block(size_t n);

/* ---- files ---- */

/* A path under which the bytes can be read; good until the next call. */
const char *fuzz_file(struct str bytes);

/* A folder of this process's own, removed at its end. */
const char *fuzz_dir(void);

/* DIR/name; removes it when bytes.p is NULL. */
void fuzz_dir_put(const char *name, struct str bytes);

/* Before the first input of a target that wants something ready: once a process. */
#define FUZZ_ONCE(statement)                                                                       \
    do {                                                                                           \
        static bool done_;                                                                         \
        if (!done_) {                                                                              \
            done_ = true;                                                                          \
            statement;                                                                             \
        }                                                                                          \
    } while (0)
