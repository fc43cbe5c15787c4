/* Encodings, digests, sealing, calendar and identifiers, against known values. */
#include "support/testing.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/random.h"

#include <stdio.h>

static pl_buf out;

static int setup(void **state) {
    (void)state;
    pl_buf_init(&out, 1 << 16);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    pl_buf_free(&out);
    return 0;
}

static void base64_goes_there_and_back(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        pl_buf_clear(&out);
        pl_base64_encode(&out, pl_str_from(pairs[i][0]));
        assert_str(pl_buf_str(&out), pairs[i][1]);
        pl_buf_clear(&out);
        assert_true(pl_base64_decode(&out, pl_str_from(pairs[i][1])));
        assert_str(pl_buf_str(&out), pairs[i][0]);
    }
    static const char *const refused[] = {"Z", "Zg=", "Zg===", "Z!==", "Zg==Zg"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        pl_buf_clear(&out);
        assert_false(pl_base64_decode(&out, pl_str_from(refused[i])));
        assert_int_equal(out.n, 0);
    }
}

static void percent_encoding_follows_the_signature_rules(void **state) {
    (void)state;
    pl_percent_encode(&out, PL_STR("aZ0-_.~ +*/\xe4\xb8\xad"));
    assert_str(pl_buf_str(&out), "aZ0-_.~%20%2B%2A%2F%E4%B8%AD");
    pl_buf_clear(&out);
    assert_true(pl_percent_decode(&out, PL_STR("a+b%20%2b%e4"), true));
    assert_str(pl_buf_str(&out), "a b +\xe4");
    assert_false(pl_percent_decode(&out, PL_STR("%4"), false));
    assert_false(pl_percent_decode(&out, PL_STR("%zz"), false));
}

/* Digits are written in fours and then one by one: every byte in every place of both. */
static void hexadecimal_has_the_digits_of_every_byte(void **state) {
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        for (size_t n = 1; n <= 9; n++) {
            unsigned char bytes[9];
            char text[20], expected[20] = "";
            for (size_t i = 0; i < n; i++) {
                bytes[i] = (unsigned char)(value + 37 * i);
                snprintf(expected + 2 * i, 3, "%02x", bytes[i]);
            }
            memset(text, '#', sizeof text);
            pl_hex_write(text, bytes, n);
            assert_memory_equal(text, expected, 2 * n);
            assert_int_equal(text[2 * n], '#');
            pl_buf_clear(&out);
            pl_hex_encode(&out, pl_str_of((const char *)bytes, n));
            assert_str(pl_buf_str(&out), expected);
        }
    }
    pl_buf_clear(&out);
    pl_hex_encode(&out, PL_STR_NONE);
    assert_int_equal(out.n, 0);
}

static void hexadecimal_refuses_odd_and_foreign_digits(void **state) {
    (void)state;
    assert_true(pl_hex_decode(&out, PL_STR("00fFA1")));
    assert_memory_equal(out.p, "\x00\xff\xa1", 3);
    pl_buf_clear(&out);
    assert_false(pl_hex_decode(&out, PL_STR("abc")));
    assert_false(pl_hex_decode(&out, PL_STR("zz")));
    assert_int_equal(out.n, 0);
}

static void utf8_is_checked_strictly(void **state) {
    (void)state;
    assert_true(pl_utf8_valid(PL_STR("a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80")));
    static const char *const bad[] = {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xe4\xb8", "\x80",         "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pl_utf8_valid(pl_str_from(bad[i])));
    assert_int_equal(pl_utf8_length(PL_STR("a\xe4\xb8\xad\xf0\x9f\x98\x80")), 3);
    /* Plain bytes are passed over eight at a time: one that is wrong is found wherever it stands. */
    for (size_t n = 1; n <= 20; n++) {
        char text[20];
        memset(text, 'a', sizeof text);
        assert_true(pl_utf8_valid(pl_str_of(text, n)));
        for (size_t i = 0; i < n; i++) {
            text[i] = '\x80';
            assert_false(pl_utf8_valid(pl_str_of(text, n)));
            text[i] = 'a';
        }
    }
}

