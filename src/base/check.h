/* check.h - truths that stop the process when they are false.
 *
 * CHECK stays on in release: for cheap truths at boundaries. DCHECK costs nothing in release and
 * may be generous in loops. Both catch our own mistakes; a user's mistake gets an ERR_*.
 */
#pragma once

void check_failed(const char *file, int line, const char *func, const char *cond)
    __attribute__((noreturn, cold));

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            check_failed(__FILE__, __LINE__, __func__, #cond);                                     \
    } while (0)

#ifdef RAGD_DEBUG
#define DCHECK(cond) CHECK(cond)
#else
#define DCHECK(cond)                                                                               \
    do {                                                                                           \
        (void)sizeof(cond);                                                                        \
    } while (0)
#endif
