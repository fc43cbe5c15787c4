/* Terraform plans and states: whatever the document, every line that comes out is an item in JSON. */
#include "catalogue/catalogue.h"
#include "cli/terraform.h"
#include "json/parser.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(pl_arena *arena, pl_str lines) {
    pl_str line;
    pl_json item;
    pl_error error;
    while (lines.n && pl_str_split(&lines, '\n', &line))
        if (line.n && (pl_json_parse_in(arena, line, &item, &error) != 0 ||
                       !pl_json_is_string(pl_json_get(item, PL_STR("resourceType")))))
            __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static catalogue *known;
    pl_error error;
    pl_arena arena;
    pl_json root;
    pl_buf lines;
    if (!known && catalogue_open(&known, NULL, &error) != 0)
        abort();
    if (size > 1 << 18)
        return 0;
    pl_arena_init(&arena, (size_t)256 << 20);
    pl_buf_init(&lines, (size_t)64 << 20);
    if (pl_json_parse_in(&arena, pl_str_of((const char *)data, size), &root, &error) == 0 &&
        terraform_items(known, root, &lines, &error) == 0 && !lines.failed)
        check_lines(&arena, pl_buf_str(&lines));
    pl_buf_free(&lines);
    pl_arena_free(&arena);
    return 0;
}
