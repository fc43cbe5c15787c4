/*
 * May this caller do that? Forms the resource names of the request from the operation's patterns and the
 * bound parameters (src/api/operation.h), and asks identity (reference/ram-authorization.md, section 1).
 */
#include "api/resource_tags.h"
#include "gateway/request.h"

enum { RESOURCES_MAX = 10000 };

/* The names formed so far; a placeholder with several values multiplies them. */
typedef struct names {
    pl_str *items;
    size_t count;
} names;

/* Both texts in one; the absent view without memory. */
static pl_str join(pl_arena *arena, pl_str head, pl_str tail) {
    if (head.n == 0 && tail.p)
        return tail;
    char *text = pl_arena_take(arena, head.n + tail.n + 1);
    if (!text)
        return PL_STR_NONE;
    if (head.p)
        memcpy(text, head.p, head.n);
    if (tail.p)
        memcpy(text + head.n, tail.p, tail.n);
    return pl_str_of(text, head.n + tail.n);
}

static int append_to_only(gateway_request *r, names *list, pl_str value) {
    list->items[0] = join(&r->arena, list->items[0], value);
    return list->items[0].p ? 0 : pl_fail(&r->error, PL_E_ServiceUnavailable);
}

static int append(gateway_request *r, names *list, const pl_str *values, size_t count) {
    size_t total;
    if (list->count == 1 && count == 1)
        return append_to_only(r, list, values[0]);
    if (__builtin_mul_overflow(list->count, count, &total) || total > RESOURCES_MAX)
        return pl_failf(&r->error, PL_E_InvalidParameter, "The request names more than %d resources.",
                        RESOURCES_MAX);
    pl_str *longer = pl_new(&r->arena, pl_str, total);
    if (!longer)
        return pl_fail(&r->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < total; i++) {
        longer[i] = join(&r->arena, list->items[i / count], values[i % count]);
        if (!longer[i].p)
            return pl_fail(&r->error, PL_E_ServiceUnavailable);
    }
    *list = (names){longer, total};
    return 0;
}

static int append_one(gateway_request *r, names *list, pl_str value) {
    return append(r, list, &value, 1);
}

static const api_value *bound(const gateway_request *r, pl_str name) {
    const api_value *input = r->call.input;
    for (size_t i = 0; i < input->count; i++) {
        if (pl_str_eq(input->items[i].name, name))
            return &input->items[i];
    }
    return NULL;
}

static pl_str bound_text(const gateway_request *r, pl_str name) {
    const api_value *value = bound(r, name);
    return value ? value->text : PL_STR_NONE;
}

/* Operations find some objects whatever blanks are around their identifiers: so must policies. */
static pl_str or_star(pl_str text) {
    text = pl_str_trim(text);
    return text.n ? text : PL_STR("*");
}

static int append_parameter(gateway_request *r, names *list, pl_str name) {
    const api_value *value = bound(r, name);
    if (!value || value->type != API_ARRAY)
        return append_one(r, list, or_star(value ? value->text : PL_STR_NONE));
    if (value->count == 0)
        return append_one(r, list, PL_STR("*"));
    pl_str *texts = pl_new(&r->arena, pl_str, value->count);
    if (!texts)
        return pl_fail(&r->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < value->count; i++)
        texts[i] = or_star(value->items[i].text);
    return append(r, list, texts, value->count);
}

static bool optional(const gateway_request *r, pl_str name) {
    const struct api_parameter *parameter = api_find_parameter(r->operation, name);
    return parameter && !parameter->required;
}

/* Whoever leaves an optional folder away means the root folder, which has a name like any other. */
static int append_path(gateway_request *r, names *list, pl_str name) {
    const gateway_guard *guard = &r->shared->options->guard;
    pl_str path = PL_STR_NONE, id = bound_text(r, name);
    bool named = (id.n || optional(r, name)) && guard->directory_path;
    if (named && guard->directory_path(r->shared->services->org, &r->arena, r->caller.account_id, id, &path,
                                       &r->error) != 0)
        return -1;
    return append_one(r, list, or_star(path));
}

static int append_node(gateway_request *r, names *list, pl_str name) {
    pl_str id = bound_text(r, name);
    bool folder = pl_str_starts(id, PL_STR("fd-")) || pl_str_starts(id, PL_STR("r-"));
    if (id.n == 0)
        return append_one(r, list, PL_STR("*"));
    return append_one(r, list, folder ? PL_STR("folder/") : PL_STR("account/")) == 0
               ? append_path(r, list, name)
               : -1;
}

/* Without a name a user means itself. */
static pl_str user_of(const gateway_request *r, pl_str value) {
    return value.n == 0 && r->caller.kind == IDENTITY_USER ? r->caller.name : or_star(value);
}

/* acs:service:region:account:rest with the region replaced. */
static pl_str arn_of(gateway_request *r, pl_str arn) {
    pl_str rest = arn, acs, service, region;
    if (!pl_str_split(&rest, ':', &acs) || !pl_str_split(&rest, ':', &service) ||
        !pl_str_split(&rest, ':', &region))
        return PL_STR("*");
    return pl_arena_printf(&r->arena, "%.*s:%.*s:*:%.*s", PL_FMT(acs), PL_FMT(service), PL_FMT(rest));
}

