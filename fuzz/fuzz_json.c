/*
 * Any bytes as JSON text. Text that is refused has its error inside it; text that is read comes back equal
 * after writing; every node is found again in the text.
 */
#include "json/parser.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds)
        abort();
}

static void check_places(pl_str text, pl_json root) {
    pl_str key;
    pl_json child;
    pl_buf path;
    size_t last = 0;
    pl_buf_init(&path, 1 << 20);
    for (pl_json_walk walk = pl_json_children(root); pl_json_step(&walk, &key, &child);) {
        size_t at = pl_json_locate_node(text, child);
        check(at < text.n && at > last);
        last = at;
        pl_buf_clear(&path);
        pl_json_path(&path, root, child);
        check(path.failed || path.n > 1);
    }
    pl_buf_free(&path);
}

static void check_copy(pl_arena *arena, pl_json root) {
    pl_buf text;
    pl_json again;
    pl_error error;
    pl_buf_init(&text, 1 << 24);
    pl_json_write(&text, root);
    check(pl_json_parse_in(arena, pl_buf_str(&text), &again, &error) == 0 && pl_json_equal(root, again));
    pl_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pl_str text = pl_str_of((const char *)data, size);
    pl_arena arena;
    pl_json root;
    pl_error error;
    pl_arena_init(&arena, 1 << 26);
    if (pl_json_parse_in(&arena, text, &root, &error) == 0) {
        check_places(text, root);
        check_copy(&arena, root);
    } else {
        check(error.position <= size);
    }
    pl_arena_free(&arena);
    return 0;
}
