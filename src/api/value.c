/* Reading bound input. No state. */
#include "api/value.h"

const api_value *api_member(const api_value *object, const char *name) {
    if (!object || object->type != API_OBJECT)
        return NULL;
    pl_str wanted = pl_str_from(name);
    for (size_t i = 0; i < object->count; i++) {
        if (pl_str_eq(object->items[i].name, wanted))
            return &object->items[i];
    }
    return NULL;
}

pl_str api_member_text(const api_value *object, const char *name) {
    const api_value *member = api_member(object, name);
    return member ? member->text : PL_STR_NONE;
}

int64_t api_member_number(const api_value *object, const char *name, int64_t fallback) {
    const api_value *member = api_member(object, name);
    return member ? member->number : fallback;
}

bool api_member_flag(const api_value *object, const char *name, bool fallback) {
    const api_value *member = api_member(object, name);
    return member ? member->flag : fallback;
}