static pl_str principal_of(gateway_request *r) {
    static const struct {
        const char *type, *service, *entity;
    } forms[] = {{"IMSUser", "ims", "user"}, {"IMSGroup", "ims", "group"}, {"ServiceRole", "ram", "role"}};
    pl_str type = bound_text(r, PL_STR("PrincipalType"));
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (pl_str_is(type, forms[i].type))
            return pl_arena_printf(&r->arena, "acs:%s:*:%.*s:%s/*", forms[i].service,
                                   PL_FMT(r->caller.account_id), forms[i].entity);
    }
    return PL_STR("*");
}

static pl_str policy_owner(const gateway_request *r) {
    return pl_str_is(bound_text(r, PL_STR("PolicyType")), "Custom") ? r->caller.account_id : PL_STR("system");
}

static int append_placeholder(gateway_request *r, names *list, pl_str name) {
    size_t colon = pl_str_find_char(name, ':');
    pl_str kind = colon == PL_NOT_FOUND ? name : pl_str_head(name, colon);
    pl_str parameter = colon == PL_NOT_FOUND ? PL_STR_NONE : pl_str_skip(name, colon + 1);
    if (name.n == 0 || name.p[0] != '@')
        return append_parameter(r, list, name);
    if (pl_str_is(kind, "@account"))
        return append_one(r, list, r->caller.account_id);
    if (pl_str_is(kind, "@path"))
        return append_path(r, list, parameter);
    if (pl_str_is(kind, "@node"))
        return append_node(r, list, parameter);
    if (pl_str_is(kind, "@arn"))
        return append_one(r, list, arn_of(r, bound_text(r, parameter)));
    if (pl_str_is(kind, "@user"))
        return append_one(r, list, user_of(r, bound_text(r, parameter)));
    if (pl_str_is(kind, "@policyOwner"))
        return append_one(r, list, policy_owner(r));
    if (pl_str_is(kind, "@principal"))
        return append_one(r, list, principal_of(r));
    return pl_failf(&r->error, PL_E_InternalError, "The resource pattern of %.*s is unknown.",
                    PL_FMT(r->operation->name));
}

static int expand(gateway_request *r, pl_str pattern, names *list) {
    static const pl_str nothing = PL_STR_INIT("");
    *list = (names){NULL, 1};
    list->items = pl_new(&r->arena, pl_str, 1);
    if (!list->items)
        return pl_fail(&r->error, PL_E_ServiceUnavailable);
    list->items[0] = nothing;
    while (pattern.n > 0) {
        size_t open = pl_str_find_char(pattern, '{');
        if (append_one(r, list, pl_str_head(pattern, open)) != 0)
            return -1;
        if (open == PL_NOT_FOUND)
            break;
        pattern = pl_str_skip(pattern, open + 1);
        size_t close = pl_str_find_char(pattern, '}');
        if (close == PL_NOT_FOUND)
            return pl_fail(&r->error, PL_E_InternalError);
        if (append_placeholder(r, list, pl_str_head(pattern, close)) != 0)
            return -1;
        pattern = pl_str_skip(pattern, close + 1);
    }
    return 0;
}

static int collect(gateway_request *r, names *all) {
    const struct api_operation *operation = r->operation;
    *all = (names){NULL, 0};
    for (size_t i = 0; i < operation->ram_resource_count; i++) {
        names some;
        if (expand(r, operation->ram_resources[i], &some) != 0)
            return -1;
        pl_str *joined = pl_new(&r->arena, pl_str, all->count + some.count);
        if (!joined)
            return pl_fail(&r->error, PL_E_ServiceUnavailable);
        if (all->count)
            memcpy(joined, all->items, all->count * sizeof *joined);
        memcpy(joined + all->count, some.items, some.count * sizeof *joined);
        *all = (names){joined, all->count + some.count};
    }
    return 0;
}

static int tags_of(void *context, pl_str resource, const identity_fact **tags, size_t *count,
                   pl_error *error) {
    gateway_request *r = context;
    return api_resource_tags(r->shared->services, &r->arena, r->caller.account_id, resource, tags, count,
                             error);
}

int request_authorize(gateway_request *r) {
    names resources;
    if (r->operation->ram_action.n == 0 || r->operation->ram_by_handler || r->operation->anonymous)
        return 0;
    if (collect(r, &resources) != 0)
        return -1;
    identity_request question = {.action = r->operation->ram_action,
                                 .resources = resources.items,
                                 .resource_count = resources.count,
                                 .source_ip = r->source_ip,
                                 .secure = r->secure,
                                 .now = r->now,
                                 .tags_of = tags_of,
                                 .tags_context = r};
    if (api_request_facts(r->operation, r->call.input, &r->arena, &question.facts, &question.fact_count,
                          &r->error) != 0)
        return -1;
    const gateway_guard *guard = &r->shared->options->guard;
    if (guard->authorize(r->shared->services->identity, &r->arena, &r->caller, &question, &r->denial,
                         &r->error) == 0)
        return 0;
    /* A denial is 403 everywhere; an operation's own NoPermission may document another status for other
     * reasons. */
    r->denied = r->denial.no_permission_type.n > 0;
    if (r->denied) {
        r->error.http_status = 403;
        r->error.plain = false;
    }
    return -1;
}
