/* Arena, buffer and map: limits hold, failure leaves everything usable, nothing leaks. */
#include "support/testing.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/memory.h"

#include <stdio.h>

static void an_arena_gives_zeroed_aligned_memory(void **state) {
    (void)state;
    pl_arena arena;
    pl_arena_init(&arena, 0);
    for (size_t size = 1; size < 10000; size += 37) {
        unsigned char *p = pl_arena_alloc(&arena, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_int_equal(p[0] | p[size - 1], 0);
        memset(p, 0xff, size);
    }
    pl_arena_reset(&arena);
    unsigned char *again = pl_arena_alloc(&arena, 64);
    assert_int_equal(again[0] | again[63], 0);
    pl_arena_free(&arena);
}

static void an_arena_keeps_its_limit(void **state) {
    (void)state;
    pl_arena arena;
    pl_arena_init(&arena, 10000);
    assert_non_null(pl_arena_alloc(&arena, 9000));
    assert_null(pl_arena_alloc(&arena, 5000));
    assert_true(arena.failed);
    assert_null(pl_arena_calloc(&arena, SIZE_MAX / 2, 4));
    pl_arena_free(&arena);
}

static void an_arena_survives_lack_of_memory(void **state) {
    (void)state;
    pl_arena arena;
    pl_arena_init(&arena, 0);
    pl_memory_fail_after(0);
    assert_null(pl_arena_alloc(&arena, 10));
    pl_memory_fail_after(-1);
    assert_str(pl_arena_printf(&arena, "%d-%s", 4, "x"), "4-x");
    pl_arena_free(&arena);
}

static void growing_keeps_the_items(void **state) {
    (void)state;
    pl_arena arena;
    int *items = NULL;
    size_t capacity = 0;
    pl_arena_init(&arena, 0);
    for (int i = 0; i < 1000; i++) {
        items = pl_arena_grow(&arena, items, (size_t)i, &capacity, sizeof *items);
        assert_non_null(items);
        items[i] = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(items[i], i);
    pl_arena_free(&arena);
}

static void a_full_buffer_fails_once_and_keeps_its_content(void **state) {
    (void)state;
    pl_buf buf;
    pl_buf_init(&buf, 8);
    pl_buf_add(&buf, PL_STR("12345678"));
    assert_false(buf.failed);
    pl_buf_add_char(&buf, '9');
    assert_true(buf.failed);
    assert_str(pl_buf_str(&buf), "12345678");
    pl_buf_clear(&buf);
    pl_buf_add_i64(&buf, INT64_C(-1234));
    assert_str(pl_buf_str(&buf), "-1234");
    pl_buf_free(&buf);
}

/* With room for whole blocks and without, which a limit takes away. */
static void whole_blocks_add_the_same_bytes(void **state) {
    (void)state;
    enum { LONGEST = 3 * PL_BUF_BLOCK };
    char bytes[LONGEST];
    pl_arena arena;
    pl_arena_init(&arena, 0);
    for (size_t i = 0; i < LONGEST; i++)
        bytes[i] = (char)('a' + i % 26);
    for (size_t n = 0; n <= LONGEST; n++) {
        pl_str text = pl_arena_copy_padded(&arena, pl_str_of(bytes, n), PL_BUF_BLOCK);
        assert_int_equal(text.n, n);
        assert_int_equal(text.p[n] | text.p[n + PL_BUF_BLOCK - 1], 0);
        for (size_t limit = n + 1; limit <= n + 2 * PL_BUF_BLOCK; limit += PL_BUF_BLOCK / 2) {
            pl_buf buf;
            pl_buf_init(&buf, limit);
            pl_buf_add_char(&buf, '<');
            pl_buf_reserve(&buf, limit - 1);
            pl_buf_add_blocks(&buf, text);
            assert_false(buf.failed);
            assert_int_equal(buf.n, n + 1);
            assert_memory_equal(buf.p + 1, bytes, n);
            pl_buf_add_blocks(&buf, pl_arena_copy_padded(&arena, pl_str_of(bytes, LONGEST), PL_BUF_BLOCK));
            assert_int_equal(buf.failed, limit < n + 1 + LONGEST);
            pl_buf_free(&buf);
        }
    }
    pl_arena_free(&arena);
}

static void numbers_print_at_their_ends(void **state) {
    (void)state;
    pl_buf buf;
    pl_buf_init(&buf, 100);
    pl_buf_add_i64(&buf, INT64_MIN);
    pl_buf_add_char(&buf, ' ');
    pl_buf_add_u64(&buf, UINT64_MAX);
    assert_str(pl_buf_str(&buf), "-9223372036854775808 18446744073709551615");
    pl_buf_free(&buf);
}

/* Against an array that tells which keys are in. */
static void a_map_agrees_with_a_table_over_random_changes(void **state) {
    (void)state;
    enum { KEYS = 300 };
    static char names[KEYS][16];
    bool present[KEYS] = {false};
    size_t count = 0;
    uint64_t random = 1;
    pl_map map;
    pl_map_init(&map, 42);
    for (int i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof names[i], "k%d", i);
    for (int step = 0; step < 20000; step++) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        size_t k = (size_t)(random >> 33) % KEYS;
        pl_str key = pl_str_from(names[k]);
        if (random >> 62 & 1) {
            assert_true(pl_map_put(&map, key, names[k]));
            count += !present[k];
            present[k] = true;
        } else {
            assert_ptr_equal(pl_map_remove(&map, key), present[k] ? names[k] : NULL);
            count -= present[k];
            present[k] = false;
        }
        assert_int_equal(map.count, count);
    }
    for (size_t k = 0; k < KEYS; k++)
        assert_ptr_equal(pl_map_get(&map, pl_str_from(names[k])), present[k] ? names[k] : NULL);
    pl_map_free(&map);
}

static void a_map_without_memory_stays_as_it_was(void **state) {
    (void)state;
    pl_map map;
    pl_map_init(&map, 0);
    char value = 'v';
    char names[12][16];
    for (int i = 0; i < 12; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        assert_true(pl_map_put(&map, pl_str_from(names[i]), &value));
    }
    pl_memory_fail_after(0);
    assert_false(pl_map_put(&map, PL_STR("one more"), &value));
    pl_memory_fail_after(-1);
    assert_int_equal(map.count, 12);
    assert_ptr_equal(pl_map_get(&map, PL_STR("11")), &value);
    pl_map_free(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(an_arena_keeps_its_limit),
        cmocka_unit_test(an_arena_survives_lack_of_memory),
        cmocka_unit_test(growing_keeps_the_items),
        cmocka_unit_test(a_full_buffer_fails_once_and_keeps_its_content),
        cmocka_unit_test(whole_blocks_add_the_same_bytes),
        cmocka_unit_test(numbers_print_at_their_ends),
        cmocka_unit_test(a_map_agrees_with_a_table_over_random_changes),
        cmocka_unit_test(a_map_without_memory_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
