/* The signature test vectors (tests/gateway/signature-vectors.json): strings to sign and values, all of them.
 */
#include "support/testing.h"

#include "base/digest.h"
#include "gateway/signature.h"
#include "json/parser.h"

#include <stdio.h>

typedef struct fixture {
    pl_arena arena;
    pl_json vectors;
    pl_buf out;
} fixture;

static int set_up(void **state) {
    static fixture f;
    pl_error error;
    pl_arena_init(&f.arena, 0);
    pl_buf_init(&f.out, 1 << 20);
    FILE *file = fopen(PL_SOURCE_DIR "/tests/gateway/signature-vectors.json", "rb");
    assert_non_null(file);
    char *text = pl_arena_alloc(&f.arena, 1 << 18);
    size_t n = fread(text, 1, 1 << 18, file);
    fclose(file);
    assert_int_equal(pl_json_parse_in(&f.arena, pl_str_of(text, n), &f.vectors, &error), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    pl_arena_free(&f->arena);
    pl_buf_free(&f->out);
    return 0;
}

static pl_str text_of(pl_json object, const char *name) {
    return pl_json_str(pl_json_get(object, pl_str_from(name)));
}

static void add_members(fixture *f, api_fields *fields, pl_json object) {
    pl_error error;
    if (pl_json_exists(object))
        assert_int_equal(api_fields_from_json(fields, &f->arena, object, &error), 0);
}

static void equal(pl_str actual, pl_str wanted, pl_str id) {
    if (!pl_str_eq(actual, wanted))
        fail_msg("%.*s: got %.*s, wanted %.*s", PL_FMT(id), PL_FMT(actual), PL_FMT(wanted));
}

static void version_1(void **state) {
    fixture *f = *state;
    pl_json vector;
    pl_str key;
    size_t count = 0;
    pl_error error;
    for (pl_json_walk w = pl_json_children(pl_json_get(f->vectors, PL_STR("v1")));
         pl_json_step(&w, &key, &vector);) {
        api_fields fields = {0};
        add_members(f, &fields, pl_json_get(vector, PL_STR("query")));
        add_members(f, &fields, pl_json_get(vector, PL_STR("form")));
        assert_int_equal(api_fields_merge(&fields, &error), 0);
        pl_buf_clear(&f->out);
        signature_v1_string(&f->out, text_of(vector, "method"), &fields);
        pl_str id = text_of(vector, "id"), to_sign = text_of(vector, "string_to_sign");
        equal(pl_buf_str(&f->out), to_sign, id);
        signature_method method = pl_str_is(text_of(vector, "algorithm"), "HMAC-SHA1")
                                      ? SIGNATURE_HMAC_SHA1
                                      : SIGNATURE_HMAC_SHA256;
        pl_buf_clear(&f->out);
        assert_int_equal(signature_v1_value(&f->out, method, text_of(vector, "access_key_secret"), to_sign),
                         0);
        equal(pl_buf_str(&f->out), text_of(vector, "signature"), id);
        count++;
    }
    assert_int_equal(count, 14);
}

static size_t headers_of(fixture *f, pl_json vector, signature_header *headers) {
    size_t count = 0;
    pl_str name;
    pl_json value;
    for (pl_json_walk w = pl_json_children(pl_json_get(vector, PL_STR("headers")));
         pl_json_step(&w, &name, &value);) {
        char *lower = pl_arena_cstr(&f->arena, name);
        for (char *c = lower; *c; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        headers[count++] = (signature_header){pl_str_from(lower), pl_str_trim(pl_json_str(value))};
    }
    headers[count++] =
        (signature_header){PL_STR("x-acs-content-sha256"), text_of(vector, "x_acs_content_sha256")};
    return count;
}

static void version_3(void **state) {
    fixture *f = *state;
    pl_json vector;
    pl_str key;
    size_t count = 0;
    for (pl_json_walk w = pl_json_children(pl_json_get(f->vectors, PL_STR("v3")));
         pl_json_step(&w, &key, &vector);) {
        api_fields fields = {0};
        signature_header headers[32];
        signature_authorization parts;
        char hash[65], to_sign[SIGNATURE_V3_STRING + 1], value[SIGNATURE_V3_VALUE + 1];
        pl_str id = text_of(vector, "id");
        add_members(f, &fields, pl_json_get(vector, PL_STR("query")));
        api_fields_sort(&fields);
        assert_int_equal(pl_sha256_hex(text_of(vector, "body"), hash), 0);
        equal(pl_str_from(hash), text_of(vector, "x_acs_content_sha256"), id);
        assert_true(signature_v3_parse(text_of(vector, "authorization"), &parts));
        equal(parts.signed_headers, text_of(vector, "signed_headers"), id);
        equal(parts.credential, text_of(vector, "access_key_id"), id);
        signature_v3 request = {.http_method = text_of(vector, "method"),
                                .path = text_of(vector, "canonical_uri"),
                                .query = &fields,
                                .headers = headers,
                                .header_count = headers_of(f, vector, headers),
                                .signed_headers = parts.signed_headers,
                                .payload_hash = pl_str_from(hash)};
        pl_buf_clear(&f->out);
        signature_v3_canonical(&f->out, &request);
        equal(pl_buf_str(&f->out), text_of(vector, "canonical_request"), id);
        assert_int_equal(signature_v3_string(to_sign, pl_buf_str(&f->out)), 0);
        equal(pl_str_from(to_sign), text_of(vector, "string_to_sign"), id);
        assert_int_equal(
            signature_v3_value(value, text_of(vector, "access_key_secret"), pl_str_from(to_sign)), 0);
        equal(pl_str_from(value), parts.signature, id);
        equal(pl_str_from(value), text_of(vector, "signature"), id);
        count++;
    }
    assert_int_equal(count, 9);
}

static void repeated_headers_are_joined_in_order(void **state) {
    fixture *f = *state;
    signature_header headers[] = {
        {PL_STR("x-acs-a"), PL_STR("2")}, {PL_STR("x-acs-a"), PL_STR("1")}, {PL_STR("x-acs-a"), PL_STR("2")}};
    api_fields none = {0};
    signature_v3 request = {.http_method = PL_STR("GET"),
                            .path = PL_STR("/"),
                            .query = &none,
                            .headers = headers,
                            .header_count = 3,
                            .signed_headers = PL_STR("x-acs-a"),
                            .payload_hash = PL_STR("h")};
    pl_buf_clear(&f->out);
    signature_v3_canonical(&f->out, &request);
    assert_str(pl_buf_str(&f->out), "GET\n/\n\nx-acs-a:1,2,2\n\nx-acs-a\nh");
}

static void malformed_authorization(void **state) {
    (void)state;
    signature_authorization parts;
    assert_true(
        signature_v3_parse(PL_STR("ACS3-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c"), &parts));
    assert_str(parts.signature, "c");
    const char *wrong[] = {"",
                           "ACS3-HMAC-SHA256",
                           "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b",
                           "ACS3-HMAC-SHA256 Credential=a,Credential=b,SignedHeaders=b,Signature=c",
                           "ACS3-HMAC-SHA256 Credential=,SignedHeaders=b,Signature=c",
                           "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature=c,Other=d"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(signature_v3_parse(pl_str_from(wrong[i]), &parts));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(version_3, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repeated_headers_are_joined_in_order, set_up, tear_down),
        cmocka_unit_test(malformed_authorization),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
