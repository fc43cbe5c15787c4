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
        cmocka_unit_test(message_authentication),
        cmocka_unit_test(a_sealed_value_opens_only_unchanged_and_in_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
