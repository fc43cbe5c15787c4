/* Properties: the common ones by name, and paths into configurations. */
#include "search/internal.h"

static const struct {
    const char *name;
    search_common common;
    unsigned needs;
} commons[] = {
    {"AccountId", COMMON_ACCOUNT, 0},
    {"RegionId", COMMON_REGION, 0},
    {"ResourceId", COMMON_ID, 0},
    {"ResourceType", COMMON_TYPE, 0},
    {"ResourceName", COMMON_NAME, 0},
    {"AvailabilityZone", COMMON_ZONE, 0},
    {"ResourceCreationTime", COMMON_CREATED, 0},
    {"ResourceGroupId", COMMON_GROUP, 0},
    {"Arn", COMMON_ARN, SEARCH_NEEDS_ARN},
    {"ResourceStatus", COMMON_STATUS, 0},
    {"ResourceDeleted", COMMON_DELETED, 0},
    {"TagsStr", COMMON_TAGS, 0},
    {"Tags.Key", COMMON_TAG_KEY, SEARCH_NEEDS_TAGS},
    {"Tags.Value", COMMON_TAG_VALUE, SEARCH_NEEDS_TAGS},
    {"Tags.Kvpair", COMMON_TAG_PAIR, SEARCH_NEEDS_TAGS},
};

/* Words that end a property where one could follow. */
static const char *const reserved[] = {"SELECT", "WHERE", "GROUP", "ORDER", "BY",   "LIMIT",
                                       "AND",    "OR",    "NOT",   "IN",    "IS",   "BETWEEN",
                                       "LIKE",   "NULL",  "ASC",   "DESC",  "TRUE", "FALSE"};
static const char *const unsupported[] = {"ALL", "DISTINCT", "FROM", "HAVING", "JOIN", "UNION"};

static bool one_of(pl_str word, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq_fold(word, pl_str_from(words[i])))
            return true;
    return false;
}

static bool find_common(search_parser *p, pl_str word, search_property *out) {
    for (size_t i = 0; i < sizeof commons / sizeof *commons; i++)
        if (pl_str_eq_fold(word, pl_str_from(commons[i].name))) {
            out->common = commons[i].common;
            p->needs |= commons[i].needs;
            return true;
        }
    return false;
}

/*
 * Takes the next segment, without its back quotes, off the front; an empty one when back quotes stand
 * anywhere but around a whole segment.
 */
static bool take_segment(pl_str *rest, pl_str *segment) {
    if (!rest->p)
        return false;
    bool quoted = rest->n && rest->p[0] == '`';
    pl_str body = quoted ? pl_str_skip(*rest, 1) : *rest;
    size_t end = pl_str_find_char(body, quoted ? '`' : '.');
    *segment = pl_str_head(body, end);
    pl_str behind = end == PL_NOT_FOUND ? PL_STR_NONE : pl_str_skip(body, end + 1);
    bool sound = quoted ? end != PL_NOT_FOUND && (behind.n == 0 || behind.p[0] == '.')
                        : pl_str_find_char(*segment, '`') == PL_NOT_FOUND;
    if (!sound)
        *segment = PL_STR("");
    if (quoted)
        behind = behind.n ? pl_str_skip(behind, 1) : PL_STR_NONE;
    *rest = behind;
    return true;
}

static int take_path(search_parser *p, const token *name, search_property *out) {
    pl_str rest = name->text;
    out->segments = pl_new(p->arena, pl_str, SEARCH_SEGMENTS_MAX);
    if (!out->segments)
        return pl_fail(p->error, PL_E_ServiceUnavailable);
    if (pl_str_ends(rest, PL_STR(".")))
        return search_refuse(p, name->at, "a name has an empty part");
    for (pl_str segment; take_segment(&rest, &segment);) {
        if (segment.n == 0)
            return search_refuse(p, name->at, "a name has an empty part");
        if (out->segment_count == SEARCH_SEGMENTS_MAX)
            return search_refuse(p, name->at, "a name has more than %d parts", SEARCH_SEGMENTS_MAX);
        out->segments[out->segment_count++] = segment;
    }
    p->needs |= SEARCH_NEEDS_CONFIGURATION;
    return 0;
}

int search_parse_property(search_parser *p, search_property *out) {
    token name = p->now;
    *out = (search_property){.common = COMMON_NONE};
    if (name.kind == TOKEN_WORD && one_of(name.text, unsupported, sizeof unsupported / sizeof *unsupported))
        return search_refuse(p, name.at, "%.*s is not supported", PL_FMT(name.text));
    if (name.kind != TOKEN_WORD || one_of(name.text, reserved, sizeof reserved / sizeof *reserved))
        return search_refuse(p, name.at, "the name of a property is expected");
    if (!find_common(p, name.text, out) && take_path(p, &name, out) != 0)
        return -1;
    return search_next(p);
}

bool search_same_property(const search_property *a, const search_property *b) {
    if (a->common != b->common || a->segment_count != b->segment_count)
        return false;
    for (size_t i = 0; i < a->segment_count; i++)
        if (!pl_str_eq(a->segments[i], b->segments[i]))
            return false;
    return true;
}
