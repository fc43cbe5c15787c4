/*
 * A path up to the first line feed, a document behind it; the first byte picks the dialect. A path that is
 * refused has its error inside it; of every selected node the normalized path leads to that node and no
 * other, and a definite path finds what it selects.
 */
#include "jsonpath/path.h"
#include "json/parser.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fallback[] =
    "{\"a\":[1,{\"b\":\"x\",\"c\":null},[2.5,true]],\"b\":{\"a\":\"x\"},\"\":{\"'\":[]}}";

static void check(bool holds) {
    if (!holds)
        abort();
}

/* Members of one name have one normalized path, which leads to one of them only. */
static bool repeats_a_name(pl_json node) {
    pl_str key;
    pl_json value;
    bool object = pl_json_is_object(node);
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value);)
        if ((object && pl_json_get(node, key).at != value.at) || repeats_a_name(value))
            return true;
    return false;
}

static void check_normalized(pl_arena *arena, pl_json root, pl_json node) {
    pl_buf text;
    pl_error error;
    const pl_path *path;
    pl_buf_init(&text, PL_PATH_MAX_TEXT);
    pl_path_write_normalized(&text, root, node);
    if (!text.failed) {
        check(pl_path_compile(arena, pl_buf_str(&text), PL_PATH_RFC9535, &path, &error) == 0);
        check(pl_path_is_definite(path));
        pl_json found = pl_path_find(path, root);
        check(found.at == node.at);
    }
    pl_buf_free(&text);
}

static void select_all(pl_arena *arena, const pl_path *path, pl_json root) {
    enum { CHECKED = 64 };
    pl_path_nodes nodes;
    pl_error error;
    if (pl_path_select(path, root, arena, &nodes, &error) != 0)
        return;
    if (pl_path_is_definite(path))
        check(nodes.count <= 1 && pl_path_find(path, root).at == (nodes.count ? nodes.items[0].at : 0));
    if (repeats_a_name(root))
        return;
    for (size_t i = 0; i < nodes.count && i < CHECKED; i++)
        check_normalized(arena, root, nodes.items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    pl_str rest = pl_str_of((const char *)data + 1, size - 1), text;
    pl_arena arena;
    pl_json root;
    pl_error error;
    const pl_path *path;
    pl_str_split(&rest, '\n', &text);
    pl_arena_init(&arena, 1 << 28);
    if (pl_path_compile(&arena, text, data[0] & 1 ? PL_PATH_CLOUD_CONFIG : PL_PATH_RFC9535, &path, &error) !=
        0) {
        check(error.position <= text.n);
    } else {
        if (pl_json_parse_in(&arena, rest, &root, &error) != 0)
            check(pl_json_parse_in(&arena, PL_STR(fallback), &root, &error) == 0);
        select_all(&arena, path, root);
    }
    pl_arena_free(&arena);
    return 0;
}
