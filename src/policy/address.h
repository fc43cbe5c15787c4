/*
 * IPv4 and IPv6 addresses and blocks in CIDR notation, as condition clauses and login masks name them
 * (reference/policy-language.md, section 3).
 */
#ifndef PL_POLICY_ADDRESS_H
#define PL_POLICY_ADDRESS_H

#include "base/str.h"

/* An address block; a single address has the full prefix. IPv4 uses the first 4 bytes. */
typedef struct pl_address {
    bool v6;
    unsigned prefix; /* bits */
    unsigned char bytes[16];
} pl_address;

/*
 * An address, or a block when `prefix_allowed`. An IPv4 address mapped into IPv6 is taken as IPv4. False when
 * the text is none; the bits behind a block's prefix may be set and count for nothing.
 */
bool pl_address_parse(pl_str text, bool prefix_allowed, pl_address *address);

/* True when the address lies in the block; an IPv4 address lies in no IPv6 block and the other way round. */
bool pl_address_contains(const pl_address *block, const pl_address *address);

#endif
