/*
 * Thin wrappers around libcrypto. No state.
 *
 * Digests use the plain SHA functions: the EVP ones look the algorithm up in a locked table at every call,
 * which on the few hundred bytes of a signed request costs three times the hashing itself.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

enum { NONCE_SIZE = 12, TAG_SIZE = 16, BLOCK_SIZE = 64 };

int pl_sha256(pl_str bytes, unsigned char out[static PL_SHA256_SIZE]) {
    SHA256_CTX state;
    bool ok = SHA256_Init(&state) == 1 && SHA256_Update(&state, bytes.p ? bytes.p : "", bytes.n) == 1 &&
              SHA256_Final(out, &state) == 1;
    return ok ? 0 : -1;
}

static int sha1(pl_str bytes, unsigned char out[static PL_SHA1_SIZE]) {
    SHA_CTX state;
    bool ok = SHA1_Init(&state) == 1 && SHA1_Update(&state, bytes.p ? bytes.p : "", bytes.n) == 1 &&
              SHA1_Final(out, &state) == 1;
    return ok ? 0 : -1;
}

/* RFC 2104: a key longer than a block is hashed first, then padded with zeros and masked. */
static void mask(unsigned char block[static BLOCK_SIZE], const unsigned char key[static BLOCK_SIZE],
                 unsigned char with) {
    for (size_t i = 0; i < BLOCK_SIZE; i++)
        block[i] = key[i] ^ with;
}

int pl_hmac_sha1(pl_str key, pl_str bytes, unsigned char out[static PL_SHA1_SIZE]) {
    unsigned char padded[BLOCK_SIZE] = {0}, block[BLOCK_SIZE];
    SHA_CTX state;
    if (key.n > BLOCK_SIZE && sha1(key, padded) != 0)
        return -1;
    if (key.n > 0 && key.n <= BLOCK_SIZE)
        memcpy(padded, key.p, key.n);
    mask(block, padded, 0x36);
    bool ok = SHA1_Init(&state) == 1 && SHA1_Update(&state, block, sizeof block) == 1 &&
              SHA1_Update(&state, bytes.p ? bytes.p : "", bytes.n) == 1 && SHA1_Final(out, &state) == 1;
    mask(block, padded, 0x5c);
    ok = ok && SHA1_Init(&state) == 1 && SHA1_Update(&state, block, sizeof block) == 1 &&
         SHA1_Update(&state, out, PL_SHA1_SIZE) == 1 && SHA1_Final(out, &state) == 1;
    OPENSSL_cleanse(padded, sizeof padded);
    OPENSSL_cleanse(block, sizeof block);
    return ok ? 0 : -1;
}

int pl_hmac_sha256(pl_str key, pl_str bytes, unsigned char out[static PL_SHA256_SIZE]) {
    unsigned char padded[BLOCK_SIZE] = {0}, block[BLOCK_SIZE];
    SHA256_CTX state;
    if (key.n > BLOCK_SIZE && pl_sha256(key, padded) != 0)
        return -1;
    if (key.n > 0 && key.n <= BLOCK_SIZE)
        memcpy(padded, key.p, key.n);
    mask(block, padded, 0x36);
    bool ok = SHA256_Init(&state) == 1 && SHA256_Update(&state, block, sizeof block) == 1 &&
              SHA256_Update(&state, bytes.p ? bytes.p : "", bytes.n) == 1 && SHA256_Final(out, &state) == 1;
    mask(block, padded, 0x5c);
    ok = ok && SHA256_Init(&state) == 1 && SHA256_Update(&state, block, sizeof block) == 1 &&
         SHA256_Update(&state, out, PL_SHA256_SIZE) == 1 && SHA256_Final(out, &state) == 1;
    OPENSSL_cleanse(padded, sizeof padded);
    OPENSSL_cleanse(block, sizeof block);
    return ok ? 0 : -1;
}

int pl_sha256_hex(pl_str bytes, char text[static PL_SHA256_SIZE * 2 + 1]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[PL_SHA256_SIZE];
    if (pl_sha256(bytes, sum) != 0)
        return -1;
    for (size_t i = 0; i < sizeof sum; i++) {
        text[2 * i] = digits[sum[i] >> 4];
        text[2 * i + 1] = digits[sum[i] & 15];
    }
    text[2 * sizeof sum] = '\0';
    return 0;
}

bool pl_str_eq_constant_time(pl_str a, pl_str b) {
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

static bool fits(pl_str s) {
    return s.n <= INT32_MAX - 64;
}

static int seal_with(EVP_CIPHER_CTX *cipher, unsigned char *out, const unsigned char *key, pl_str plain,
                     pl_str bound) {
    int n = 0;
    unsigned char *text = out + NONCE_SIZE;
    bool ok = EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
              EVP_EncryptUpdate(cipher, NULL, &n, (const unsigned char *)(bound.p ? bound.p : ""),
                                (int)bound.n) == 1 &&
              EVP_EncryptUpdate(cipher, text, &n, (const unsigned char *)(plain.p ? plain.p : ""),
                                (int)plain.n) == 1 &&
              EVP_EncryptFinal_ex(cipher, text + plain.n, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, text + plain.n) == 1;
    return ok ? 0 : -1;
}

int pl_seal(pl_buf *out, const unsigned char key[static PL_SEAL_KEY_SIZE], pl_str plain, pl_str bound,
            const pl_random *random) {
    size_t size = NONCE_SIZE + plain.n + TAG_SIZE;
    if (!fits(plain) || !fits(bound) || !pl_buf_reserve(out, size))
        return -1;
    unsigned char *at = (unsigned char *)out->p + out->n;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (!cipher)
        return -1;
    int result = pl_random_fill(random, at, NONCE_SIZE);
    if (result == 0)
        result = seal_with(cipher, at, key, plain, bound);
    EVP_CIPHER_CTX_free(cipher);
    if (result == 0)
        out->n += size;
    return result;
}

static int unseal_with(EVP_CIPHER_CTX *cipher, unsigned char *out, const unsigned char *key, pl_str sealed,
                       pl_str bound) {
    const unsigned char *in = (const unsigned char *)sealed.p;
    size_t length = sealed.n - NONCE_SIZE - TAG_SIZE;
    unsigned char tag[TAG_SIZE];
    memcpy(tag, in + NONCE_SIZE + length, TAG_SIZE);
    int n = 0;
    bool ok = EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, in) == 1 &&
              EVP_DecryptUpdate(cipher, NULL, &n, (const unsigned char *)(bound.p ? bound.p : ""),
                                (int)bound.n) == 1 &&
              EVP_DecryptUpdate(cipher, out, &n, in + NONCE_SIZE, (int)length) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
              EVP_DecryptFinal_ex(cipher, out + length, &n) == 1;
    return ok ? 0 : -1;
}

int pl_unseal(pl_buf *out, const unsigned char key[static PL_SEAL_KEY_SIZE], pl_str sealed, pl_str bound) {
    if (sealed.n < NONCE_SIZE + TAG_SIZE || !fits(sealed) || !fits(bound))
        return -1;
    size_t length = sealed.n - NONCE_SIZE - TAG_SIZE;
    if (!pl_buf_reserve(out, length + 1))
        return -1;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (!cipher)
        return -1;
    int result = unseal_with(cipher, (unsigned char *)out->p + out->n, key, sealed, bound);
    EVP_CIPHER_CTX_free(cipher);
    if (result == 0)
        out->n += length;
    return result;
}
