/* Reports from templates: what the scope chooses, in the parts that the granularity asks for. */
#include "reports/produce.h"

#include "json/parser.h"

enum { BOOKS_MAX = 2000 };

/* The values of one key of the scope; a key that comes twice has those in both. */
typedef struct wanted {
    bool given;
    pl_str *items;
    size_t count;
} wanted;

static int take_values(making *m, pl_str text, wanted *out, pl_error *error) {
    engine_list list;
    if (engine_list_parse(m->arena, text, &list, error) != 0)
        return -1;
    size_t kept = 0;
    for (size_t i = 0; i < list.count; i++)
        if (!out->given || produce_has(out->items, out->count, list.items[i]))
            list.items[kept++] = list.items[i];
    *out = (wanted){true, list.items, kept};
    return 0;
}

typedef struct template_scope {
    wanted groups, packs, rules;
} template_scope;

static int read_scope(making *m, template_scope *scope, pl_error *error) {
    pl_str unused;
    pl_json entry;
    pl_json list = pl_json_get(m->request, PL_STR("scope"));
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unused, &entry);) {
        pl_str key = pl_json_str(pl_json_get(entry, PL_STR("Key")));
        wanted *of = pl_str_is(key, "AggregatorId")       ? &scope->groups
                     : pl_str_is(key, "CompliancePackId") ? &scope->packs
                                                          : &scope->rules;
        if (take_values(m, pl_json_str(pl_json_get(entry, PL_STR("Value"))), of, error) != 0)
            return -1;
    }
    return 0;
}

static bool in_packs(const engine_rule *rule, const wanted *packs) {
    for (size_t i = 0; i < rule->pack_ids.count; i++)
        if (produce_has(packs->items, packs->count, rule->pack_ids.items[i]))
            return true;
    return false;
}

typedef struct judged_list {
    judged *items;
    size_t count, capacity;
} judged_list;

static int judge_owner(making *m, const template_scope *scope, pl_str aggregator_id, judged_list *list,
                       pl_error *error) {
    engine_rule *rules;
    size_t count;
    bool found;
    reports_owner *owner = pl_new(m->arena, reports_owner, 1);
    if (!owner)
        return produce_no_memory(error);
    if (produce_owner(m, aggregator_id, owner, &found, error) != 0)
        return -1;
    if (!found)
        return 0; /* a group that is gone has nothing to report */
    if (engine_rule_list(m->session, m->arena, &owner->group, NULL, &rules, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if ((scope->rules.given && !produce_has(scope->rules.items, scope->rules.count, rules[i].rule_id)) ||
            (scope->packs.given && !in_packs(&rules[i], &scope->packs)))
            continue;
        judged *grown =
            pl_arena_grow(m->arena, list->items, list->count, &list->capacity, sizeof *list->items);
        if (!grown)
            return produce_no_memory(error);
        list->items = grown;
        grown[list->count++] = (judged){rules + i, owner};
    }
    return 0;
}

/* Whether a rule belongs to the part of a report that `key` names, by the granularity. */
static bool belongs(const judged *j, pl_str granularity, pl_str key) {
    if (pl_str_is(granularity, "GroupByAggregator"))
        return pl_str_eq(j->owner->group.aggregator_id, key);
    if (pl_str_is(granularity, "GroupByCompliancePack"))
        return engine_list_has(&j->rule->pack_ids, key) || (key.n == 0 && j->rule->pack_ids.count == 0);
    if (pl_str_is(granularity, "GroupByRule"))
        return pl_str_eq(j->rule->rule_id, key);
    if (pl_str_is(granularity, "GroupByAccount"))
        return produce_has(j->owner->accounts, j->owner->account_count, key);
    return true;
}

static int add_key(pl_str key, pl_str *keys, size_t *count, pl_error *error) {
    if (produce_has(keys, *count, key))
        return 0;
    if (*count == BOOKS_MAX)
        return pl_failf(error, PL_E_InvalidParameter, "The report has more than %d parts.", BOOKS_MAX);
    keys[(*count)++] = key;
    return 0;
}

/* The accounts of every owner; the rules of one owner follow each other. */
static int find_accounts(const judged_list *list, pl_str *keys, size_t *count, pl_error *error) {
    const reports_owner *last = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const reports_owner *owner = list->items[i].owner;
        for (size_t a = 0; owner != last && a < owner->account_count; a++)
            if (add_key(owner->accounts[a], keys, count, error) != 0)
                return -1;
        last = owner;
    }
    return 0;
}

