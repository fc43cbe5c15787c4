/* Addresses and address blocks: reading them, and which contains which. Owns nothing. */
#include "policy/address.h"

#include <arpa/inet.h>

static bool read_address(pl_str text, pl_address *address) {
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, 0, text.n))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    *address = (pl_address){.prefix = 32};
    if (inet_pton(AF_INET, copy, address->bytes) == 1)
        return true;
    *address = (pl_address){.v6 = true, .prefix = 128};
    if (inet_pton(AF_INET6, copy, address->bytes) != 1)
        return false;
    if (memcmp(address->bytes, mapped, sizeof mapped) == 0) {
        *address = (pl_address){
            .prefix = 32,
            .bytes = {address->bytes[12], address->bytes[13], address->bytes[14], address->bytes[15]}};
    }
    return true;
}

bool pl_address_parse(pl_str text, bool prefix_allowed, pl_address *address) {
    size_t slash = pl_str_find_char(text, '/');
    uint64_t prefix;
    if (!read_address(pl_str_head(text, slash), address))
        return false;
    if (slash == PL_NOT_FOUND)
        return true;
    unsigned most = pl_str_find_char(pl_str_head(text, slash), ':') == PL_NOT_FOUND ? 32 : 128;
    if (!prefix_allowed || !pl_str_to_u64(pl_str_skip(text, slash + 1), &prefix) || prefix > most)
        return false;
    unsigned hidden = most - address->prefix; /* the bits of the mapping */
    if (prefix < hidden)
        return false;
    address->prefix = (unsigned)prefix - hidden;
    return true;
}

bool pl_address_contains(const pl_address *block, const pl_address *address) {
    unsigned whole = block->prefix / 8, rest = block->prefix % 8;
    if (block->v6 != address->v6 || memcmp(block->bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || (block->bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}
