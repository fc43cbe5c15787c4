/*
 * Thin wrappers around libcrypto. Each thread has its own contexts, made at its first use with the algorithms
 * already looked up: the lookup at every call, in a table with a lock, costs three times the hashing of the
 * few hundred bytes of a signed request. They are freed when the thread ends.
 */
#include "base/digest.h"

#include "base/encode.h"
#include "base/memory.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>

enum { NONCE_SIZE = 12, TAG_SIZE = 16 };

typedef struct tools {
    EVP_MD *sha256;
    EVP_MD_CTX *digest;
    EVP_MAC_CTX *hmac_sha1, *hmac_sha256;
} tools;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key_of_thread;
static bool has_key;

static void free_tools(void *value) {
    tools *t = value;
    EVP_MAC_CTX_free(t->hmac_sha1);
    EVP_MAC_CTX_free(t->hmac_sha256);
    EVP_MD_CTX_free(t->digest);
    EVP_MD_free(t->sha256);
    pl_free(t);
}

static void make_key(void) {
    has_key = pthread_key_create(&key_of_thread, free_tools) == 0;
}

static EVP_MAC_CTX *new_hmac(const char *digest) {
    char name[16];
    snprintf(name, sizeof name, "%s", digest);
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (context && EVP_MAC_CTX_set_params(context, parameters) == 1)
        return context;
    EVP_MAC_CTX_free(context);
    return NULL;
}

static tools *new_tools(void) {
    tools *t = pl_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->sha256 = EVP_MD_fetch(NULL, OSSL_DIGEST_NAME_SHA2_256, NULL);
    t->digest = EVP_MD_CTX_new();
    t->hmac_sha1 = new_hmac(OSSL_DIGEST_NAME_SHA1);
    t->hmac_sha256 = new_hmac(OSSL_DIGEST_NAME_SHA2_256);
    bool whole = t->sha256 && t->digest && t->hmac_sha1 && t->hmac_sha256;
    if (whole && pthread_setspecific(key_of_thread, t) == 0)
        return t;
    free_tools(t);
    return NULL;
}

/* This thread's; NULL when libcrypto or memory fails. */
static tools *tools_of_thread(void) {
    if (pthread_once(&once, make_key) != 0 || !has_key)
        return NULL;
    tools *t = pthread_getspecific(key_of_thread);
    return t ? t : new_tools();
}

static const void *bytes_of(pl_str s) {
    return s.p ? s.p : "";
}

int pl_sha256(pl_str bytes, unsigned char out[static PL_SHA256_SIZE]) {
    tools *t = tools_of_thread();
    bool ok = t && EVP_DigestInit_ex2(t->digest, t->sha256, NULL) == 1 &&
              EVP_DigestUpdate(t->digest, bytes_of(bytes), bytes.n) == 1 &&
              EVP_DigestFinal_ex(t->digest, out, NULL) == 1;
    return ok ? 0 : -1;
}

static int hmac(EVP_MAC_CTX *context, pl_str key, pl_str bytes, unsigned char *out, size_t size) {
    size_t written = 0;
    bool ok = EVP_MAC_init(context, bytes_of(key), key.n, NULL) == 1 &&
              EVP_MAC_update(context, bytes_of(bytes), bytes.n) == 1 &&
              EVP_MAC_final(context, out, &written, size) == 1 && written == size;
    return ok ? 0 : -1;
}

int pl_hmac_sha1(pl_str key, pl_str bytes, unsigned char out[static PL_SHA1_SIZE]) {
    tools *t = tools_of_thread();
    return t ? hmac(t->hmac_sha1, key, bytes, out, PL_SHA1_SIZE) : -1;
}

int pl_hmac_sha256(pl_str key, pl_str bytes, unsigned char out[static PL_SHA256_SIZE]) {
    tools *t = tools_of_thread();
    return t ? hmac(t->hmac_sha256, key, bytes, out, PL_SHA256_SIZE) : -1;
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
