/*
 * Parameters of any operation, as form or JSON: decoding and binding must neither crash nor take long, and
 * what is bound must satisfy the specification. The first byte chooses the operation, the second the form.
 */
#include "api/bind.h"
#include "api/tables/products.gen.h"
#include "json/parser.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct api_parameter *spec, const api_value *value) {
    if (spec->type == API_ARRAY && spec->max_items && value->count > spec->max_items)
        __builtin_trap();
    if ((spec->type == API_INT32 || spec->type == API_INT64) && spec->has_max && value->number > spec->max)
        __builtin_trap();
    for (size_t i = 0; spec->type == API_OBJECT && i < value->count; i++) {
        for (size_t k = 0; k < spec->field_count; k++) {
            if (pl_str_eq(spec->fields[k].name, value->items[i].name))
                check(&spec->fields[k], &value->items[i]);
        }
    }
}

static const struct api_operation *choose(uint8_t first, uint8_t second) {
    const struct api_product *product = api_products[first % api_product_count];
    return &product->operations[second % product->operation_count];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static api_binder *binder;
    pl_error error;
    if (!binder && !(binder = api_binder_new(api_products, api_product_count, &error)))
        abort();
    if (size < 3 || size > 1 << 16)
        return 0;
    pl_arena arena;
    api_fields fields = {0};
    const api_value *input;
    pl_json root;
    pl_arena_init(&arena, (size_t)256 << 20);
    const struct api_operation *operation = choose(data[0], data[1]);
    pl_str text = pl_str_of((const char *)data + 3, size - 3);
    int result = data[2] & 1 ? pl_json_parse_in(&arena, text, &root, &error)
                             : api_fields_decode(&fields, &arena, text, false, &error);
    if (result == 0 && data[2] & 1)
        result = api_fields_from_json(&fields, &arena, root, &error);
    if (result == 0 && api_fields_merge(&fields, &error) == 0 &&
        api_bind(binder, operation, &fields, &arena, &input, &error) == 0) {
        for (size_t i = 0; i < input->count; i++)
            check(api_find_parameter(operation, input->items[i].name), &input->items[i]);
    }
    pl_arena_free(&arena);
    return 0;
}
