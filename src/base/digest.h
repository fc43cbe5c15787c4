/* Digests, message authentication and sealing, on OpenSSL's libcrypto. */
#ifndef PL_BASE_DIGEST_H
#define PL_BASE_DIGEST_H

#include "base/buf.h"
#include "base/random.h"

enum { PL_SHA1_SIZE = 20, PL_SHA256_SIZE = 32, PL_SEAL_KEY_SIZE = 32 };

/* 0, or -1 when libcrypto fails. */
int pl_sha256(pl_str bytes, unsigned char out[static PL_SHA256_SIZE]);
int pl_hmac_sha1(pl_str key, pl_str bytes, unsigned char out[static PL_SHA1_SIZE]);
int pl_hmac_sha256(pl_str key, pl_str bytes, unsigned char out[static PL_SHA256_SIZE]);

/* SHA-256 as 64 lower-case hexadecimal digits and a NUL. */
int pl_sha256_hex(pl_str bytes, char text[static PL_SHA256_SIZE * 2 + 1]);

/* Equality in time that depends on the lengths only. */
bool pl_str_eq_constant_time(pl_str a, pl_str b);

/*
 * AES-256-GCM: appends nonce, ciphertext and tag; `bound` is authenticated but not stored (put there what the
 * secret belongs to, so that sealed values cannot be swapped). -1 when libcrypto or the random source fails.
 */
int pl_seal(pl_buf *out, const unsigned char key[static PL_SEAL_KEY_SIZE], pl_str plain, pl_str bound,
            const pl_random *random);

/* Appends the plain text; -1 when the value was not sealed with this key and `bound`, or was changed. */
int pl_unseal(pl_buf *out, const unsigned char key[static PL_SEAL_KEY_SIZE], pl_str sealed, pl_str bound);

#endif
