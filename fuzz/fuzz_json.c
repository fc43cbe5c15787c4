/*
 * Any bytes as JSON text and as a packed document. Text that is refused has its error inside it; text that is
 * read comes back equal after writing, and after packing; every node is found again in the text.
 */
#include "json/pack.h"
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

static void check_copies(pl_arena *arena, pl_json root) {
    pl_buf text, packed;
    pl_json again, stored;
    pl_error error;
    pl_buf_init(&text, 1 << 24);
    pl_buf_init(&packed, 1 << 24);
    pl_json_write(&text, root);
    check(pl_json_parse_in(arena, pl_buf_str(&text), &again, &error) == 0 && pl_json_equal(root, again));
    check(pl_json_pack(&packed, root));
    check(pl_json_unpack(pl_buf_str(&packed), arena, &stored, &error) == 0 && pl_json_equal(root, stored));
    pl_buf_free(&text);
    pl_buf_free(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pl_str text = pl_str_of((const char *)data, size);
    pl_arena arena;
    pl_json root, ignored;
    pl_error error;
    pl_arena_init(&arena, 1 << 26);
    if (pl_json_parse_in(&arena, text, &root, &error) == 0) {
        check_places(text, root);
        check_copies(&arena, root);
    } else {
        check(error.position <= size);
    }
    pl_json_unpack(text, &arena, &ignored, &error);
    pl_arena_free(&arena);
    return 0;
}
