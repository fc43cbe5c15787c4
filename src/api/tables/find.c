/* Binary search in the generated tables. */
#include "api/tables/find.h"

#include "api/tables/products.gen.h"

static const struct api_operation *find_name(const struct api_product *product, pl_str action) {
    size_t low = 0;
    size_t high = product->operation_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = pl_str_cmp(product->operations[middle].name, action);
        if (order == 0)
            return &product->operations[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const struct api_operation *find_in_product(const struct api_product *product, pl_str action) {
    const struct api_operation *found = find_name(product, action);
    for (size_t i = 0; !found && i < product->alias_count; i++) {
        if (pl_str_eq(product->aliases[i].name, action))
            found = product->aliases[i].operation;
    }
    return found;
}

int api_find(pl_str product, pl_str version, pl_str action, const struct api_operation **operation) {
    int result = API_NO_PRODUCT;
    for (size_t i = 0; i < api_product_count; i++) {
        const struct api_product *candidate = api_products[i];
        if (product.n > 0 && !pl_str_eq(candidate->name, product))
            continue;
        if (result == API_NO_PRODUCT)
            result = API_NO_VERSION;
        if (!pl_str_eq(candidate->version, version))
            continue;
        result = API_NO_ACTION;
        const struct api_operation *found = find_in_product(candidate, action);
        if (found) {
            *operation = found;
            return API_FOUND;
        }
    }
    return result;
}
