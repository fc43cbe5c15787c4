/* Shared by the tests of searches: one statement over resources given as JSON, the rows as one text. */
#ifndef PL_TESTS_SEARCH_SUPPORT_H
#define PL_TESTS_SEARCH_SUPPORT_H

#include "support/testing.h"

#include "search/search.h"
#include "json/parser.h"

#include <stdio.h>

typedef struct found {
    pl_buf rows; /* cells joined by |, rows ended by ; */
    size_t count;
} found;

static inline int take_row(void *context, const search_cell *cells, size_t count, pl_error *error) {
    found *f = context;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        if (i)
            pl_buf_add_char(&f->rows, '|');
        pl_buf_add(&f->rows, cells[i].kind == SEARCH_NULL ? PL_STR("NULL") : cells[i].text);
    }
    pl_buf_add_char(&f->rows, ';');
    f->count++;
    return 0;
}

/* A resource whose id, type, region and time of creation are members of its configuration, if there. */
static inline search_resource resource_of(pl_arena *arena, const char *json) {
    pl_json root = PL_JSON_NONE;
    pl_error error;
    int64_t created = 0;
    if (pl_json_parse_in(arena, pl_str_from(json), &root, &error) != 0)
        fail_msg("%s: %s", json, error.message);
    pl_json tags = pl_json_get(root, PL_STR("tags"));
    pl_str type = pl_json_str(pl_json_get(root, PL_STR("type")));
    (void)pl_json_i64(pl_json_get(root, PL_STR("created")), &created);
    return (search_resource){.account_id = PL_STR("1001"),
                             .region_id = pl_json_str(pl_json_get(root, PL_STR("region"))),
                             .resource_id = pl_json_str(pl_json_get(root, PL_STR("id"))),
                             .resource_type = type.n ? type : PL_STR("Test::Thing"),
                             .create_time = created,
                             .tags = tags,
                             .configuration = root};
}

/* Runs the plan over the resources; 0, or -1 with the error. */
static inline int run_plan(const search_plan *plan, const search_limits *limits,
                           const search_resource *resources, size_t count, found *out, pl_error *error) {
    search_run *run = search_run_new(plan, limits, take_row, out);
    int result = 0;
    assert_non_null(run);
    for (size_t i = 0; i < count && result == 0; i++)
        result = search_add(run, &resources[i], error);
    if (result >= 0)
        result = search_end(run, error);
    search_run_free(run);
    return result;
}

#endif
