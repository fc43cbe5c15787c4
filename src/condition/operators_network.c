/* Operators on ports and address blocks (catalogue/operators.md, "Network"). */
#include "condition/operators.h"

#include <arpa/inet.h>

enum { LAST_PORT = 65535 };

/* Walks the texts of a feature: the parts of texts between commas, and numbers where `numbers` allows them.
 */
typedef struct part_walk {
    const feature *feature;
    feature_walk elements;
    pl_str rest;
    bool list, whole, done;
} part_walk;

typedef enum part_kind { PART_TEXT, PART_OTHER, PART_NONE } part_kind;

static part_walk parts_of(const feature *f, bool whole) {
    bool list = feature_is_list(f);
    return (part_walk){.feature = f,
                       .elements = feature_elements(f),
                       .rest = PL_STR_NONE,
                       .list = list,
                       .whole = whole && list};
}

static bool next_value(part_walk *walk, pl_json *out) {
    if (walk->list)
        return feature_next(&walk->elements, out);
    *out = walk->feature->node;
    bool first = !walk->done;
    walk->done = true;
    return first;
}

/* The next part; PART_OTHER with `*value` for anything but a text. Empty parts and null are passed over. */
static part_kind next_part(part_walk *walk, pl_str *part, pl_json *value) {
    for (;;) {
        while (pl_str_split(&walk->rest, ',', part)) {
            *part = pl_str_trim(*part);
            if (part->n)
                return PART_TEXT;
        }
        if (!next_value(walk, value))
            return PART_NONE;
        if (pl_json_is_string(*value) && walk->whole)
            *part = pl_json_text(*value);
        else if (pl_json_is_string(*value))
            walk->rest = pl_json_text(*value);
        else if (!walk->list && feature_is_absent(walk->feature))
            return PART_NONE;
        else
            return PART_OTHER;
        if (walk->whole)
            return PART_TEXT;
    }
}

/* Up to five digits off the front. */
static bool take_port(pl_str *s, unsigned *out) {
    size_t n = pl_str_digits(*s);
    if (n == 0 || n > 5)
        return false;
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out = *out * 10 + (unsigned)(s->p[i] - '0');
    *s = pl_str_skip(*s, n);
    return true;
}

static bool port_range_of(pl_str text, port_range *out) {
    static const pl_str every[] = {PL_STR_INIT("-1/-1"), PL_STR_INIT("-1"), PL_STR_INIT("any"),
                                   PL_STR_INIT("all")};
    pl_str s = pl_str_trim(text);
    *out = (port_range){1, LAST_PORT};
    for (size_t i = 0; i < sizeof every / sizeof *every; i++)
        if (pl_str_eq_fold(s, every[i]))
            return true;
    if (!take_port(&s, &out->low))
        return false;
    out->high = out->low;
    if (s.n && (s.p[0] == '/' || s.p[0] == '-')) {
        s = pl_str_skip(s, 1);
        if (!take_port(&s, &out->high))
            return false;
    }
    return s.n == 0 && out->low <= out->high && out->high <= LAST_PORT;
}

int prepare_ports(pl_arena *arena, desired *d, pl_error *error) {
    if (prepare_list(arena, d, error) != 0)
        return -1;
    port_range *ports = pl_new(arena, port_range, d->count + 1);
    if (!ports)
        return pl_fail(error, PL_E_ServiceUnavailable);
    d->unreadable = d->count == 0;
    for (size_t i = 0; i < d->count; i++)
        if (!port_range_of(d->list[i], &ports[d->items_count++]))
            d->unreadable = true;
    d->items.ports = ports;
    return 0;
}

/* The next range of a feature: 1, 0 at the end, -1 when it is none. */
static int next_port_range(part_walk *walk, environment *env, port_range *out) {
    pl_str part;
    pl_json value;
    switch (next_part(walk, &part, &value)) {
    case PART_NONE: return 0;
    case PART_TEXT: return port_range_of(part, out) ? 1 : -1;
    default: return pl_number_is(value) && port_range_of(value_text(env, value), out) ? 1 : -1;
    }
}

static bool touches(const desired *d, port_range range) {
    for (size_t i = 0; i < d->items_count; i++)
        if (range.low <= d->items.ports[i].high && d->items.ports[i].low <= range.high)
            return true;
    return false;
}

/* True when the desired ranges together hold every port of the range. */
static bool covered(const desired *d, port_range range) {
    for (bool moved = true; moved && range.low <= range.high;) {
        moved = false;
        for (size_t i = 0; i < d->items_count; i++)
            if (d->items.ports[i].low <= range.low && range.low <= d->items.ports[i].high) {
                range.low = d->items.ports[i].high + 1;
                moved = true;
            }
    }
    return range.low > range.high;
}

