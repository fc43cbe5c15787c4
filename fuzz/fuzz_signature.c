/*
 * Queries, headers and Authorization values as strangers send them: the strings to sign must be made for
 * anything that decodes, and signing must not depend on the order in which parameters come.
 */
#include "gateway/signature.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Appends the pairs of a query in reverse order. */
static void reverse(pl_buf *out, pl_str query) {
    size_t end = query.n;
    for (size_t at = query.n + 1; at-- > 0;) {
        if (at > 0 && query.p[at - 1] != '&')
            continue;
        pl_buf_add(out, pl_str_of(query.p + at, end - at));
        if (at > 0)
            pl_buf_add_char(out, '&');
        end = at ? at - 1 : 0;
    }
}

static bool string_of(pl_arena *arena, pl_str query, pl_buf *out) {
    api_fields fields = {0};
    pl_error error;
    if (api_fields_decode(&fields, arena, query, false, &error) != 0 ||
        api_fields_merge(&fields, &error) != 0)
        return false;
    signature_v1_string(out, PL_STR("GET"), &fields);
    return true;
}

static void version_1(pl_arena *arena, pl_str query) {
    pl_buf one, two, value, backwards;
    pl_buf_init(&backwards, 1 << 20);
    reverse(&backwards, query);
    pl_buf_init(&one, 1 << 24);
    pl_buf_init(&two, 1 << 24);
    pl_buf_init(&value, 100);
    bool first = string_of(arena, query, &one), second = string_of(arena, pl_buf_str(&backwards), &two);
    if (!arena->failed && (first != second || (first && !pl_str_eq(pl_buf_str(&one), pl_buf_str(&two)))))
        abort();
    if (first && signature_v1_value(&value, SIGNATURE_HMAC_SHA1, PL_STR("secret"), pl_buf_str(&one)) != 0)
        abort();
    pl_buf_free(&one);
    pl_buf_free(&two);
    pl_buf_free(&value);
    pl_buf_free(&backwards);
}

static void version_3(pl_arena *arena, pl_str query, pl_str authorization) {
    signature_authorization parts;
    api_fields fields = {0};
    pl_error error;
    pl_buf out;
    if (!signature_v3_parse(authorization, &parts) ||
        api_fields_decode(&fields, arena, query, false, &error) != 0)
        return;
    api_fields_sort(&fields);
    signature_header headers[] = {{PL_STR("host"), PL_STR("h")}, {PL_STR("x-acs-action"), authorization}};
    signature_v3 request = {PL_STR("GET"),        PL_STR("/"),    &fields, headers, 2,
                            parts.signed_headers, parts.signature};
    pl_buf_init(&out, 1 << 24);
    signature_v3_canonical(&out, &request);
    pl_buf_free(&out);
}

/* The input: a query, a line feed, an Authorization value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pl_str rest = pl_str_of((const char *)data, size), query;
    pl_arena arena;
    if (size > 1 << 14 || !pl_str_split(&rest, '\n', &query))
        return 0;
    pl_arena_init(&arena, (size_t)256 << 20);
    version_1(&arena, query);
    version_3(&arena, query, rest);
    pl_arena_free(&arena);
    return 0;
}
