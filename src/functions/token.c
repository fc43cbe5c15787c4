/* Making and opening result tokens. */
#include "functions/token.h"

#include "base/encode.h"

enum { TOKEN_MAX = 4096, FIELDS = 7 };

static const pl_str bound = PL_STR_INIT("plumbline result token 1");

pl_str token_make(const unsigned char key[static PL_SEAL_KEY_SIZE], const pl_random *random, pl_arena *arena,
                  const engine_function_event *event, int64_t expires) {
    pl_buf sealed, text;
    pl_str plain =
        pl_arena_printf(arena, "%.*s %.*s %lld %lld %lld %lld %lld", PL_FMT(event->owner_id),
                        PL_FMT(event->account_id), (long long)event->rule_key, (long long)event->resource_key,
                        (long long)event->ordering, (long long)event->message, (long long)expires);
    pl_buf_init(&sealed, TOKEN_MAX);
    pl_buf_init(&text, TOKEN_MAX);
    bool made = plain.p && pl_seal(&sealed, key, plain, bound, random) == 0;
    if (made)
        pl_base64_encode(&text, pl_buf_str(&sealed));
    pl_str token = made && !text.failed ? pl_arena_copy(arena, pl_buf_str(&text)) : PL_STR_NONE;
    pl_buf_free(&sealed);
    pl_buf_free(&text);
    return token;
}

static bool read_fields(pl_str plain, engine_function_event *event, int64_t *expires) {
    pl_str fields[FIELDS];
    size_t count = 0;
    while (count < FIELDS && pl_str_split(&plain, ' ', &fields[count]))
        count++;
    *event = (engine_function_event){.owner_id = fields[0], .account_id = fields[1]};
    return count == FIELDS && !plain.p && pl_str_to_i64(fields[2], &event->rule_key) &&
           pl_str_to_i64(fields[3], &event->resource_key) && pl_str_to_i64(fields[4], &event->ordering) &&
           pl_str_to_i64(fields[5], &event->message) && pl_str_to_i64(fields[6], expires);
}

/* Clients that forget to escape a plus sign send a blank. */
static bool decode(pl_arena *arena, pl_str token, pl_buf *sealed) {
    char *copy = pl_arena_cstr(arena, token);
    if (!copy || token.n > TOKEN_MAX)
        return false;
    for (size_t i = 0; i < token.n; i++)
        copy[i] = copy[i] == ' ' ? '+' : copy[i];
    return pl_base64_decode(sealed, pl_str_of(copy, token.n)) && !sealed->failed;
}

int token_open(const unsigned char key[static PL_SEAL_KEY_SIZE], pl_arena *arena, pl_str token, int64_t now,
               engine_function_event *event, pl_error *error) {
    pl_buf sealed, plain;
    int64_t expires = 0;
    pl_buf_init(&sealed, TOKEN_MAX);
    pl_buf_init(&plain, TOKEN_MAX);
    bool sound = decode(arena, token, &sealed) && pl_unseal(&plain, key, pl_buf_str(&sealed), bound) == 0 &&
                 !plain.failed;
    pl_str text = sound ? pl_arena_copy(arena, pl_buf_str(&plain)) : PL_STR_NONE;
    pl_buf_free(&sealed);
    pl_buf_free(&plain);
    if (!text.p || !read_fields(text, event, &expires))
        return pl_fail(error, PL_E_Invalid_ResultToken_Value);
    if (expires <= now)
        return pl_failf(error, PL_E_Invalid_ResultToken_Value, "The specified ResultToken has expired.");
    return 0;
}
