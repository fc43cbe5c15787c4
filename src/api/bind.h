/*
 * Binding: turns the parameters of a request into the typed tree that a handler reads, and checks every value
 * against the operation's specification (reference/gateway.md, sections 2 and 9).
 *
 * Every container is accepted in its declared form and as JSON text; arrays and maps also flattened
 * (`Name.1.Member`), indices ordered by number, gaps allowed. Parameters the specification does not name are
 * ignored.
 */
#ifndef API_BIND_H
#define API_BIND_H

#include "api/fields.h"
#include "api/value.h"

/* The compiled patterns of a set of products; immutable after its making, shared by all threads. */
typedef struct api_binder api_binder;

enum { API_ITEMS_MAX = 10000, API_NESTING_MAX = 16 };

/*
 * Compiles every pattern of the products. NULL with InternalError naming the operation when one is no regular
 * expression, ServiceUnavailable without memory. Free with api_binder_free.
 */
api_binder *api_binder_new(const struct api_product *const *products, size_t count, pl_error *error);
void api_binder_free(api_binder *binder);

/*
 * Binds the merged `fields` into `*input`, an API_OBJECT in the arena. On -1 `error` tells the first
 * parameter in the specification's order that is wrong, by its documented code or the product's generic one,
 * with the path of the element in the message; `*input` then holds the parameters that were right, so that
 * authorization can name what was asked for before the mistake is told.
 */
int api_bind(const api_binder *binder, const struct api_operation *operation, const api_fields *fields,
             pl_arena *arena, const api_value **input, pl_error *error);

#endif
