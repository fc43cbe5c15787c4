/* Reading lines of a check. No state. */
#include "cli/check_line.h"

#include "json/scalar.h"

typedef enum member {
    TYPE,
    ID,
    ACCOUNT,
    REGION,
    OTHER_REGION,
    CONFIGURATION,
    ADDRESS,
    EVENT,
    DELETED,
    UNKNOWN
} member;

/* Names are known in two spellings: as given here, and with a capital first letter. */
static inline bool is_name(pl_str key, pl_str lower_camel) {
    return key.n == lower_camel.n && (key.p[0] | 0x20) == lower_camel.p[0] &&
           memcmp(key.p + 1, lower_camel.p + 1, key.n - 1) == 0;
}

static member member_of(pl_str key) {
    static const pl_str names[] = {
        [TYPE] = PL_STR_INIT("resourceType"),        [ID] = PL_STR_INIT("resourceId"),
        [ACCOUNT] = PL_STR_INIT("accountId"),        [REGION] = PL_STR_INIT("regionId"),
        [OTHER_REGION] = PL_STR_INIT("region"),      [CONFIGURATION] = PL_STR_INIT("configuration"),
        [ADDRESS] = PL_STR_INIT("terraformAddress"), [EVENT] = PL_STR_INIT("resourceEventType"),
        [DELETED] = PL_STR_INIT("resourceDeleted")};
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
    case EVENT: return &line->event;
    case DELETED: return &line->deleted;
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

bool check_line_is_removal(const check_line *line) {
    return pl_str_is(line->event, "REMOVE") || pl_str_is(line->deleted, "0");
}

check_scan check_scan_begin(pl_json_parser *parser, check_shape *shape, pl_str line) {
    const uint8_t *text = (const uint8_t *)line.p;
    return (check_scan){parser, shape, text, text + line.n, 0, 0};
}

/* True when the next byte is `wanted`, which is then taken, and blanks around it. */
static inline bool take_byte(check_scan *scan, uint8_t wanted) {
    scan->at = pl_json_skip_blanks(scan->at, scan->end);
    if (scan->at >= scan->end || *scan->at != wanted)
        return false;
    scan->at = pl_json_skip_blanks(scan->at + 1, scan->end);
    return true;
}

/* A text without escapes can be shown as it stands. */
static inline bool take_text(check_scan *scan, pl_str *out) {
    const uint8_t *at = scan->at;
    if (at >= scan->end || *at != '"')
        return false;
    uint32_t n = pl_json_short_text(at);
    if (__builtin_expect(n != 0, 1))
        *out = pl_str_of((const char *)at + 1, n - 2);
    else
        n = pl_json_take_text(scan->parser, at, scan->end, out);
    scan->at += n;
    return n && (const uint8_t *)out->p == at + 1;
}

/* Keeps the bytes of a step, if they are not too many. */
static void learn_step(check_step *step, const uint8_t *from, const uint8_t *to, member m) {
    size_t n = (size_t)(to - from);
    if (n > sizeof step->bytes)
        return;
    *step = (check_step){.length = (uint32_t)n, .member = m};
    memcpy(step->bytes, from, n);
    memset(step->masks, 0xff, n);
}

static inline bool is_step(const check_step *step, const uint8_t *at, const uint8_t *end) {
    check_block block[2];
    memcpy(block, at, sizeof block);
    block[0] =
        ((block[0] ^ step->bytes[0]) & step->masks[0]) | ((block[1] ^ step->bytes[1]) & step->masks[1]);
    return (block[0][0] | block[0][1]) == 0 && step->length && step->length <= (size_t)(end - at);
}

/* What stands before a value, as it is written for the first time: the brace or comma, the key, the colon. */
static bool read_step(check_scan *scan, check_step *step, member *m) {
    const uint8_t *from = scan->at;
    pl_str key;
    if (!take_byte(scan, scan->step == 0 ? '{' : ',') || !take_text(scan, &key) || !take_byte(scan, ':'))
        return false;
    *m = key.n ? member_of(key) : UNKNOWN;
    if (step)
        learn_step(step, from, scan->at, *m);
    return true;
}

/* There mostly are none. */
static inline void skip_blanks(check_scan *scan) {
    if (__builtin_expect(*scan->at <= ' ', 0))
        scan->at = pl_json_skip_blanks(scan->at, scan->end);
}

/* Up to a member's value; false when there is none, or when the member was there before. */
static inline bool take_step(check_scan *scan, member *m) {
    check_step *step = scan->step < CHECK_STEPS ? &scan->shape->steps[scan->step] : NULL;
    if (step && scan->at < scan->end && is_step(step, scan->at, scan->end)) {
        scan->at += step->length;
        *m = step->member;
        skip_blanks(scan);
    } else if (!read_step(scan, step, m)) {
        return false;
    }
    uint32_t bit = *m == UNKNOWN ? 0 : (uint32_t)1 << (*m == OTHER_REGION ? REGION : *m);
    bool first = (scan->seen & bit) == 0;
    scan->seen |= bit;
    scan->step++;
    return first && scan->at < scan->end;
}

/* What stands behind the last value; the end of the object is the end of the line. */
static check_found take_end(check_scan *scan) {
    return take_byte(scan, '}') && scan->at == scan->end ? CHECK_END : CHECK_REFUSED;
}

/* False when the value is refused. */
static inline bool take_value(check_scan *scan, check_line *line, member m) {
    if (m != UNKNOWN)
        return take_text(scan, place_of(line, m));
    uint32_t n = *scan->at == '"' ? pl_json_short_text(scan->at) : 0;
    scan->at = n ? scan->at + n : pl_json_skip_value(scan->parser, scan->at, scan->end);
    return scan->at != NULL;
}

check_found check_scan_members(check_scan *scan, check_line *line) {
    member m;
    line->scanned = true;
    do {
        if (!take_step(scan, &m))
            return CHECK_REFUSED;
        if (m == CONFIGURATION)
            return CHECK_CONFIGURATION;
        if (!take_value(scan, line, m))
            return CHECK_REFUSED;
        skip_blanks(scan);
    } while (scan->at < scan->end && *scan->at == ',');
    return take_end(scan);
}

check_found check_scan_behind(check_scan *scan, const uint8_t *at, check_line *line) {
    if (!at)
        return CHECK_REFUSED;
    scan->at = pl_json_skip_blanks(at, scan->end);
    return scan->at < scan->end && *scan->at == ',' ? check_scan_members(scan, line) : take_end(scan);
}
