/* Into which resource group what is recorded belongs: one transaction's grouping. */
#include "engine/grouping_work.h"

#include "base/digest.h"
#include "base/map.h"
#include "engine/private.h"
#include "json/parser.h"

enum { SAME_ID_MAX = 16, FOLLOWERS_SIZE = 256 << 20, SCAN_PAGE = 500 };

static const engine_association associations[] = {
    {"ACS::ECS::Instance", "ACS::ECS::Disk", "InstanceId"},
    {"ACS::ECS::Instance", "ACS::ECS::NetworkInterface", "InstanceId"},
    {"ACS::ECS::Instance", "ACS::EIP::EipAddress", "InstanceId"},
    {"ACS::ECS::Disk", "ACS::ECS::Snapshot", "SourceDiskId"},
    {"ACS::SLB::LoadBalancer", "ACS::EIP::EipAddress", "InstanceId"},
    {"ACS::NAT::NatGateway", "ACS::EIP::EipAddress", "InstanceId"},
};

enum { ASSOCIATIONS = sizeof associations / sizeof *associations };

const engine_association *engine_associations(size_t *count) {
    *count = ASSOCIATIONS;
    return associations;
}

/* One rule with the contents it was compiled to. */
typedef struct rule {
    const org_grouping_rule *row;
    engine_content contents[ENGINE_CONTENTS_MAX];
    size_t content_count;
    bool associated;
} rule;

/* What the transaction knows of one account. */
typedef struct account {
    struct account *next;
    pl_str id;
    org_grouping switches;
    pl_str *groups;
    size_t group_count;
    rule *rules;
    size_t rule_count;
    bool associated_rules;
    pl_program *program;
    pl_program_state *state;
} account;

struct engine_grouping {
    engine *e;
    store_session *session;
    pl_arena *arena;
    int64_t now;
    bool place;
    account *accounts;
    pl_map marks;    /* account, type, region and id of a resource: the rule that put it where it is */
    pl_json nothing; /* an empty object, for resources without a configuration */
};

/* --- Beginning -------------------------------------------------------------------------------------------
 */

int engine_grouping_begin(engine_grouping **out, engine *e, store_session *session, pl_arena *arena,
                          int64_t now, bool place, pl_error *error) {
    engine_grouping *g = pl_new(arena, engine_grouping, 1);
    if (!g)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *g = (engine_grouping){.e = e, .session = session, .arena = arena, .now = now, .place = place};
    pl_map_init(&g->marks, 0);
    *out = g;
    return pl_json_parse_in(arena, PL_STR("{}"), &g->nothing, error);
}

void engine_grouping_end(engine_grouping *g) {
    for (account *a = g->accounts; a; a = a->next) {
        pl_program_state_free(a->state);
        pl_program_release(a->program);
    }
    pl_map_free(&g->marks);
}

