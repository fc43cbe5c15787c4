/* Auto grouping: rules that put resources into resource groups, and what they did. */
#include "engine/grouping.h"
#include "api/directory/answers.h"
#include "json/parser.h"

#include <stdio.h>

enum { CONTENTS_MAX = 50, PAGE_DEFAULT = 10, PAGE_MAX = 100 };

static pl_str or_empty(pl_str text) {
    return pl_str_or_empty(text);
}

/* --- Reading a rule --------------------------------------------------------------------------------------
 */

/* The ids of a list parameter, joined again; a list of ids of resource groups must be one. */
static int read_scope(api_call *call, const char *name, pl_str *out) {
    const pl_str *ids;
    size_t count;
    pl_buf text;
    if (directory_texts(call, name, &ids, &count))
        return -1;
    pl_buf_init(&text, 1 << 16);
    for (size_t i = 0; i < count; i++) {
        pl_buf_add(&text, i ? PL_STR(",") : PL_STR(""));
        pl_buf_add(&text, ids[i]);
    }
    *out = text.failed ? PL_STR_NONE : pl_arena_copy(call->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return out->p ? 0 : api_refuse_invalid(call, name);
}

static void add_text(pl_buf *out, const char *name, pl_str value, const char *end) {
    pl_buf_printf(out, "\"%s\":", name);
    pl_json_write_string(out, or_empty(value));
    pl_buf_add(out, pl_str_from(end));
}

/* A content that is sent with its id keeps it; `known` are the contents of the rule before. */
static int write_content(api_call *call, pl_buf *out, const api_value *content, pl_str known) {
    char fresh[24] = "grc-";
    pl_str id = api_member_text(content, "RuleContentId");
    pl_str alphabet = PL_STR("abcdefghijklmnopqrstuvwxyz0123456789");
    if (id.n && pl_str_find(known, id) == PL_NOT_FOUND)
        return api_refuse_invalid(call, "RuleContents");
    if (!id.n) {
        if (pl_random_text(&call->services->random, fresh + 4, 14, alphabet))
            return pl_fail(call->error, PL_E_ServiceUnavailable);
        id = pl_str_from(fresh);
    }
    pl_buf_add(out, out->n > 1 ? PL_STR(",{") : PL_STR("{"));
    add_text(out, "RuleContentId", id, ",");
    add_text(out, "AutoGroupingScopeCondition", api_member_text(content, "AutoGroupingScopeCondition"), ",");
    add_text(out, "TargetResourceGroupCondition", api_member_text(content, "TargetResourceGroupCondition"),
             "}");
    return 0;
}

static int read_contents(api_call *call, pl_str known, pl_str *out) {
    const api_value *list = api_input(call, "RuleContents");
    pl_buf text;
    int failed = 0;
    if (!list || list->count == 0)
        return api_refuse_missing(call, "RuleContents");
    pl_buf_init(&text, 8 << 20);
    pl_buf_add_char(&text, '[');
    for (size_t i = 0; i < list->count && !failed; i++)
        failed = write_content(call, &text, &list->items[i], known);
    pl_buf_add_char(&text, ']');
    *out = failed || text.failed ? PL_STR_NONE : pl_arena_copy(call->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return failed ? -1 : out->p ? 0 : pl_fail(call->error, PL_E_ServiceUnavailable);
}

static int read_rule(api_call *call, pl_str known, org_grouping_rule *rule) {
    rule->name = api_text(call, "RuleName");
    rule->description = or_empty(api_text(call, "RuleDesc"));
    rule->modified = call->now;
    for (size_t i = 0; i < ORG_GROUPING_SCOPES; i++)
        if (read_scope(call, org_grouping_scopes[i], &rule->scopes[i]))
            return -1;
    return read_contents(call, known, &rule->contents);
}

/* Conditions that can be decided, and groups that are there. */
static int check_rule(api_call *call, store_session *session, const org_grouping_rule *rule) {
    pl_str targets[CONTENTS_MAX];
    size_t count;
    if (engine_check_grouping(call->arena, rule->contents, targets, CONTENTS_MAX, &count, call->error))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (org_check_resource_group(session, api_account(call), targets[i], true, call->error))
            return -1;
    return 0;
}

/* What is there already is taken up when the account says so; a change of rules is not undone by it. */
static int take_up(api_call *call, bool transfer) {
    org_grouping switches;
    org_caller caller = directory_caller(call);
    if (org_read_grouping(call->services->org, &caller, &switches, call->error))
        return -1;
    bool wanted = transfer ? switches.transfer && switches.transfer_existing
                           : switches.automatic && switches.automatic_existing;
    return wanted && call->services->engine
               ? engine_group_existing(call->services->engine, api_account(call), call->now, call->error)
               : 0;
}

int directory_take_up_associated(api_call *call) {
    return take_up(call, true);
}

/* --- Rules -----------------------------------------------------------------------------------------------
 */

static int create_rule(api_call *call, store_session *session) {
    char id[24] = "gr-";
    org_grouping_rule rule = {.type = api_text(call, "RuleType"), .created = call->now};
    if (pl_random_text(&call->services->random, id + 3, 14, PL_STR("abcdefghijklmnopqrstuvwxyz0123456789")))
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    rule.id = pl_arena_copy(call->arena, pl_str_from(id));
    if (read_rule(call, PL_STR(""), &rule) || check_rule(call, session, &rule) ||
        org_grouping_rule_put(session, api_account(call), &rule, call->error))
        return -1;
    api_write_text(call->out, "RuleId", rule.id);
    return 0;
}

int directory_create_auto_grouping_rule(api_call *call) {
    return api_answer_write(call, create_rule) || take_up(call, false) ? -1 : 0;
}

static int find_rule(api_call *call, store_session *session, org_grouping_rule *rule) {
    return org_grouping_rule_find(session, call->arena, api_account(call), api_text(call, "RuleId"), rule,
                                  call->error);
}

static int update_rule(api_call *call, store_session *session) {
    org_grouping_rule rule;
    return find_rule(call, session, &rule) || read_rule(call, rule.contents, &rule) ||
                   check_rule(call, session, &rule) ||
                   org_grouping_rule_put(session, api_account(call), &rule, call->error)
               ? -1
               : 0;
}

int directory_update_auto_grouping_rule(api_call *call) {
    return api_answer_write(call, update_rule) || take_up(call, false) ? -1 : 0;
}

static int delete_rule(api_call *call, store_session *session) {
    return org_grouping_rule_delete(session, api_account(call), api_text(call, "RuleId"), call->error);
}

int directory_delete_auto_grouping_rule(api_call *call) {
    return api_answer_write(call, delete_rule);
}

/* --- Showing rules ---------------------------------------------------------------------------------------
 */

static int write_contents(api_call *call, pl_str contents) {
    static const char *const names[] = {"AutoGroupingScopeCondition", "RuleContentId",
                                        "TargetResourceGroupCondition"};
    pl_json list, item;
    pl_str key;
    if (pl_json_parse_in(call->arena, contents, &list, call->error))
        return -1;
    pl_write_array(call->out, PL_STR("RuleContents"));
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &item);) {
        pl_write_object(call->out, PL_STR_NONE);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            api_write_text(call->out, names[i], pl_json_str(pl_json_get(item, pl_str_from(names[i]))));
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

static int write_rule(api_call *call, pl_str name, const org_grouping_rule *rule) {
    pl_write_object(call->out, name);
    api_write_time(call->out, "CreateTime", rule->created);
    for (size_t i = 1; i < ORG_GROUPING_SCOPES; i += 2)
        api_write_text(call->out, org_grouping_scopes[i], rule->scopes[i]);
    api_write_time(call->out, "ModifyTime", rule->modified);
    for (size_t i = 0; i < ORG_GROUPING_SCOPES; i += 2)
        api_write_text(call->out, org_grouping_scopes[i], rule->scopes[i]);
    if (write_contents(call, rule->contents))
        return -1;
    api_write_text(call->out, "RuleDesc", rule->description);
    api_write_text(call->out, "RuleId", rule->id);
    api_write_text(call->out, "RuleName", rule->name);
    api_write_text(call->out, "RuleType", rule->type);
    pl_write_object_end(call->out);
    return 0;
}

static int get_rule(api_call *call, store_session *session) {
    org_grouping_rule rule;
    return find_rule(call, session, &rule) || write_rule(call, PL_STR("Rule"), &rule) ? -1 : 0;
}

int directory_get_auto_grouping_rule(api_call *call) {
    return api_answer_read(call, get_rule);
}

static bool is_wanted(const api_call *call, const org_grouping_rule *rule) {
    pl_str id = api_text(call, "RuleId"), name = api_text(call, "RuleName"),
           type = api_text(call, "RuleType");
    return (id.n == 0 || pl_str_eq(id, rule->id)) &&
           (name.n == 0 || pl_str_find(rule->name, name) != PL_NOT_FOUND) &&
           (type.n == 0 || pl_str_eq(type, rule->type));
}

/* The rule that a page ended with: its position and id. It may be gone when the next page is asked for. */
typedef struct rule_marker {
    int64_t position;
    pl_str id;
} rule_marker;

static int open_marker(api_call *call, rule_marker *marker) {
    pl_str token, position;
    *marker = (rule_marker){0, PL_STR_NONE};
    if (api_token_open(call, &token))
        return -1;
    if (!token.p)
        return 0;
    if (!pl_str_split(&token, ',', &position) || !pl_str_to_i64(position, &marker->position))
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("NextToken"));
    marker->id = token;
    return 0;
}

static pl_str make_marker(api_call *call, const org_grouping_rule *last) {
    return api_token_make(
        call, pl_arena_printf(call->arena, "%lld,%.*s", (long long)last->position, PL_FMT(last->id)));
}

/* A new rule has the position of a last one that was deleted. */
static bool is_behind(const org_grouping_rule *rule, const rule_marker *marker) {
    return rule->position > marker->position ||
           (rule->position == marker->position && !pl_str_eq(rule->id, marker->id));
}

static int list_rules(api_call *call, store_session *session) {
    org_grouping_rule *rules;
    const org_grouping_rule *last = NULL;
    size_t count, shown = 0;
    int64_t limit = api_number(call, "MaxResults", PAGE_DEFAULT);
    rule_marker marker;
    bool more = false;
    if (open_marker(call, &marker) ||
        org_grouping_rules(session, call->arena, api_account(call), &rules, &count, call->error))
        return -1;
    pl_write_i64(call->out, PL_STR("MaxResults"), limit);
    pl_write_array(call->out, PL_STR("Rules"));
    for (size_t i = 0; i < count && !more; i++) {
        if (!is_behind(&rules[i], &marker) || !is_wanted(call, &rules[i]))
            continue;
        more = (int64_t)shown == limit;
        if (!more && write_rule(call, PL_STR_NONE, &rules[i]))
            return -1;
        shown += !more;
        last = more ? last : &rules[i];
    }
    pl_write_array_end(call->out);
    pl_write_optional(call->out, PL_STR("NextToken"), more && last ? make_marker(call, last) : PL_STR_NONE);
    return 0;
}

int directory_list_auto_grouping_rules(api_call *call) {
    return api_answer_read(call, list_rules);
}

/* --- Switches --------------------------------------------------------------------------------------------
 */

static int switch_automatic(api_call *call, bool on) {
    org_caller caller = directory_caller(call);
    org_grouping_change change = {.automatic = on ? ORG_ON : ORG_OFF};
    return org_change_grouping(call->services->org, &caller, &change, call->error);
}

int directory_enable_auto_grouping(api_call *call) {
    return switch_automatic(call, true) || take_up(call, false) ? -1 : 0;
}

int directory_disable_auto_grouping(api_call *call) {
    return switch_automatic(call, false);
}

int directory_update_auto_grouping_config(api_call *call) {
    org_caller caller = directory_caller(call);
    org_grouping_change change = {.automatic = ORG_SAME};
    if (!api_input(call, "EnableExistingResourcesTransfer"))
        return 0;
    change.automatic_existing = api_flag(call, "EnableExistingResourcesTransfer", false) ? ORG_ON : ORG_OFF;
    return org_change_grouping(call->services->org, &caller, &change, call->error) || take_up(call, false)
               ? -1
               : 0;
}

/* Resources have been moved when a switch returns, so nothing is ever on its way. */
int directory_get_auto_grouping_status(api_call *call) {
    org_caller caller = directory_caller(call);
    org_grouping switches;
    if (org_read_grouping(call->services->org, &caller, &switches, call->error))
        return -1;
    pl_write_bool(call->out, PL_STR("EnableExistedResourcesTransfer"), switches.automatic_existing);
    api_write_text(call->out, "EnableStatus", switches.automatic ? PL_STR("Enable") : PL_STR("Disable"));
    return 0;
}

/* --- What rules did, and the log -------------------------------------------------------------------------
 */

static void write_type(api_call *call, pl_str type) {
    pl_str service, kind;
    engine_split_type(type, &service, &kind);
    api_write_text(call->out, "ResourceType", directory_lower(call, kind));
    api_write_text(call->out, "Service", directory_lower(call, service));
}

static void write_group(api_call *call, const char *name, pl_str display_name, pl_str id) {
    pl_write_object(call->out, pl_str_from(name));
    api_write_text(call->out, "ResourceGroupDisplayName", display_name);
    api_write_text(call->out, "ResourceGroupId", id);
    pl_write_object_end(call->out);
}

/* A time that a client sent; 0 when it sent none. */
static int read_time(api_call *call, const char *name, int64_t *out) {
    pl_str text = api_text(call, name);
    *out = 0;
    return text.n == 0 || pl_time_parse(text, out) ? 0 : api_refuse_invalid(call, name);
}

/* One page of the log: up to `limit` events and whether there are more. */
typedef struct event_page {
    org_group_event_filter filter;
    pl_str service, kind; /* of the resource; empty: any */
    size_t limit;
    org_group_event *events;
    size_t count;
    bool more;
} event_page;

static int open_page(api_call *call, event_page *page, int64_t limit) {
    pl_str after;
    if (limit < 1 || limit > PAGE_MAX)
        return api_refuse_invalid(call, "MaxResults");
    page->limit = (size_t)limit;
    if (api_token_open(call, &after))
        return -1;
    if (after.p && !pl_str_to_i64(after, &page->filter.before))
        return api_refuse_invalid(call, "NextToken");
    return 0;
}

static bool is_kind(const event_page *page, pl_str type) {
    pl_str service, kind;
    engine_split_type(type, &service, &kind);
    return (page->service.n == 0 || pl_str_eq_fold(page->service, service)) &&
           (page->kind.n == 0 || pl_str_eq_fold(page->kind, kind) || pl_str_eq_fold(page->kind, type));
}

/* Types are told apart here, by their parts; everything else is the store's. */
static int read_page(api_call *call, store_session *session, event_page *page) {
    size_t found;
    org_group_event *batch;
    page->events = pl_new(call->arena, org_group_event, page->limit + 1);
    if (!page->events)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    do {
        if (org_group_events(session, call->arena, api_account(call), &page->filter, PAGE_MAX + 1, &batch,
                             &found, call->error))
            return -1;
        for (size_t i = 0; i < found && page->count <= page->limit; i++)
            if (is_kind(page, batch[i].resource_type))
                page->events[page->count++] = batch[i];
        page->filter.before = found ? batch[found - 1].position : 0;
    } while (found == PAGE_MAX + 1 && page->count <= page->limit);
    page->more = page->count > page->limit;
    page->count -= page->more;
    return 0;
}

static void write_next(api_call *call, const event_page *page) {
    char position[24];
    if (!page->more)
        return;
    int n = snprintf(position, sizeof position, "%lld", (long long)page->events[page->count - 1].position);
    pl_write_string(call->out, PL_STR("NextToken"), api_token_make(call, pl_str_of(position, (size_t)n)));
}

static int list_remediations(api_call *call, store_session *session) {
    event_page page = {.service = or_empty(api_text(call, "Service")),
                       .kind = or_empty(api_text(call, "ResourceType"))};
    org_grouping_rule rule;
    int64_t limit = api_number(call, "MaxResults", PAGE_DEFAULT);
    page.filter = (org_group_event_filter){.rule_id = api_text(call, "RuleId"),
                                           .group_id = or_empty(api_text(call, "TargetResourceGroupId")),
                                           .resource_id = or_empty(api_text(call, "ResourceId")),
                                           .added_only = true};
    if (read_time(call, "EarliestRemediationTime", &page.filter.from) ||
        read_time(call, "LatestRemediationTime", &page.filter.to) || open_page(call, &page, limit) ||
        find_rule(call, session, &rule) || read_page(call, session, &page))
        return -1;
    pl_write_i64(call->out, PL_STR("MaxResults"), limit);
    write_next(call, &page);
    pl_write_array(call->out, PL_STR("Remediations"));
    for (size_t i = 0; i < page.count; i++) {
        const org_group_event *e = &page.events[i];
        pl_write_object(call->out, PL_STR_NONE);
        api_write_text(call->out, "RegionId", e->region_id);
        api_write_text(call->out, "RemediationId",
                       pl_arena_printf(call->arena, "%.*s-%lld", PL_FMT(e->rule_id), (long long)e->position));
        api_write_time(call->out, "RemediationTime", e->happened);
        api_write_text(call->out, "ResourceId", e->resource_id);
        write_type(call, e->resource_type);
        write_group(call, "TargetResourceGroupInfo", e->target_name, e->target_id);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}

int directory_list_auto_grouping_remediations(api_call *call) {
    return api_answer_read(call, list_remediations);
}

/* Attributes that events can be looked up by; any other is refused. */
static int read_attributes(api_call *call, event_page *page) {
    const api_value *list = api_input(call, "LookupAttributes");
    const struct {
        const char *name;
        pl_str *value;
    } known[] = {{"ResourceId", &page->filter.resource_id},
                 {"RegionId", &page->filter.region_id},
                 {"ChangeType", &page->filter.change_type},
                 {"Service", &page->service},
                 {"ResourceType", &page->kind},
                 {"ResourceGroupId", &page->filter.group_id}};
    for (size_t i = 0; list && i < list->count; i++) {
        pl_str key = api_member_text(&list->items[i], "Key");
        size_t k = 0;
        while (k < sizeof known / sizeof *known && !pl_str_is(key, known[k].name))
            k++;
        if (k == sizeof known / sizeof *known)
            return api_refuse_invalid(call, "LookupAttributes");
        *known[k].value = or_empty(api_member_text(&list->items[i], "Value"));
    }
    return 0;
}

static void write_event(api_call *call, const org_group_event *e) {
    pl_write_object(call->out, PL_STR_NONE);
    api_write_text(call->out, "ChangeType", e->change_type);
    api_write_time(call->out, "EventTime", e->happened);
    api_write_text(call->out, "RegionId", e->region_id);
    api_write_text(call->out, "ResourceGroupDisplayName", e->group_name);
    api_write_text(call->out, "ResourceGroupId", e->group_id);
    api_write_text(call->out, "ResourceId", e->resource_id);
    write_type(call, e->resource_type);
    if (e->source_id.n)
        write_group(call, "SourceResourceGroupInfo", e->source_name, e->source_id);
    if (e->target_id.n)
        write_group(call, "TargetResourceGroupInfo", e->target_name, e->target_id);
    pl_write_object_end(call->out);
}

static int lookup_events(api_call *call, store_session *session) {
    event_page page = {.service = PL_STR(""), .kind = PL_STR("")};
    int64_t limit = PAGE_DEFAULT;
    pl_str sent = api_text(call, "MaxResults");
    page.filter =
        (org_group_event_filter){.group_id = or_empty(api_text(call, "ResourceGroupId")),
                                 .group_name = or_empty(api_text(call, "ResourceGroupDisplayName"))};
    if (!pl_str_eq_fold(api_text(call, "EventCategory"), PL_STR("MemberShipChange")))
        return api_refuse_invalid(call, "EventCategory");
    if (sent.n && !pl_str_to_i64(sent, &limit))
        return api_refuse_invalid(call, "MaxResults");
    if (read_attributes(call, &page) || read_time(call, "StartTime", &page.filter.from) ||
        read_time(call, "EndTime", &page.filter.to) || open_page(call, &page, limit) ||
        read_page(call, session, &page))
        return -1;
    pl_write_array(call->out, PL_STR("Events"));
    for (size_t i = 0; i < page.count; i++)
        write_event(call, &page.events[i]);
    pl_write_array_end(call->out);
    write_next(call, &page);
    return 0;
}

int directory_lookup_resource_group_events(api_call *call) {
    return api_answer_read(call, lookup_events);
}