/* Every range must be readable, so none is passed over early. */
static truth test_ports(const desired *d, const feature *f, environment *env, bool within) {
    port_range range;
    int status;
    truth result = YES;
    part_walk walk = parts_of(f, true);
    while ((status = next_port_range(&walk, env, &range)) > 0)
        if (within ? !covered(d, range) : touches(d, range))
            result = NO;
    return status < 0 ? UNREADABLE : result;
}

truth test_ports_exclude(const desired *d, const feature *f, environment *env) {
    return test_ports(d, f, env, false);
}

truth test_ports_within(const desired *d, const feature *f, environment *env) {
    return test_ports(d, f, env, true);
}

/* An address with an optional prefix length. */
static bool block_of(pl_str text, address_block *out) {
    char address[INET6_ADDRSTRLEN];
    uint64_t length;
    size_t slash = pl_str_find_char(text, '/');
    pl_str head = slash == PL_NOT_FOUND ? text : pl_str_head(text, slash);
    memset(out, 0, sizeof *out);
    if (head.n == 0 || head.n >= sizeof address || pl_str_find_char(head, '\0') != PL_NOT_FOUND)
        return false;
    memcpy(address, head.p, head.n);
    address[head.n] = '\0';
    out->six = pl_str_find_char(head, ':') != PL_NOT_FOUND;
    if (inet_pton(out->six ? AF_INET6 : AF_INET, address, out->bytes) != 1)
        return false;
    length = out->six ? 128 : 32;
    uint64_t most = length;
    if (slash != PL_NOT_FOUND && !pl_str_to_u64(pl_str_skip(text, slash + 1), &length))
        return false;
    out->length = (unsigned)length;
    return length <= most;
}

static bool inside(const address_block *inner, const address_block *outer) {
    if (inner->six != outer->six || inner->length < outer->length)
        return false;
    size_t whole = outer->length / 8;
    unsigned bits = outer->length % 8;
    if (memcmp(inner->bytes, outer->bytes, whole) != 0)
        return false;
    return bits == 0 || (inner->bytes[whole] ^ outer->bytes[whole]) >> (8 - bits) == 0;
}

int prepare_cidrs(pl_arena *arena, desired *d, pl_error *error) {
    if (prepare_list(arena, d, error) != 0)
        return -1;
    address_block *blocks = pl_new(arena, address_block, d->count + 1);
    if (!blocks)
        return pl_fail(error, PL_E_ServiceUnavailable);
    d->unreadable = d->count == 0;
    for (size_t i = 0; i < d->count; i++)
        if (!block_of(d->list[i], &blocks[d->items_count++]))
            d->unreadable = true;
    d->items.blocks = blocks;
    return 0;
}

/* The next block of a feature: 1, 0 at the end, -1 when it is none. */
static int next_block(part_walk *walk, address_block *out) {
    pl_str part;
    pl_json value;
    part_kind kind = next_part(walk, &part, &value);
    if (kind == PART_NONE)
        return 0;
    return kind == PART_TEXT && block_of(part, out) ? 1 : -1;
}

static bool is_private(const address_block *block) {
    static const address_block homes[] = {
        {{10}, 8, false},  {{172, 16}, 12, false}, {{192, 168}, 16, false},  {{100, 64}, 10, false},
        {{127}, 8, false}, {{0xfc}, 7, true},      {{0xfe, 0x80}, 10, true}, {{[15] = 1}, 128, true}};
    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++)
        if (inside(block, &homes[i]))
            return true;
    return false;
}

truth test_cidrs_private(const desired *d, const feature *f, environment *env) {
    (void)d;
    (void)env;
    address_block block;
    int status;
    truth result = YES;
    part_walk walk = parts_of(f, false);
    while ((status = next_block(&walk, &block)) > 0)
        if (!is_private(&block))
            result = NO;
    return status < 0 ? UNREADABLE : result;
}

/* What cannot be read among the feature's entries contains nothing. */
static bool contained(const address_block *wanted, const feature *f) {
    address_block block;
    int status;
    part_walk walk = parts_of(f, false);
    while ((status = next_block(&walk, &block)) != 0)
        if (status > 0 && inside(wanted, &block))
            return true;
    return false;
}

truth test_cidrs_contain(const desired *d, const feature *f, environment *env) {
    (void)env;
    for (size_t i = 0; i < d->items_count; i++)
        if (!contained(&d->items.blocks[i], f))
            return NO;
    return YES;
}

truth test_cidrs_exclude(const desired *d, const feature *f, environment *env) {
    (void)env;
    address_block block;
    int status;
    truth result = YES;
    part_walk walk = parts_of(f, false);
    while ((status = next_block(&walk, &block)) > 0)
        for (size_t i = 0; i < d->items_count; i++)
            if (inside(&d->items.blocks[i], &block))
                result = NO;
    return status < 0 ? UNREADABLE : result;
}
