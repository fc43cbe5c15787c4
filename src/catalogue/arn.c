/* The names of resources, after the pattern of their type. Keeps nothing. */
#include "catalogue/catalogue.h"

enum { ARN_MAX = 64 << 10 };

/* What names the resource stands for every name that the pattern may ask for. */
static pl_str value_of(pl_str name, const catalogue_subject *s) {
    if (pl_str_is(name, "region"))
        return s->region_id;
    if (pl_str_is(name, "account"))
        return s->account_id;
    return pl_str_is(name, "name") && s->name.n ? s->name : s->resource_id;
}

pl_str catalogue_arn(pl_arena *arena, const catalogue_type *type, const catalogue_subject *subject) {
    pl_str pattern = type ? type->arn : PL_STR("");
    pl_buf out;
    pl_buf_init(&out, ARN_MAX);
    while (pattern.n) {
        size_t end = pattern.p[0] == '{' ? pl_str_find_char(pattern, '}') : PL_NOT_FOUND;
        if (end == PL_NOT_FOUND) {
            pl_buf_add_char(&out, pattern.p[0]);
            pattern = pl_str_skip(pattern, 1);
        } else {
            pl_buf_add(&out, value_of(pl_str_of(pattern.p + 1, end - 1), subject));
            pattern = pl_str_skip(pattern, end + 1);
        }
    }
    pl_str arn = out.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return arn;
}