static int compile_rules(engine_grouping *g, account *a, const org_grouping_rule *rows, size_t count,
                         pl_error *error) {
    a->program = pl_program_new();
    a->rules = pl_new(g->arena, rule, count + 1);
    if (!a->program || !a->rules)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (a->rule_count = 0; a->rule_count < count; a->rule_count++) {
        rule *r = &a->rules[a->rule_count];
        r->row = &rows[a->rule_count];
        r->associated = pl_str_is(r->row->type, ORG_RULE_ASSOCIATED);
        a->associated_rules |= r->associated;
        if (engine_compile_grouping(a->program, g->arena, r->row->contents, r->contents, ENGINE_CONTENTS_MAX,
                                    &r->content_count, error))
            return -1;
    }
    if (pl_program_seal(a->program, error))
        return -1;
    a->state = pl_program_state_new(a->program);
    return a->state ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int load_account(engine_grouping *g, account *a, pl_error *error) {
    org_grouping_rule *rows;
    size_t count;
    if (org_grouping_read(g->session, a->id, &a->switches, error) ||
        org_group_ids(g->session, g->arena, a->id, &a->groups, &a->group_count, error))
        return -1;
    if (!a->switches.automatic)
        return 0;
    if (org_grouping_rules(g->session, g->arena, a->id, &rows, &count, error))
        return -1;
    return compile_rules(g, a, rows, count, error);
}

static account *find_account(engine_grouping *g, pl_str id, pl_error *error) {
    for (account *a = g->accounts; a; a = a->next)
        if (pl_str_eq(a->id, id))
            return a;
    account *a = pl_new(g->arena, account, 1);
    if (!a) {
        pl_fail(error, PL_E_ServiceUnavailable);
        return NULL;
    }
    *a = (account){.next = g->accounts, .id = id};
    g->accounts = a;
    return load_account(g, a, error) ? NULL : a;
}

static bool has_group(const account *a, pl_str id) {
    for (size_t i = 0; i < a->group_count; i++)
        if (pl_str_eq(a->groups[i], id))
            return true;
    return false;
}

/* --- Names -----------------------------------------------------------------------------------------------
 */

void engine_split_type(pl_str type, pl_str *service, pl_str *kind) {
    size_t first = pl_str_find(type, PL_STR("::"));
    pl_str rest = first == PL_NOT_FOUND ? type : pl_str_skip(type, first + 2);
    size_t second = pl_str_find(rest, PL_STR("::"));
    *service = second == PL_NOT_FOUND ? rest : pl_str_head(rest, second);
    *kind = second == PL_NOT_FOUND ? rest : pl_str_skip(rest, second + 2);
}

/* True for "ecs.instance", "ecs:instance" and the type's full name, in any letter case. */
static bool is_type(pl_str type, pl_str name) {
    pl_str service, kind;
    engine_split_type(type, &service, &kind);
    if (pl_str_eq_fold(type, name))
        return true;
    bool joined = name.n == service.n + 1 + kind.n && (name.p[service.n] == '.' || name.p[service.n] == ':');
    return joined && pl_str_eq_fold(pl_str_head(name, service.n), service) &&
           pl_str_eq_fold(pl_str_skip(name, service.n + 1), kind);
}

static bool lists(pl_str csv, pl_str value, bool type) {
    pl_str one;
    while (pl_str_split(&csv, ',', &one)) {
        one = pl_str_trim(one);
        if (one.n && (type ? is_type(value, one) : pl_str_eq(one, value)))
            return true;
    }
    return false;
}

/* Each pair of scopes: the first restricts when it is given, the second takes out. */
static bool in_scope(const org_grouping_rule *row, const inventory_resource *r) {
    const pl_str values[] = {r->group_id, r->region_id, r->resource_id, r->resource_type};
    for (size_t i = 0; i < ORG_GROUPING_SCOPES; i += 2) {
        bool type = i == ORG_GROUPING_SCOPES - 2;
        if ((row->scopes[i].n && !lists(row->scopes[i], values[i / 2], type)) ||
            lists(row->scopes[i + 1], values[i / 2], type))
            return false;
    }
    return true;
}

/* --- Deciding --------------------------------------------------------------------------------------------
 */

/* Where a resource belongs. An empty group: nothing says anything about it. */
typedef struct place {
    pl_str group_id;
    pl_str rule_id; /* empty: it follows its master by the account's setting */
    bool existing;  /* what was recorded before may be taken up too */
} place;

/* Evaluates all conditions of the account's rules on one resource. */
static int evaluate(engine_grouping *g, account *a, const inventory_resource *r, pl_json configuration,
                    const pl_verdict **verdicts, pl_error *error) {
    pl_program_input input = {.configuration = pl_json_exists(configuration) ? configuration : g->nothing,
                              .now = g->now};
    pl_json tags;
    pl_buf text;
    if (pl_json_parse_in(g->arena, r->tags, &tags, error))
        return -1;
    pl_buf_init(&text, 4 * INVENTORY_MAX_TAGS_TEXT);
    inventory_write_item(&text, r, tags);
    pl_str copy = text.failed ? PL_STR_NONE : pl_arena_copy(g->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    if (!copy.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (pl_json_parse_in(g->arena, copy, &input.item, error))
        return -1;
    *verdicts = pl_program_evaluate(a->state, &input);
    return 0;
}

static bool holds(const engine_content *content, const pl_verdict *verdicts) {
    return content->any || verdicts[content->program_rule] == PL_COMPLIANT;
}

/* The first rule of conditions that matches. */
static int ask_rules(engine_grouping *g, account *a, const inventory_resource *r, pl_json configuration,
                     place *out, pl_error *error) {
    const pl_verdict *verdicts = NULL;
    for (size_t i = 0; i < a->rule_count; i++) {
        const rule *one = &a->rules[i];
        if (one->associated || !in_scope(one->row, r))
            continue;
        if (!verdicts && evaluate(g, a, r, configuration, &verdicts, error))
            return -1;
        for (size_t c = 0; c < one->content_count; c++) {
            if (!holds(&one->contents[c], verdicts) || !has_group(a, one->contents[c].group_id))
                continue;
            *out = (place){one->contents[c].group_id, one->row->id, a->switches.automatic_existing};
            return 0;
        }
    }
    return 0;
}

/* Rules that let resources follow a master which lies in the group they name. */
static int ask_associated_rules(engine_grouping *g, account *a, const inventory_resource *r,
                                const inventory_resource *master, place *out, pl_error *error) {
    const pl_verdict *verdicts = NULL;
    pl_json configuration = PL_JSON_NONE;
    for (size_t i = 0; i < a->rule_count; i++) {
        const rule *one = &a->rules[i];
        if (!one->associated || !in_scope(one->row, r))
            continue;
        if (!verdicts && ((master->configuration.n &&
                           pl_json_parse_in(g->arena, master->configuration, &configuration, error)) ||
                          evaluate(g, a, master, configuration, &verdicts, error)))
            return -1;
        for (size_t c = 0; c < one->content_count; c++) {
            const engine_content *content = &one->contents[c];
            if (pl_str_eq(content->group_id, master->group_id) && holds(content, verdicts)) {
                *out = (place){content->group_id, one->row->id, a->switches.automatic_existing};
                return 0;
            }
        }
    }
    return 0;
}

static bool transfers(const account *a, size_t association) {
    return a->switches.transfer && !(a->switches.transfer_without & (1U << association));
}

/* The master that a resource names, with its configuration. */
static int find_named(engine_grouping *g, const inventory_resource *r, const engine_association *association,
                      pl_json configuration, inventory_resource *master, bool *found, pl_error *error) {
    inventory_resource all[SAME_ID_MAX];
    size_t count = 0;
    pl_str id = pl_json_str(pl_json_get(configuration, pl_str_from(association->member)));
    *found = false;
    if (id.n == 0)
        return 0;
    if (inventory_find_id(g->session, g->arena, r->account_id, id, all, SAME_ID_MAX, &count, error))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq_fold(all[i].resource_type, pl_str_from(association->master)))
            return inventory_find(g->session, g->arena, r->account_id, all[i].resource_type, all[i].region_id,
                                  id, master, found, error);
    return 0;
}

static int ask_master(engine_grouping *g, account *a, const inventory_resource *r, pl_json configuration,
                      place *out, pl_error *error) {
    for (size_t i = 0; i < ASSOCIATIONS && out->group_id.n == 0; i++) {
        inventory_resource master;
        bool found;
        if (!pl_str_eq_fold(r->resource_type, pl_str_from(associations[i].associated)) ||
            (!transfers(a, i) && !a->associated_rules))
            continue;
        if (find_named(g, r, &associations[i], configuration, &master, &found, error))
            return -1;
        if (!found || master.group_id.n == 0)
            continue;
        if (transfers(a, i))
            *out = (place){master.group_id, PL_STR(""), a->switches.transfer_existing};
        else if (ask_associated_rules(g, a, r, &master, out, error))
            return -1;
    }
    return 0;
}

static int decide(engine_grouping *g, account *a, const inventory_resource *r, pl_json configuration,
                  place *out, pl_error *error) {
    *out = (place){.group_id = PL_STR(""), .rule_id = PL_STR("")};
    if (a->switches.automatic && ask_rules(g, a, r, configuration, out, error))
        return -1;
    return out->group_id.n ? 0 : ask_master(g, a, r, configuration, out, error);
}

/* --- Before items are applied ----------------------------------------------------------------------------
 */

static pl_str mark_key(pl_arena *arena, const inventory_item *item) {
    return pl_arena_printf(arena, "%.*s\n%.*s\n%.*s\n%.*s", PL_FMT(item->account_id),
                           PL_FMT(item->resource_type), PL_FMT(item->region_id), PL_FMT(item->resource_id));
}

static int mark(engine_grouping *g, const inventory_item *item, pl_str rule_id, pl_error *error) {
    pl_str key = mark_key(g->arena, item), *value = pl_new(g->arena, pl_str, 1);
    if (!key.p || !value)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *value = rule_id;
    return rule_id.n == 0 || pl_map_put(&g->marks, key, value) ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* What was recorded before is left where it was reported unless it may be taken up, has new tags, or was put
 * there already. */
static int may_place(engine_grouping *g, const inventory_item *item, const place *where, bool *may,
                     pl_error *error) {
    inventory_resource stored;
    bool found;
    *may = true;
    if (where->existing || pl_str_eq(where->group_id, item->group_id))
        return 0;
    if (inventory_find(g->session, g->arena, item->account_id, item->resource_type, item->region_id,
                       item->resource_id, &stored, &found, error))
        return -1;
    *may = !found || stored.deleted || !pl_str_eq(stored.tags, item->tags) ||
           pl_str_eq(stored.group_id, where->group_id);
    return 0;
}

/* Another group is another content: the same item in the same group has the same hash again. */
static int regroup(inventory_item *item, pl_str group_id, pl_error *error) {
    unsigned char digest[PL_SHA256_SIZE];
    char bytes[INVENTORY_HASH_SIZE + 64];
    size_t n = group_id.n < 64 ? group_id.n : 64;
    memcpy(bytes, item->hash, INVENTORY_HASH_SIZE);
    memcpy(bytes + INVENTORY_HASH_SIZE, group_id.p, n);
    if (pl_sha256(pl_str_of(bytes, INVENTORY_HASH_SIZE + n), digest))
        return pl_fail(error, PL_E_ServiceUnavailable);
    memcpy(item->hash, digest, INVENTORY_HASH_SIZE);
    item->group_id = group_id;
    return 0;
}

static int place_one(engine_grouping *g, const inventory_item **items, inventory_item **copy, size_t count,
                     size_t at, pl_error *error) {
    const inventory_item *item = &(*items)[at];
    account *a = find_account(g, item->account_id, error);
    inventory_resource r = inventory_resource_of(item);
    place where;
    bool may;
    if (!a)
        return -1;
    if (item->removal || (!a->switches.automatic && !a->switches.transfer))
        return 0;
    if (decide(g, a, &r, item->configuration, &where, error))
        return -1;
    if (where.group_id.n == 0)
        return 0;
    if (may_place(g, item, &where, &may, error) || (may && mark(g, item, where.rule_id, error)))
        return -1;
    if (!may || pl_str_eq(where.group_id, item->group_id))
        return 0;
    if (!*copy && !(*copy = pl_new(g->arena, inventory_item, count)))
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (*items != *copy)
        memcpy(*copy, *items, count * sizeof **copy);
    *items = *copy;
    return regroup(&(*copy)[at], where.group_id, error);
}

int engine_grouping_place(engine_grouping *g, const inventory_item **items, size_t count, pl_error *error) {
    inventory_item *copy = NULL;
    for (size_t i = 0; g->place && i < count; i++)
        if (place_one(g, items, &copy, count, i, error))
            return -1;
    return 0;
}

/* --- After items were applied ----------------------------------------------------------------------------
 */

static bool is_moved(const inventory_change *c) {
    return c->event != INVENTORY_UNCHANGED && c->event != INVENTORY_REMOVE && c->item->group_id.n > 0 &&
           (!c->seen || !pl_str_eq(c->old_group_id, c->item->group_id));
}

/* Resources of one associated type that must follow, as JSON items. */
typedef struct following {
    engine_grouping *g;
    account *account;
    const engine_association *association;
    pl_map masters; /* ids of those that moved */
    pl_buf list;
    size_t count;
    int64_t last_key;
    size_t seen;
} following;

static int follow_one(void *context, const inventory_resource *r, pl_error *error) {
    following *f = context;
    pl_json configuration;
    place where;
    f->last_key = r->resource_key;
    f->seen++;
    if (!r->configuration.n || f->count == INVENTORY_MAX_ITEMS)
        return 0;
    if (pl_json_parse_in(f->g->arena, r->configuration, &configuration, error))
        return -1;
    pl_str id = pl_json_str(pl_json_get(configuration, pl_str_from(f->association->member)));
    if (!id.n || !pl_map_get(&f->masters, id))
        return 0;
    where = (place){.group_id = PL_STR(""), .rule_id = PL_STR("")};
    if (ask_master(f->g, f->account, r, configuration, &where, error))
        return -1;
    if (where.group_id.n == 0 || pl_str_eq(where.group_id, r->group_id))
        return 0;
    inventory_item name = {.account_id = r->account_id,
                           .resource_type = r->resource_type,
                           .region_id = r->region_id,
                           .resource_id = r->resource_id};
    f->count++;
    engine_write_moved(&f->list, r, where.group_id);
    return mark(f->g, &name, where.rule_id, error);
}

static int follow_association(following *f, pl_error *error) {
    int result = 0;
    f->last_key = 0;
    do {
        f->seen = 0;
        result = inventory_scan(f->g->session, f->account->id, pl_str_from(f->association->associated),
                                f->last_key, SCAN_PAGE, follow_one, f, error);
    } while (result >= 0 && f->seen == SCAN_PAGE);
    return result < 0 ? -1 : 0;
}

static int gather_masters(following *f, const inventory_change *changes, size_t count, pl_error *error) {
    for (size_t i = 0; i < count; i++) {
        const inventory_item *item = changes[i].item;
        if (!is_moved(&changes[i]) || !pl_str_eq(item->account_id, f->account->id) ||
            !pl_str_eq_fold(item->resource_type, pl_str_from(f->association->master)))
            continue;
        if (!pl_map_put(&f->masters, item->resource_id, f))
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return 0;
}

static int follow_all(following *f, account *a, const inventory_change *changes, size_t count,
                      pl_error *error) {
    int result = 0;
    f->account = a;
    for (size_t i = 0; i < ASSOCIATIONS && result == 0; i++) {
        if (!transfers(a, i) && !a->associated_rules)
            continue;
        f->association = &associations[i];
        pl_map_init(&f->masters, 0);
        result = gather_masters(f, changes, count, error);
        if (result == 0 && f->masters.count)
            result = follow_association(f, error);
        pl_map_free(&f->masters);
    }
    return result;
}

int engine_grouping_follow(engine_grouping *g, const inventory_change *changes, size_t count,
                           inventory_item **items, size_t *item_count, pl_error *error) {
    following f = {.g = g};
    int result = 0;
    *item_count = 0;
    pl_buf_init(&f.list, FOLLOWERS_SIZE);
    for (account *a = g->accounts; a && result == 0; a = a->next)
        result = follow_all(&f, a, changes, count, error);
    if (result == 0 && f.count)
        result = engine_parse_moved(g->arena, &f.list, items, item_count, error);
    pl_buf_free(&f.list);
    return result;
}

/* --- The log ---------------------------------------------------------------------------------------------
 */

static int write_events(engine_grouping *g, const account *a, const inventory_change *c, org_group_event *out,
                        size_t *count, pl_error *error) {
    const inventory_item *item = c->item;
    pl_str none = PL_STR(""), source = c->seen ? c->old_group_id : none;
    pl_str target = c->event == INVENTORY_REMOVE ? none : item->group_id;
    if (c->event == INVENTORY_UNCHANGED || pl_str_eq(source, target))
        return 0;
    pl_str key = mark_key(g->arena, item);
    if (!key.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    const pl_str *rule_id = pl_map_get(&g->marks, key);
    org_group_event event = {.happened = g->now,
                             .source_id = source,
                             .target_id = target,
                             .resource_type = item->resource_type,
                             .region_id = item->region_id,
                             .resource_id = item->resource_id,
                             .rule_id = rule_id ? *rule_id : none};
    event.group_id = source;
    event.change_type = PL_STR("Remove");
    if (has_group(a, source))
        out[(*count)++] = event;
    event.group_id = target;
    event.change_type = PL_STR("Add");
    if (has_group(a, target))
        out[(*count)++] = event;
    return 0;
}

static int record_account(engine_grouping *g, const account *a, const inventory_change *changes, size_t count,
                          pl_error *error) {
    size_t events = 0;
    if (a->group_count == 0)
        return 0;
    org_group_event *list = pl_new(g->arena, org_group_event, 2 * count);
    if (!list)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq(changes[i].item->account_id, a->id) &&
            write_events(g, a, &changes[i], list, &events, error) != 0)
            return -1;
    return events ? org_group_events_add(g->session, a->id, list, events, error) : 0;
}

int engine_grouping_record(engine_grouping *g, const inventory_change *changes, size_t count,
                           pl_error *error) {
    for (size_t i = 0; i < count; i++)
        if (changes[i].event != INVENTORY_UNCHANGED && !find_account(g, changes[i].item->account_id, error))
            return -1;
    for (const account *a = g->accounts; a; a = a->next)
        if (record_account(g, a, changes, count, error))
            return -1;
    return 0;
}

/* --- What is recorded already ----------------------------------------------------------------------------
 */

static int find_master(engine_grouping *g, const inventory_resource *r, inventory_resource *master,
                       bool *found, pl_error *error) {
    account *a = find_account(g, r->account_id, error);
    pl_json configuration = PL_JSON_NONE;
    if (!a || (r->configuration.n && pl_json_parse_in(g->arena, r->configuration, &configuration, error)))
        return -1;
    for (size_t i = 0; i < ASSOCIATIONS && !*found; i++)
        if (transfers(a, i) && pl_str_eq_fold(r->resource_type, pl_str_from(associations[i].associated)) &&
            find_named(g, r, &associations[i], configuration, master, found, error))
            return -1;
    return 0;
}

int engine_find_master(engine *e, store_session *session, pl_arena *arena, const inventory_resource *resource,
                       inventory_resource *master, bool *found, pl_error *error) {
    engine_grouping *g;
    *found = false;
    if (engine_grouping_begin(&g, e, session, arena, 0, false, error))
        return -1;
    int result = find_master(g, resource, master, found, error);
    engine_grouping_end(g);
    return result;
}

int engine_grouping_move_existing(engine_grouping *g, const inventory_resource *r, pl_buf *list,
                                  pl_error *error) {
    account *a = find_account(g, r->account_id, error);
    pl_json configuration = PL_JSON_NONE;
    place where;
    if (!a || (r->configuration.n && pl_json_parse_in(g->arena, r->configuration, &configuration, error)) ||
        decide(g, a, r, configuration, &where, error))
        return -1;
    if (where.group_id.n && where.existing && !pl_str_eq(where.group_id, r->group_id))
        engine_write_moved(list, r, where.group_id);
    return 0;
}
