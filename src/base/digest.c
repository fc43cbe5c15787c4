/*
 * Thin wrappers around libcrypto. SHA-256, of which every signed request needs three sums, is called by its
 * own functions on a state on the stack: what the general interface does around them costs as much as the
 * hashing of a few hundred bytes. For HMAC-SHA1 each thread has a context of its own, made at its first use
 * and freed when the thread ends.
 */
#define OPENSSL_API_COMPAT 10100 /* has the functions of SHA-256 */

#include "base/digest.h"

#include "base/encode.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <pthread.h>

enum { NONCE_SIZE = 12, TAG_SIZE = 16 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key_of_thread;
static bool has_key;

static void free_context(void *value) {
    EVP_MAC_CTX_free(value);
}

static void make_key(void) {
    has_key = pthread_key_create(&key_of_thread, free_context) == 0;
}

static EVP_MAC_CTX *new_hmac_sha1(void) {
    char name[] = OSSL_DIGEST_NAME_SHA1;
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (context && EVP_MAC_CTX_set_params(context, parameters) == 1 &&
        pthread_setspecific(key_of_thread, context) == 0)
        return context;
    EVP_MAC_CTX_free(context);
    return NULL;
}

/* This thread's; NULL when libcrypto or memory fails. */
static EVP_MAC_CTX *hmac_sha1_of_thread(void) {
    if (pthread_once(&once, make_key) != 0 || !has_key)
        return NULL;
    EVP_MAC_CTX *context = pthread_getspecific(key_of_thread);
    return context ? context : new_hmac_sha1();
}

static const void *bytes_of(pl_str s) {
    return s.p ? s.p : "";
}

/* Two texts in a row; the state, which tells of them, does not outlive the call. */
static int sum_of(pl_str head, pl_str tail, unsigned char out[static PL_SHA256_SIZE]) {
    SHA256_CTX state;
    bool ok = SHA256_Init(&state) == 1 && SHA256_Update(&state, bytes_of(head), head.n) == 1 &&
              SHA256_Update(&state, bytes_of(tail), tail.n) == 1 && SHA256_Final(out, &state) == 1;
    explicit_bzero(&state, sizeof state);
    return ok ? 0 : -1;
}

int pl_sha256(pl_str bytes, unsigned char out[static PL_SHA256_SIZE]) {
    return sum_of(bytes, PL_STR_NONE, out);
}

int pl_hmac_sha1(pl_str key, pl_str bytes, unsigned char out[static PL_SHA1_SIZE]) {
    EVP_MAC_CTX *context = hmac_sha1_of_thread();
    size_t written = 0;
    bool ok = context && EVP_MAC_init(context, bytes_of(key), key.n, NULL) == 1 &&
              EVP_MAC_update(context, bytes_of(bytes), bytes.n) == 1 &&
              EVP_MAC_final(context, out, &written, PL_SHA1_SIZE) == 1 && written == PL_SHA1_SIZE;
    return ok ? 0 : -1;
}

static void mask(unsigned char block[static SHA256_CBLOCK], unsigned char with) {
    for (size_t i = 0; i < SHA256_CBLOCK; i++)
        block[i] ^= with;
}

/* RFC 2104: the sum of the key's block under one mask and the sum of it under another with the text. */
int pl_hmac_sha256(pl_str key, pl_str bytes, unsigned char out[static PL_SHA256_SIZE]) {
    enum { INNER = 0x36, OUTER = 0x5c };
    unsigned char block[SHA256_CBLOCK] = {0}, sum[PL_SHA256_SIZE];
    pl_str masked = pl_str_of((const char *)block, sizeof block),
           text = pl_str_of((const char *)sum, sizeof sum);
    int result = 0;
    if (key.n > sizeof block)
        result = pl_sha256(key, block);
    else if (key.n > 0)
        memcpy(block, key.p, key.n);
    mask(block, INNER);
    result = result == 0 ? sum_of(masked, bytes, sum) : -1;
    mask(block, INNER ^ OUTER);
    result = result == 0 ? sum_of(masked, text, out) : -1;
    explicit_bzero(block, sizeof block);
    explicit_bzero(sum, sizeof sum);
    return result;
}

int pl_sha256_hex(pl_str bytes, char text[static PL_SHA256_SIZE * 2 + 1]) {
    unsigned char sum[PL_SHA256_SIZE];
    if (pl_sha256(bytes, sum) != 0)
        return -1;
    pl_hex_write(text, sum, sizeof sum);
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
