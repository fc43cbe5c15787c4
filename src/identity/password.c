/*
 * Passwords of login profiles: strength, and a salted scrypt hash. A password is never stored, logged or
 * kept. The text form is "scrypt$<log2 N>$<r>$<p>$<salt hex>$<hash hex>".
 */
#include "identity/password_rules.h"
#include "identity/rows.h"

#include "base/encode.h"

#include <openssl/evp.h>

enum { LOG_N = 14, BLOCK = 8, PARALLEL = 1, SALT_SIZE = 16, HASH_SIZE = 32, MEMORY_MAX = 64 << 20 };

/* The kinds of characters; false when there is one that no password has. */
static bool look(pl_str password, identity_password_rules *kinds) {
    for (size_t i = 0; i < password.n; i++) {
        char c = password.p[i];
        bool small = c >= 'a' && c <= 'z', capital = c >= 'A' && c <= 'Z', digit = c >= '0' && c <= '9';
        if (c < '!' || c > '~')
            return false;
        kinds->small |= small;
        kinds->capital |= capital;
        kinds->digit |= digit;
        kinds->symbol |= !small && !capital && !digit;
    }
    return true;
}

bool identity_password_fits(pl_str password, const identity_password_rules *rules) {
    identity_password_rules has = {.least = 0};
    if (password.n < IDENTITY_PASSWORD_MIN || password.n > IDENTITY_PASSWORD_MAX ||
        (int64_t)password.n < rules->least || !look(password, &has))
        return false;
    if ((rules->small && !has.small) || (rules->capital && !has.capital) || (rules->digit && !has.digit) ||
        (rules->symbol && !has.symbol))
        return false;
    return has.small + has.capital + has.digit + has.symbol >= 2;
}

static bool derive(pl_str password, const unsigned char *salt, uint64_t log_n, uint64_t r, uint64_t p,
                   unsigned char hash[static HASH_SIZE]) {
    if (log_n > 20 || r > 32 || p > 16)
        return false;
    return EVP_PBE_scrypt(password.p, password.n, salt, SALT_SIZE, (uint64_t)1 << log_n, r, p, MEMORY_MAX,
                          hash, HASH_SIZE) == 1;
}

int identity_password_hash(identity *room, pl_arena *arena, pl_str password, pl_str *hash, pl_error *error) {
    unsigned char salt[SALT_SIZE], bytes[HASH_SIZE];
    pl_buf text;
    if (pl_random_fill(&room->config.random, salt, sizeof salt) != 0 ||
        !derive(password, salt, LOG_N, BLOCK, PARALLEL, bytes))
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_buf_init(&text, 256);
    pl_buf_printf(&text, "scrypt$%d$%d$%d$", LOG_N, BLOCK, PARALLEL);
    pl_hex_encode(&text, pl_str_of((const char *)salt, sizeof salt));
    pl_buf_add_char(&text, '$');
    pl_hex_encode(&text, pl_str_of((const char *)bytes, sizeof bytes));
    *hash = text.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&text));
    pl_buf_free(&text);
    explicit_bzero(bytes, sizeof bytes);
    return hash->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static bool take_number(pl_str *rest, uint64_t *number) {
    pl_str part;
    return pl_str_split(rest, '$', &part) && pl_str_to_u64(part, number);
}

static bool take_bytes(pl_str *rest, pl_buf *bytes, size_t size) {
    pl_str part;
    return pl_str_split(rest, '$', &part) && pl_hex_decode(bytes, part) && bytes->n == size;
}

bool identity_password_is(pl_str password, pl_str hash) {
    pl_str rest = hash, name;
    uint64_t log_n, r, p;
    unsigned char bytes[HASH_SIZE];
    pl_buf salt, wanted;
    pl_buf_init(&salt, SALT_SIZE);
    pl_buf_init(&wanted, HASH_SIZE);
    bool same = pl_str_split(&rest, '$', &name) && pl_str_is(name, "scrypt") && take_number(&rest, &log_n) &&
                take_number(&rest, &r) && take_number(&rest, &p) && take_bytes(&rest, &salt, SALT_SIZE) &&
                take_bytes(&rest, &wanted, HASH_SIZE) &&
                derive(password, (const unsigned char *)salt.p, log_n, r, p, bytes) &&
                pl_str_eq_constant_time(pl_str_of((const char *)bytes, sizeof bytes), pl_buf_str(&wanted));
    explicit_bzero(bytes, sizeof bytes);
    pl_buf_free(&salt);
    pl_buf_free(&wanted);
    return same;
}
