/* Packed documents: the same document comes back, any part can be packed, and damage is noticed. */
#include "support/testing.h"

#include "json/pack.h"
#include "json/parser.h"

static pl_arena arena;

static int setup(void **state) {
    (void)state;
    pl_arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    pl_arena_free(&arena);
    return 0;
}

static const char text[] =
    "{\"s\":\"a\\u0000b\",\"n\":[1,-2,18446744073709551615,0.5],\"o\":{\"e\":{},\"l\":[]},"
    "\"t\":true,\"f\":false,\"z\":null,\"\":\"\"}";

static pl_json parsed(void) {
    pl_json root;
    pl_error error;
    assert_int_equal(pl_json_parse_in(&arena, PL_STR(text), &root, &error), 0);
    return root;
}

static pl_str packed(pl_json node) {
    pl_buf out;
    pl_buf_init(&out, 1 << 20);
    assert_true(pl_json_pack(&out, node));
    pl_str kept = pl_arena_copy(&arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return kept;
}

static void a_document_comes_back(void **state) {
    (void)state;
    pl_json back;
    pl_error error;
    pl_buf out;
    assert_int_equal(pl_json_unpack(packed(parsed()), &arena, &back, &error), 0);
    assert_true(pl_json_equal(back, parsed()));
    pl_buf_init(&out, 1 << 20);
    pl_json_write(&out, back);
    assert_int_equal(out.n, sizeof text - 1);
    assert_memory_equal(out.p, text, out.n);
    pl_buf_free(&out);
}

static void a_part_is_a_document_of_its_own(void **state) {
    (void)state;
    pl_str key;
    pl_json part, back;
    pl_error error;
    for (pl_json_walk walk = pl_json_children(parsed()); pl_json_step(&walk, &key, &part);) {
        assert_int_equal(pl_json_unpack(packed(part), &arena, &back, &error), 0);
        assert_true(pl_json_equal(part, back));
        assert_int_equal(pl_json_count(part), pl_json_count(back));
    }
}

static void bytes_without_alignment_are_copied(void **state) {
    (void)state;
    pl_json back;
    pl_error error;
    pl_str bytes = packed(parsed());
    char *moved = pl_arena_alloc(&arena, bytes.n + 8);
    for (size_t shift = 1; shift < 8; shift++) {
        memcpy(moved + shift, bytes.p, bytes.n);
        assert_int_equal(pl_json_unpack(pl_str_of(moved + shift, bytes.n), &arena, &back, &error), 0);
        assert_true(pl_json_equal(back, parsed()));
    }
}

static void cut_or_longer_bytes_are_refused(void **state) {
    (void)state;
    pl_json back;
    pl_error error;
    pl_str bytes = packed(parsed());
    for (size_t n = 0; n < bytes.n; n++) {
        assert_int_equal(pl_json_unpack(pl_str_head(bytes, n), &arena, &back, &error), -1);
        assert_true(pl_error_is(&error, PL_E_InvalidParameter));
        assert_false(pl_json_exists(back));
    }
    assert_int_equal(pl_json_unpack(pl_str_of(bytes.p, bytes.n + 1), &arena, &back, &error), -1);
}

static void every_changed_bit_is_noticed(void **state) {
    (void)state;
    pl_json back;
    pl_error error;
    pl_str bytes = packed(parsed());
    char *copy = pl_arena_cstr(&arena, bytes);
    for (size_t bit = 0; bit < bytes.n * 8; bit++) {
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(pl_json_unpack(pl_str_of(copy, bytes.n), &arena, &back, &error), -1);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
    }
    assert_int_equal(pl_json_unpack(pl_str_of(copy, bytes.n), &arena, &back, &error), 0);
}

static void foreign_bytes_are_refused(void **state) {
    (void)state;
    pl_json back;
    pl_error error;
    assert_int_equal(pl_json_unpack(PL_STR(text), &arena, &back, &error), -1);
    assert_int_equal(pl_json_unpack(PL_STR_NONE, &arena, &back, &error), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_comes_back),
        cmocka_unit_test(a_part_is_a_document_of_its_own),
        cmocka_unit_test(bytes_without_alignment_are_copied),
        cmocka_unit_test(cut_or_longer_bytes_are_refused),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(foreign_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
