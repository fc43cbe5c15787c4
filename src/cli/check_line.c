/* Reading lines of a check. No state. */
#include "cli/check_line.h"

#include "json/scalar.h"

typedef enum member { TYPE, ID, ACCOUNT, REGION, OTHER_REGION, CONFIGURATION, ADDRESS, UNKNOWN } member;

/* Names are known in two spellings: as given here, and with a capital first letter. */
static inline bool is_name(pl_str key, pl_str lower_camel) {
    return key.n == lower_camel.n && (key.p[0] | 0x20) == lower_camel.p[0] &&
           memcmp(key.p + 1, lower_camel.p + 1, key.n - 1) == 0;
}

static member member_of(pl_str key) {
    static const pl_str names[] = {
        [TYPE] = PL_STR_INIT("resourceType"),       [ID] = PL_STR_INIT("resourceId"),
        [ACCOUNT] = PL_STR_INIT("accountId"),       [REGION] = PL_STR_INIT("regionId"),
        [OTHER_REGION] = PL_STR_INIT("region"),     [CONFIGURATION] = PL_STR_INIT("configuration"),
        [ADDRESS] = PL_STR_INIT("terraformAddress")};
    for (member m = TYPE; m < UNKNOWN; m++)
        if (is_name(key, names[m]))
            return m;
    return UNKNOWN;
}

/* Where the text of a member belongs; NULL for one that is no text. */
static pl_str *place_of(check_line *line, member m) {
    switch (m) {
    case TYPE: return &line->type;
    case ID: return &line->id;
    case ACCOUNT: return &line->account;
    case REGION:
    case OTHER_REGION: return &line->region;
    case ADDRESS: return &line->address;
    default: return NULL;
    }
}

check_line check_line_new(uint64_t number) {
    return (check_line){.number = number, .id = PL_STR(""), .account = PL_STR(""), .region = PL_STR("")};
}

static pl_str text_of(member m, pl_json value, pl_arena *arena) {
    int64_t number;
    if (m == TYPE || m == ADDRESS || pl_json_is_string(value))
        return pl_json_str(value);
    return pl_json_i64(value, &number) ? pl_arena_printf(arena, "%lld", (long long)number) : PL_STR("");
}

void check_line_read(check_line *line, pl_json root, pl_arena *arena) {
    pl_str key;
    pl_json value;
    line->root = root;
    for (pl_json_walk walk = pl_json_children(root); pl_json_step(&walk, &key, &value);) {
        member m = member_of(key);
        if (m == CONFIGURATION)
            line->configuration = value;
        else if (m != UNKNOWN)
            *place_of(line, m) = text_of(m, value, arena);
    }
}

/* True when the next byte is `wanted`, which is then taken, and blanks around it. */
static inline bool take_byte(check_scan *scan, uint8_t wanted) {
    scan->at = pl_json_skip_blanks(scan->at, scan->end);
    if (scan->at >= scan->end || *scan->at != wanted)
        return false;
    scan->at = pl_json_skip_blanks(scan->at + 1, scan->end);
    return true;
}

check_scan check_scan_begin(pl_json_parser *parser, pl_str line) {
    const uint8_t *text = (const uint8_t *)line.p;
    check_scan scan = {parser, text, text + line.n, 0};
    if (!take_byte(&scan, '{'))
        scan.at = scan.end; /* where no key is */
    return scan;
}

/* A text without escapes can be shown as it stands. */
static bool take_text(check_scan *scan, pl_str *out) {
    const uint8_t *at = scan->at;
    if (at >= scan->end || *at != '"')
        return false;
    uint32_t n = pl_json_short_text(at);
    if (n)
        *out = pl_str_of((const char *)at + 1, n - 2);
    else
        n = pl_json_take_text(scan->parser, at, scan->end, out);
    scan->at += n;
    return n && (const uint8_t *)out->p == at + 1;
}

/* What stands behind a value; false at the end of the object and for what has no place there. */
static bool take_comma(check_scan *scan, check_found *found) {
    *found = CHECK_REFUSED;
    if (!scan->at || take_byte(scan, ','))
        return scan->at != NULL;
    if (take_byte(scan, '}') && scan->at == scan->end)
        *found = CHECK_END;
    return false;
}

/* The key and its colon; false when they are not there or the member was there before. */
static bool take_key(check_scan *scan, member *out) {
    pl_str key;
    if (!take_text(scan, &key) || !take_byte(scan, ':'))
        return false;
    *out = key.n ? member_of(key) : UNKNOWN;
    uint32_t bit = *out == UNKNOWN ? 0 : (uint32_t)1 << (*out == OTHER_REGION ? REGION : *out);
    bool first = (scan->seen & bit) == 0;
    scan->seen |= bit;
    return first;
}

check_found check_scan_members(check_scan *scan, check_line *line) {
    member m;
    check_found found;
    do {
        if (!take_key(scan, &m))
            return CHECK_REFUSED;
        if (m == CONFIGURATION)
            return CHECK_CONFIGURATION;
        if (m == UNKNOWN)
            scan->at = pl_json_skip_value(scan->parser, scan->at, scan->end);
        else if (!take_text(scan, place_of(line, m)))
            return CHECK_REFUSED;
    } while (take_comma(scan, &found));
    return found;
}

check_found check_scan_behind(check_scan *scan, const uint8_t *at, check_line *line) {
    check_found found;
    scan->at = at;
    return take_comma(scan, &found) ? check_scan_members(scan, line) : found;
}
