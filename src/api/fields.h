/*
 * The parameters of a request as they came: names and decoded values from the query string, a form body or
 * the members of a JSON body. Signatures are computed over them and the binding reads them.
 *
 * Views lie in the request's buffers and arena. INVARIANT: after api_fields_merge the items are sorted by
 * name in byte order and every name occurs once.
 */
#ifndef API_FIELDS_H
#define API_FIELDS_H

#include "base/arena.h"
#include "base/error.h"
#include "json/tape.h"

enum { API_FIELDS_MAX = 10000 };

typedef struct api_field {
    pl_str name;
    pl_str value; /* decoded text; of a member of a JSON body its text (compact JSON for containers) */
    pl_json json; /* the member of a JSON body; missing for query and form */
    bool in_body;
    uint32_t position; /* order of arrival */
} api_field;

typedef struct api_fields {
    api_field *items;
    size_t count;
    size_t capacity;
} api_fields;

/* Appends one field. -1 with ServiceUnavailable without memory, InvalidParameter past API_FIELDS_MAX. */
int api_fields_add(api_fields *fields, pl_arena *arena, api_field field, pl_error *error);

/*
 * Appends the fields of `name=value&...` (application/x-www-form-urlencoded, also a query string): `+` is a
 * blank, a missing `=` gives an empty value. -1 with InvalidParameter.Encoding when an escape is broken.
 */
int api_fields_decode(api_fields *fields, pl_arena *arena, pl_str encoded, bool in_body, pl_error *error);

/* Appends the members of a JSON object. -1 with InvalidRequestBody when `object` is not one. */
int api_fields_from_json(api_fields *fields, pl_arena *arena, pl_json object, pl_error *error);

/* Sorts by name, then by value: the order in which signatures take them. */
void api_fields_sort(api_fields *fields);

/*
 * Sorts and drops repetitions of the same name and value. The same name with two values is refused with
 * InvalidParameter (reference/gateway.md, section 2): nobody could say which one was meant.
 */
int api_fields_merge(api_fields *fields, pl_error *error);

/* The field of this name, or NULL; the fields must have been sorted. */
const api_field *api_fields_find(const api_fields *fields, pl_str name);

/* The value, or the absent view. */
pl_str api_fields_text(const api_fields *fields, pl_str name);

/* The run of fields whose names start with `prefix`: returns its length, its start in `*first`. */
size_t api_fields_with_prefix(const api_fields *fields, pl_str prefix, const api_field **first);

#endif
