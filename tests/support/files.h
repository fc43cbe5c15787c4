/* Reading the data files that tests are driven by. */
#ifndef PL_TESTS_FILES_H
#define PL_TESTS_FILES_H

#include "base/arena.h"
#include "support/testing.h"
#include "json/parser.h"

#include <stdio.h>

/* The content of a file below the source directory; fails the test when it cannot be read. */
static inline pl_str read_source_file(pl_arena *into, const char *path) {
    pl_str name = pl_arena_printf(into, "%s/%s", PL_SOURCE_DIR, path);
    FILE *file = fopen(name.p, "rb");
    if (!file)
        fail_msg("cannot read %s", name.p);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *bytes = pl_arena_alloc(into, size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, size, file), size);
    fclose(file);
    return pl_str_of(bytes, size);
}

/* A JSON file below the source directory, parsed. */
static inline pl_json read_source_json(pl_arena *into, const char *path) {
    pl_json root = PL_JSON_NONE;
    pl_error wrong;
    if (pl_json_parse_in(into, read_source_file(into, path), &root, &wrong) != 0)
        fail_msg("%s: %s", path, wrong.message);
    return root;
}

#endif
