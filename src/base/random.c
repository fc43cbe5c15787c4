/* Random source and identifiers. */
#include "base/random.h"

#include <sys/random.h>

static int system_fill(void *context, void *bytes, size_t n) {
    (void)context;
    char *at = bytes;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0)
            return -1;
        at += got;
        n -= (size_t)got;
    }
    return 0;
}

static int sequence_fill(void *context, void *bytes, size_t n) {
    uint64_t *state = context;
    unsigned char *at = bytes;
    for (size_t i = 0; i < n; i++) {
        *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
        at[i] = (unsigned char)(*state >> 56);
    }
    return 0;
}

pl_random pl_random_system(void) {
    return (pl_random){system_fill, NULL};
}

pl_random pl_random_sequence(uint64_t *state) {
    return (pl_random){sequence_fill, state};
}

int pl_random_uuid(const pl_random *random, char text[static PL_UUID_TEXT]) {
    unsigned char bytes[PL_UUID_BYTES];
    if (pl_random_fill(random, bytes, sizeof bytes) != 0)
        return -1;
    pl_uuid_text(bytes, text);
    return 0;
}

void pl_uuid_text(const unsigned char bytes[static PL_UUID_BYTES], char text[static PL_UUID_TEXT]) {
    unsigned char b[PL_UUID_BYTES];
    memcpy(b, bytes, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    static const char digits[] = "0123456789ABCDEF";
    char *at = text;
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[b[i] >> 4];
        *at++ = digits[b[i] & 15];
    }
    *at = '\0';
}

int pl_random_hex(const pl_random *random, char *text, size_t digits) {
    return pl_random_text(random, text, digits, PL_STR("0123456789abcdef"));
}

/* Rejection sampling: without it the first letters of the alphabet would come up more often. */
int pl_random_text(const pl_random *random, char *text, size_t count, pl_str alphabet) {
    unsigned limit = 256 - 256 % (unsigned)alphabet.n;
    for (size_t made = 0; made < count;) {
        unsigned char b;
        if (pl_random_fill(random, &b, 1) != 0)
            return -1;
        if (b < limit)
            text[made++] = alphabet.p[b % alphabet.n];
    }
    text[count] = '\0';
    return 0;
}
