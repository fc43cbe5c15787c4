/*
 * Configuration items as a client sends them: parsing and normalising must neither crash nor accept an item
 * without type or id.
 */
#include "inventory/inventory.h"
#include "json/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    inventory_defaults defaults = {.account_id = PL_STR("1203000000000042")};
    inventory_item *items;
    size_t count;
    pl_arena arena;
    pl_error error;
    pl_json root;
    if (size > 1 << 20)
        return 0;
    pl_arena_init(&arena, (size_t)64 << 20);
    if (pl_json_parse_in(&arena, pl_str_of((const char *)data, size), &root, &error) == 0 &&
        inventory_parse(&arena, root, &defaults, &items, &count, &error) == 0) {
        for (size_t i = 0; i < count; i++)
            if (!items[i].resource_type.n || !items[i].resource_id.n || !items[i].account_id.n)
                __builtin_trap();
    }
    pl_arena_free(&arena);
    return 0;
}