static void digests_have_their_published_values(void **state) {
    (void)state;
    char hex[PL_SHA256_SIZE * 2 + 1];
    assert_int_equal(pl_sha256_hex(PL_STR(""), hex), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    unsigned char mac[PL_SHA256_SIZE];
    assert_int_equal(pl_hmac_sha256(PL_STR("Jefe"), PL_STR("what do ya want for nothing?"), mac), 0);
    pl_hex_encode(&out, pl_str_of((const char *)mac, sizeof mac));
    assert_str(pl_buf_str(&out), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void sealed_values_open_only_with_key_and_owner(void **state) {
    (void)state;
    unsigned char key[PL_SEAL_KEY_SIZE] = {1, 2, 3};
    uint64_t seed = 5;
    pl_random random = pl_random_sequence(&seed);
    pl_buf plain;
    pl_buf_init(&plain, 1000);
    assert_int_equal(pl_seal(&out, key, PL_STR("secret"), PL_STR("user-1"), &random), 0);
    assert_int_equal(pl_unseal(&plain, key, pl_buf_str(&out), PL_STR("user-1")), 0);
    assert_str(pl_buf_str(&plain), "secret");
    assert_int_equal(pl_unseal(&plain, key, pl_buf_str(&out), PL_STR("user-2")), -1);
    for (size_t i = 0; i < out.n; i++) {
        out.p[i] ^= 1;
        assert_int_equal(pl_unseal(&plain, key, pl_buf_str(&out), PL_STR("user-1")), -1);
        out.p[i] ^= 1;
    }
    key[0] = 9;
    assert_int_equal(pl_unseal(&plain, key, pl_buf_str(&out), PL_STR("user-1")), -1);
    pl_buf_free(&plain);
}

static void times_are_read_and_written(void **state) {
    (void)state;
    char text[PL_TIME_TEXT];
    int64_t t = 0;
    assert_str(pl_time_iso(INT64_C(1582945505000), text), "2020-02-29T03:05:05Z");
    assert_str(pl_time_iso(-1000, text), "1969-12-31T23:59:59Z");
    assert_true(pl_time_parse(PL_STR("2020-02-29T03:05:05Z"), &t) && t == INT64_C(1582945505000));
    assert_true(pl_time_parse(PL_STR("2020-02-29T11:05:05.250+08:00"), &t) && t == INT64_C(1582945505250));
    assert_true(pl_time_parse(PL_STR("2020-10-26T16:00Z"), &t) && t == INT64_C(1603728000000));
    assert_true(pl_time_parse(PL_STR("1970-01-02"), &t) && t == 86400000);
    static const char *const bad[] = {"2021-02-29",           "2020-13-01", "2020-01-01T25:00Z",
                                      "2020-01-01T00:00:00Q", "x",          ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(pl_time_parse(pl_str_from(bad[i]), &t));
    assert_str(pl_time_date(INT64_C(1577807999000), 480, text), "2019-12-31");
    assert_str(pl_time_date(INT64_C(1577808000000), 480, text), "2020-01-01");
}

static void xml_says_what_it_can(void **state) {
    (void)state;
    static const char text[] =
        "a<b>&\"c\"\t\n\r\x01 \xE4\xBD\xA0 \xEF\xBF\xBE\xEF\xBF\xBF\xEF\xBF\xBD\xEF\xBF";
    pl_xml_escape(&out, pl_str_of(text, sizeof text - 1), false);
    assert_str(pl_buf_str(&out),
               "a&lt;b&gt;&amp;\"c\"\t\n&#13;  \xE4\xBD\xA0 \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF");
    pl_buf_clear(&out);
    pl_xml_escape(&out, pl_str_of(text, sizeof text - 1), true);
    assert_str(pl_buf_str(&out), "a&lt;b&gt;&amp;&quot;c&quot;&#9;&#10;&#13;  \xE4\xBD\xA0 "
                                 "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF");
    pl_buf_clear(&out);
    pl_xml_escape(&out, PL_STR(""), true);
    assert_str(pl_buf_str(&out), "");
}

static void identifiers_have_their_form(void **state) {
    (void)state;
    uint64_t seed = 1;
    pl_random random = pl_random_sequence(&seed);
    char uuid[PL_UUID_TEXT], hex[21];
    assert_int_equal(pl_random_uuid(&random, uuid), 0);
    assert_int_equal(strspn(uuid, "0123456789ABCDEF-"), 36);
    assert_int_equal(uuid[14], '4');
    assert_int_equal(pl_random_hex(&random, hex, 20), 0);
    assert_int_equal(strspn(hex, "0123456789abcdef"), 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(base64_goes_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(percent_encoding_follows_the_signature_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(hexadecimal_has_the_digits_of_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(hexadecimal_refuses_odd_and_foreign_digits, setup, teardown),
        cmocka_unit_test_setup_teardown(utf8_is_checked_strictly, setup, teardown),
        cmocka_unit_test_setup_teardown(digests_have_their_published_values, setup, teardown),
        cmocka_unit_test_setup_teardown(sealed_values_open_only_with_key_and_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(times_are_read_and_written, setup, teardown),
        cmocka_unit_test_setup_teardown(xml_says_what_it_can, setup, teardown),
        cmocka_unit_test_setup_teardown(identifiers_have_their_form, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
