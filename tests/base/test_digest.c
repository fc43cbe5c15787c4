/* Digests against published examples (FIPS 180-4, RFC 2202, RFC 4231), and sealing. */
#include "support/testing.h"

#include "base/digest.h"
#include "base/encode.h"

static void hex_is(const unsigned char *bytes, size_t n, const char *wanted) {
    char text[65];
    pl_buf out = {.p = text, .capacity = sizeof text, .limit = sizeof text};
    pl_hex_encode(&out, pl_str_of((const char *)bytes, n));
    assert_str(pl_buf_str(&out), wanted);
}

static void sha256_of_known_texts(void **state) {
    (void)state;
    unsigned char sum[PL_SHA256_SIZE];
    assert_int_equal(pl_sha256(PL_STR("abc"), sum), 0);
    hex_is(sum, sizeof sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(pl_sha256(PL_STR_NONE, sum), 0);
    hex_is(sum, sizeof sum, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, all cases of SHA-256; the fifth is cut to 128 bits there. */
static void message_authentication_of_the_standard(void **state) {
    (void)state;
    static const struct {
        const char *key; /* hexadecimal; of one repeated byte, when `repeat` is set */
        size_t repeat;
        const char *text, *wanted;
    } cases[] = {
        {"0b", 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"4a656665", 0, "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"0102030405060708090a0b0c0d0e0f10111213141516171819", 0, "\xcd*50",
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {"aa", 20, "\xdd*50", "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"0c", 20, "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"},
        {"aa", 131, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {"aa", 131,
         "This is a test using a larger than block-size key and a larger than block-size data. The key "
         "needs to be hashed before being used by the HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char sum[PL_SHA256_SIZE];
        char key[131], text[200];
        pl_buf out = {.p = key, .capacity = sizeof key, .limit = sizeof key};
        assert_true(pl_hex_decode(&out, pl_str_from(cases[i].key)));
        if (cases[i].repeat)
            memset(key, key[0], out.n = cases[i].repeat);
        size_t n = strlen(cases[i].text);
        memcpy(text, cases[i].text, n);
        if (n == 4 && text[1] == '*') /* a byte fifty times */
            memset(text, text[0], n = 50);
        assert_int_equal(pl_hmac_sha256(pl_buf_str(&out), pl_str_of(text, n), sum), 0);
        hex_is(sum, strlen(cases[i].wanted) / 2, cases[i].wanted);
    }
}

static void hmac_is(size_t key_size, const char *wanted) {
    unsigned char sum[PL_SHA256_SIZE];
    char key[65];
    memset(key, 'k', sizeof key);
    assert_int_equal(pl_hmac_sha256(pl_str_of(key_size ? key : NULL, key_size), PL_STR(""), sum), 0);
    hex_is(sum, sizeof sum, wanted);
}

/* Keys around the size of a block, and no text. */
static void keys_of_every_size(void **state) {
    (void)state;
    hmac_is(0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    hmac_is(63, "a73e4ae46b2a9f2402fff056e156c0a25551e3db5097f9367522239bfbc2d02e");
    hmac_is(64, "83026a325aaee70e36cfe607536aa1054104ad1077c36134810d4ccded1ccd3b");
    hmac_is(65, "41f1c4cc3107cd5b8d92460f61032902bfdb06484eef17e861b83a5012d3b7f3");
}

/* RFC 2202 and RFC 4231, cases 2 and the one whose key is longer than a block. */
static void message_authentication(void **state) {
    (void)state;
    unsigned char sum[PL_SHA256_SIZE];
    char key[131];
    memset(key, 0xaa, sizeof key);
    pl_str question = PL_STR("what do ya want for nothing?");
    pl_str hash_key_first = PL_STR("Test Using Larger Than Block-Size Key - Hash Key First");
    assert_int_equal(pl_hmac_sha1(PL_STR("Jefe"), question, sum), 0);
    hex_is(sum, PL_SHA1_SIZE, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_int_equal(pl_hmac_sha1(pl_str_of(key, 80), hash_key_first, sum), 0);
    hex_is(sum, PL_SHA1_SIZE, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    assert_int_equal(pl_hmac_sha256(PL_STR("Jefe"), question, sum), 0);
    hex_is(sum, PL_SHA256_SIZE, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(pl_hmac_sha256(pl_str_of(key, 131), hash_key_first, sum), 0);
    hex_is(sum, PL_SHA256_SIZE, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void a_sealed_value_opens_only_unchanged_and_in_its_place(void **state) {
    (void)state;
    unsigned char key[PL_SEAL_KEY_SIZE] = {7};
    pl_random random = pl_random_system();
    pl_buf sealed, plain;
    pl_buf_init(&sealed, 200);
    pl_buf_init(&plain, 200);
    assert_int_equal(pl_seal(&sealed, key, PL_STR("secret"), PL_STR("place"), &random), 0);
    assert_int_equal(pl_unseal(&plain, key, pl_buf_str(&sealed), PL_STR("place")), 0);
    assert_str(pl_buf_str(&plain), "secret");
    assert_int_equal(pl_unseal(&plain, key, pl_buf_str(&sealed), PL_STR("other")), -1);
    for (size_t i = 0; i < sealed.n; i++) {
        sealed.p[i] ^= 1;
        assert_int_equal(pl_unseal(&plain, key, pl_buf_str(&sealed), PL_STR("place")), -1);
        sealed.p[i] ^= 1;
    }
    pl_buf_free(&sealed);
    pl_buf_free(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_known_texts),
        cmocka_unit_test(message_authentication_of_the_standard),
        cmocka_unit_test(keys_of_every_size),
        cmocka_unit_test(message_authentication),
        cmocka_unit_test(a_sealed_value_opens_only_unchanged_and_in_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