static int find_keys(const judged_list *list, pl_str granularity, const template_scope *scope, pl_str *keys,
                     size_t *count, pl_error *error) {
    *count = 0;
    if (pl_str_is(granularity, "AllInOne"))
        return add_key(PL_STR(""), keys, count, error);
    if (pl_str_is(granularity, "GroupByAccount"))
        return find_accounts(list, keys, count, error);
    for (size_t i = 0; i < list->count; i++) {
        const judged *j = &list->items[i];
        if (pl_str_is(granularity, "GroupByAggregator") &&
            add_key(j->owner->group.aggregator_id, keys, count, error) != 0)
            return -1;
        if (pl_str_is(granularity, "GroupByRule") && add_key(j->rule->rule_id, keys, count, error) != 0)
            return -1;
        if (!pl_str_is(granularity, "GroupByCompliancePack"))
            continue;
        if (j->rule->pack_ids.count == 0 && add_key(PL_STR(""), keys, count, error) != 0)
            return -1;
        for (size_t k = 0; k < j->rule->pack_ids.count; k++)
            if ((!scope->packs.given ||
                 produce_has(scope->packs.items, scope->packs.count, j->rule->pack_ids.items[k])) &&
                add_key(j->rule->pack_ids.items[k], keys, count, error) != 0)
                return -1;
    }
    return 0;
}

/* A part about one account shows its resources only. */
static void narrow_part(const making *m, pl_str granularity, const pl_str *key, book_plan *plan) {
    bool account = pl_str_is(granularity, "GroupByAccount");
    plan->head.pack_id = pl_str_is(granularity, "GroupByCompliancePack") ? *key : PL_STR("");
    plan->head.aggregator_id = pl_str_is(granularity, "GroupByAggregator") ? *key : PL_STR("");
    plan->head.account_id = account ? *key : m->file->account_id;
    plan->accounts = account ? key : NULL;
    plan->account_count = account;
}

static int make_part(making *m, const judged_list *list, pl_str granularity, const pl_str *part,
                     book_plan *plan, pl_error *error) {
    pl_str key = *part;
    judged *rules = pl_new(m->arena, judged, list->count + 1);
    if (!rules)
        return produce_no_memory(error);
    plan->rule_count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (belongs(&list->items[i], granularity, key))
            rules[plan->rule_count++] = list->items[i];
    plan->rules = rules;
    narrow_part(m, granularity, part, plan);
    plan->name = pl_arena_printf(m->arena, "%.*s-%.*s%s%.*s-report-%.*s", PL_FMT(m->file->account_id),
                                 PL_FMT(m->file->object_id), key.n ? "-" : "", PL_FMT(key), PL_FMT(m->stamp));
    return plan->name.p ? produce_book(m, plan, error) : produce_no_memory(error);
}

/* Every part in every format asked for. */
static int make_parts(making *m, const judged_list *list, const template_scope *scope, pl_error *error) {
    pl_str granularity = pl_json_str(pl_json_get(m->request, PL_STR("granularity")));
    pl_str formats = pl_json_str(pl_json_get(m->request, PL_STR("formats"))), format;
    pl_str *keys = pl_new(m->arena, pl_str, BOOKS_MAX);
    size_t count;
    if (!keys)
        return produce_no_memory(error);
    if (find_keys(list, granularity, scope, keys, &count, error) != 0)
        return -1;
    book_plan plan = {
        .look.chinese = pl_str_is(pl_json_str(pl_json_get(m->request, PL_STR("language"))), "zh-CN"),
        .head = {.title = pl_json_str(pl_json_get(m->request, PL_STR("title"))), .time = m->file->started}};
    while (pl_str_split(&formats, ',', &format)) {
        plan.look.csv = pl_str_is(format, "csv");
        for (size_t i = 0; i < count; i++)
            if (make_part(m, list, granularity, &keys[i], &plan, error) != 0)
                return -1;
    }
    return 0;
}

int produce_template(making *m, pl_error *error) {
    template_scope scope = {.groups.given = false};
    judged_list list = {0};
    if (read_scope(m, &scope, error) != 0)
        return -1;
    if (!scope.groups.given && judge_owner(m, &scope, PL_STR(""), &list, error) != 0)
        return -1;
    for (size_t i = 0; i < scope.groups.count; i++)
        if (judge_owner(m, &scope, scope.groups.items[i], &list, error) != 0)
            return -1;
    pl_str name = pl_arena_printf(m->arena, "%.*s-%.*s-report-%.*s", PL_FMT(m->file->account_id),
                                  PL_FMT(m->file->object_id), PL_FMT(m->stamp));
    if (!name.p)
        return produce_no_memory(error);
    if (make_parts(m, &list, &scope, error) != 0)
        return -1;
    m->archive = m->part_count != 1;
    return produce_bind(m, name, error);
}
