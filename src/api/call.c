/* What handlers share: whose call it is, pages, and paging tokens. No state. */
#include "api/call.h"

#include "base/digest.h"
#include "base/encode.h"
#include "identity/identity.h"

pl_str api_account(const api_call *call) {
    return call->caller->account_id;
}

void api_page(const api_call *call, int64_t default_size, int64_t *page, int64_t *take, int64_t *skip) {
    int64_t number = api_number(call, "PageNumber", 1);
    int64_t size = api_number(call, "PageSize", default_size);
    *page = number < 1 ? 1 : number;
    *take = size < 0 ? 0 : size;
    if (__builtin_mul_overflow(*page - 1, *take, skip))
        *skip = INT64_MAX;
}

static bool is_paging(pl_str name) {
    static const char *const names[] = {"NextToken", "Marker",   "MaxResults",
                                        "MaxItems",  "PageSize", "PageNumber"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (pl_str_is(name, names[i]))
            return true;
    }
    return false;
}

/* Lengths keep two different inputs from having one text. */
static void add_value(pl_buf *out, const api_value *value) {
    pl_buf_printf(out, "%zu:%.*s=%zu:", value->name.n, PL_FMT(value->name), value->text.n);
    pl_buf_add(out, value->text);
    pl_buf_printf(out, "[%zu", value->count);
    for (size_t i = 0; i < value->count; i++)
        add_value(out, &value->items[i]);
    pl_buf_add_char(out, ']');
}

/* Of all that the list was asked with besides where its page begins and how long it is. */
static int hash_input(const api_call *call, char hash[static PL_SHA256_SIZE * 2 + 1]) {
    pl_buf text;
    pl_buf_init(&text, (size_t)1 << 28);
    for (size_t i = 0; i < call->input->count; i++) {
        if (!is_paging(call->input->items[i].name))
            add_value(&text, &call->input->items[i]);
    }
    int result = text.failed ? -1 : pl_sha256_hex(pl_buf_str(&text), hash);
    pl_buf_free(&text);
    return result;
}

/* What a token is sealed to: nobody else, no other operation and no other question can open it. */
static pl_str bound_to(const api_call *call) {
    char hash[PL_SHA256_SIZE * 2 + 1];
    if (hash_input(call, hash) != 0)
        return PL_STR_NONE;
    return pl_arena_printf(call->arena, "page %.*s %.*s %.*s %s", PL_FMT(call->operation->product->name),
                           PL_FMT(call->operation->name), PL_FMT(api_account(call)), hash);
}

/* Base64 in the alphabet that needs no escapes in a URL, without padding. */
static pl_str to_url_alphabet(pl_arena *arena, pl_str bytes) {
    pl_buf text;
    pl_buf_init(&text, bytes.n * 2 + 8);
    pl_base64_encode(&text, bytes);
    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    for (size_t i = 0; i < text.n; i++)
        text.p[i] = text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i];
    pl_str copy = text.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return copy;
}

pl_str api_token_make(const api_call *call, pl_str key) {
    pl_buf sealed;
    pl_buf_init(&sealed, key.n + 64);
    pl_str bound = bound_to(call), token = PL_STR_NONE;
    if (bound.p && key.p &&
        pl_seal(&sealed, call->services->server_key, key, bound, &call->services->random) == 0)
        token = to_url_alphabet(call->arena, pl_buf_str(&sealed));
    pl_buf_free(&sealed);
    call->out->out->failed |= !token.p; /* without a token the list would seem to end here */
    return token;
}

int api_refuse_invalid(api_call *call, const char *name) {
    const struct api_parameter *parameter = api_find_parameter(call->operation, pl_str_from(name));
    if (parameter && parameter->error_invalid)
        return api_fail(call->operation, call->error, parameter->error_invalid);
    return api_fail_generic(&call->operation->product->invalid, call->error, pl_str_from(name));
}

int api_refuse_missing(api_call *call, const char *name) {
    const struct api_parameter *parameter = api_find_parameter(call->operation, pl_str_from(name));
    if (parameter && parameter->error_missing)
        return api_fail(call->operation, call->error, parameter->error_missing);
    return api_fail_generic(&call->operation->product->missing, call->error, pl_str_from(name));
}

/* `*key` stays absent when the token is not one of this question; -1 when that could not be found out. */
static int open_token(api_call *call, pl_str token, pl_str *key) {
    char *text = pl_arena_cstr(call->arena, token);
    pl_str bound = bound_to(call);
    if (!text || !bound.p)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (char *c = text; *c; c++)
        *c = (char)(*c == '-' ? '+' : *c == '_' ? '/' : *c);
    pl_buf sealed, plain;
    pl_buf_init(&sealed, token.n + 8);
    pl_buf_init(&plain, token.n + 8);
    if (pl_base64_decode(&sealed, pl_str_of(text, token.n)) &&
        pl_unseal(&plain, call->services->server_key, pl_buf_str(&sealed), bound) == 0)
        *key = pl_arena_copy(call->arena, pl_buf_str(&plain));
    bool failed = sealed.failed || plain.failed || call->arena->failed;
    pl_buf_free(&sealed);
    pl_buf_free(&plain);
    return failed ? pl_fail(call->error, PL_E_ServiceUnavailable) : 0;
}

int api_token_open(api_call *call, pl_str *key) {
    const char *name = call->operation->paging == API_PAGING_MARKER ? "Marker" : "NextToken";
    pl_str token = api_text(call, name);
    *key = PL_STR_NONE;
    if (token.n == 0)
        return 0;
    if (open_token(call, token, key) != 0)
        return -1;
    return key->p ? 0 : api_refuse_invalid(call, name);
}
