/* Searches over the store: live resources of the accounts, type by type, in pages. */
#include "reports/private.h"

#include "json/parser.h"

enum { PAGE_ROWS = 256, DOCUMENT_MAX = 2 << 20, TAGS_MAX = 256 << 10, TYPE_ARENA = 16 << 20 };

struct scan {
    const search_plan *plan;
    search_run *run;
    const catalogue *known;
    unsigned needs;
    pl_arena arena; /* of one resource */
    pl_json_parser *configurations, *tags;
    int64_t deadline_ns, after;
    size_t seen;
    bool complete;
};

/* The resource's ARN; absent when the catalogue has no form for it. */
static int arn_of(struct scan *s, const inventory_resource *r, pl_str *arn, pl_error *error) {
    const catalogue_type *type = catalogue_find_type(s->known, r->resource_type, error);
    const catalogue_subject named = {r->account_id, r->region_id, r->resource_id, r->name};
    *arn = PL_STR_NONE;
    if (!type || type->arn.n == 0)
        return type || !error->code[0] ? 0 : -1;
    *arn = catalogue_arn(&s->arena, type, &named);
    return arn->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* A text that is no JSON has no values; one that could not be looked at ends the search. */
static int parse(pl_json_parser *parser, pl_str text, pl_json *root, pl_error *error) {
    *root = PL_JSON_NONE;
    if (text.n == 0 || pl_json_parse(parser, text, root, error) == 0)
        return 0;
    *root = PL_JSON_NONE;
    return error->http_status >= 500 ? -1 : 0;
}

/* What the plan asks for beyond the plain members. */
static int complete(struct scan *s, const inventory_resource *r, search_resource *resource, pl_error *error) {
    if (s->needs & SEARCH_NEEDS_CONFIGURATION &&
        parse(s->configurations, r->configuration, &resource->configuration, error) != 0)
        return -1;
    if (s->needs & SEARCH_NEEDS_TAGS && parse(s->tags, r->tags, &resource->tags, error) != 0)
        return -1;
    return s->needs & SEARCH_NEEDS_ARN ? arn_of(s, r, &resource->arn, error) : 0;
}

static int visit(void *context, const inventory_resource *r, pl_error *error) {
    struct scan *s = context;
    s->after = r->resource_key;
    if (++s->seen % 64 == 0 && s->deadline_ns && pl_monotonic_ns() > s->deadline_ns)
        return pl_failf(error, PL_E_ServiceUnavailable,
                        "The search takes too long; add conditions or create a search file.");
    pl_arena_reset(&s->arena);
    search_resource resource = {.account_id = r->account_id,
                                .region_id = r->region_id,
                                .resource_id = r->resource_id,
                                .resource_type = r->resource_type,
                                .name = r->name,
                                .zone = r->zone,
                                .group_id = r->group_id,
                                .status = r->status,
                                .create_time = r->create_time,
                                .tags_text = r->tags};
    if (complete(s, r, &resource, error) != 0)
        return -1;
    int result = search_add(s->run, &resource, error);
    s->complete = result == 1;
    return result;
}

static int scan_type(struct scan *s, store_session *session, pl_str account_id, pl_str type,
                     pl_error *error) {
    size_t before;
    s->after = 0;
    do {
        before = s->seen;
        if (inventory_scan(session, account_id, type, s->after, PAGE_ROWS, visit, s, error) != 0)
            return -1;
    } while (!s->complete && s->seen - before == PAGE_ROWS);
    return 0;
}

static int scan_account(struct scan *s, store_session *session, pl_str account_id, pl_error *error) {
    const pl_str *types;
    size_t count = search_types(s->plan, &types);
    for (size_t i = 0; i < count && !s->complete; i++) {
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again = again || pl_str_eq(types[k], types[i]);
        if (!again && scan_type(s, session, account_id, types[i], error) != 0)
            return -1;
    }
    pl_arena names;
    pl_str type = PL_STR_NONE;
    int result = 0;
    pl_arena_init(&names, TYPE_ARENA);
    while (count == 0 && result == 0 && !s->complete) {
        result = inventory_next_type(session, &names, account_id, type, &type, error);
        if (result != 0 || !type.p)
            break;
        result = scan_type(s, session, account_id, type, error);
    }
    pl_arena_free(&names);
    return result;
}

int reports_scan(store_session *session, const catalogue *known, const pl_str *accounts, size_t count,
                 const search_plan *plan, search_run *run, int64_t deadline_ns, pl_error *error) {
    struct scan s = {.plan = plan,
                     .run = run,
                     .known = known,
                     .needs = search_needs(plan),
                     .configurations = pl_json_parser_new(DOCUMENT_MAX),
                     .tags = pl_json_parser_new(TAGS_MAX),
                     .deadline_ns = deadline_ns};
    int result = s.configurations && s.tags ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
    pl_arena_init(&s.arena, TYPE_ARENA);
    for (size_t i = 0; result == 0 && !s.complete && i < count; i++)
        result = scan_account(&s, session, accounts[i], error);
    pl_arena_free(&s.arena);
    pl_json_parser_free(s.configurations);
    pl_json_parser_free(s.tags);
    return result == 0 ? search_end(run, error) : -1;
}
