/*
 * Bound input: the parameters of one call, decoded from the wire and checked against the operation's
 * specification, as a tree that handlers read by name. Lives in the request's arena.
 */
#ifndef API_VALUE_H
#define API_VALUE_H

#include "api/operation.h"
#include "json/tape.h"

typedef struct api_value {
    enum api_type type;
    pl_str name; /* of the parameter or field; absent for list items */
    pl_str text; /* every scalar as sent (trimmed of nothing); of maps and free values their JSON text, but
                    not of those in a JSON array */
    int64_t number;
    bool flag;
    pl_json json;            /* API_MAP and API_ANY: the parsed value */
    struct api_value *items; /* API_ARRAY: its elements; API_OBJECT: the members that were sent */
    size_t count;
} api_value;

/* The member with this name, NULL when it was not sent and has no default. `object` may be NULL. */
const api_value *api_member(const api_value *object, const char *name);

/* Reading members of an object; the fallback when the member was not sent. */
pl_str api_member_text(const api_value *object, const char *name); /* absent view when not sent */
int64_t api_member_number(const api_value *object, const char *name, int64_t fallback);
bool api_member_flag(const api_value *object, const char *name, bool fallback);

#endif
