/* The one random source, injected, and the identifiers made from it. */
#ifndef PL_BASE_RANDOM_H
#define PL_BASE_RANDOM_H

#include "base/str.h"

typedef struct pl_random {
    int (*fill)(void *context, void *bytes, size_t n); /* 0, or -1 when no randomness can be had */
    void *context;
} pl_random;

/* The operating system's randomness; may be used by several threads. */
pl_random pl_random_system(void);

/* A repeatable sequence for tests, from *state. Not for several threads. */
pl_random pl_random_sequence(uint64_t *state);

/* Fills `n` random bytes; -1 when no randomness can be had. */
static inline int pl_random_fill(const pl_random *random, void *bytes, size_t n) {
    return random->fill(random->context, bytes, n);
}

enum { PL_UUID_TEXT = 37, PL_UUID_BYTES = 16 };

/* Random UUID of version 4 in capitals, with NUL (reference/gateway.md, section 13). -1 without randomness.
 */
int pl_random_uuid(const pl_random *random, char text[static PL_UUID_TEXT]);

/* The same from random bytes at hand. */
void pl_uuid_text(const unsigned char bytes[static PL_UUID_BYTES], char text[static PL_UUID_TEXT]);

/* `digits` lower-case hexadecimal digits and a NUL into `text` (digits + 1 bytes, at most 64 digits). */
int pl_random_hex(const pl_random *random, char *text, size_t digits);

/* `count` characters out of `alphabet` and a NUL into `text` (count + 1 bytes). */
int pl_random_text(const pl_random *random, char *text, size_t count, pl_str alphabet);

#endif
