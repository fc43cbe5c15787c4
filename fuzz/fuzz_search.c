/*
 * A search statement up to the first line feed, a document behind it. A mistake lies in the statement and has
 * a reason; what the strict compiler takes the lenient one takes as well; a run over the document, shown
 * twice and once, gives as many columns as the plan has titles, and rows that are JSON where they say so.
 */
#include "search/search.h"
#include "json/parser.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fallback[] = "{\"a\":[\"x\",1,null,{\"b\":2.5}],\"b\":{\"c\":\"2026-01-01\"},\"d\":true,"
                               "\"e\":\"10.0.0.1\",\"tags\":{\"k\":[\"v\"]}}";

typedef struct watch {
    const search_plan *plan;
    size_t rows;
} watch;

static void check(bool holds) {
    if (!holds)
        abort();
}

static int take(void *context, const search_cell *cells, size_t count, pl_error *error) {
    watch *w = context;
    const pl_str *titles;
    pl_arena arena;
    pl_json root;
    check(count == search_columns(w->plan, &titles));
    pl_arena_init(&arena, 1 << 26);
    for (size_t i = 0; i < count; i++) {
        check(titles[i].n > 0 && cells[i].text.p);
        if (cells[i].kind != SEARCH_NULL && cells[i].kind != SEARCH_TEXT)
            check(pl_json_parse_in(&arena, cells[i].text, &root, error) == 0);
    }
    pl_arena_free(&arena);
    w->rows++;
    return 0;
}

static void run(const search_plan *plan, pl_json document, int times) {
    search_limits limits = {.rows = 100, .memory = 1 << 20};
    search_resource resource = {.account_id = PL_STR("1"),
                                .resource_id = PL_STR("id"),
                                .resource_type = PL_STR("T"),
                                .create_time = 1,
                                .tags = pl_json_get(document, PL_STR("tags")),
                                .configuration = document};
    watch w = {.plan = plan};
    pl_error error = {0};
    search_run *one = search_run_new(plan, &limits, take, &w);
    int result = 0;
    check(one != NULL);
    for (int i = 0; i < times && result == 0; i++)
        result = search_add(one, &resource, &error);
    if (result >= 0)
        result = search_end(one, &error);
    check(result == 0 || error.message[0] != '\0');
    search_run_free(one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pl_str rest = pl_str_of((const char *)data, size), text = PL_STR("");
    pl_arena arena;
    pl_error error = {.position = 0};
    search_plan *plan, *strict;
    pl_json document;
    pl_arena_init(&arena, 1 << 26);
    pl_str_split(&rest, '\n', &text);
    int lenient = search_compile(&arena, text, false, &plan, &error);
    if (lenient != 0)
        check(error.position <= text.n && error.message[0] != '\0');
    check(search_compile(&arena, text, true, &strict, &error) != 0 || lenient == 0);
    if (!rest.p || pl_json_parse_in(&arena, rest, &document, &error) != 0)
        check(pl_json_parse_in(&arena, PL_STR(fallback), &document, &error) == 0);
    for (int times = 0; lenient == 0 && times < 3; times++)
        run(plan, document, times);
    pl_arena_free(&arena);
    return 0;
}
