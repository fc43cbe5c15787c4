/* Statements: SELECT, WHERE, GROUP BY, ORDER BY, LIMIT; and what they may ask together. */
#include "search/internal.h"

#include "base/encode.h"

static const char *const star[] = {"AccountId",      "RegionId",     "ResourceId",
                                   "ResourceType",   "ResourceName", "ResourceCreationTime",
                                   "ResourceGroupId"};
static const search_common star_commons[] = {COMMON_ACCOUNT, COMMON_REGION,  COMMON_ID,   COMMON_TYPE,
                                             COMMON_NAME,    COMMON_CREATED, COMMON_GROUP};

static const struct {
    const char *name;
    search_aggregate aggregate;
} aggregates[] = {{"COUNT", AGGREGATE_COUNT},
                  {"SUM", AGGREGATE_SUM},
                  {"AVG", AGGREGATE_AVG},
                  {"MIN", AGGREGATE_MIN},
                  {"MAX", AGGREGATE_MAX}};

static int expect_word(search_parser *p, const char *keyword) {
    if (!search_at_word(p, keyword))
        return search_refuse(p, p->now.at, "%s is expected", keyword);
    return search_next(p);
}

/* The aggregate that begins here, or none: its name alone is the name of a property. */
static search_aggregate aggregate_here(const search_parser *p) {
    size_t at = p->offset;
    while (at < p->statement.n && (p->statement.p[at] == ' ' || p->statement.p[at] == '\t' ||
                                   p->statement.p[at] == '\n' || p->statement.p[at] == '\r'))
        at++;
    if (at >= p->statement.n || p->statement.p[at] != '(')
        return AGGREGATE_NONE;
    for (size_t i = 0; i < sizeof aggregates / sizeof *aggregates; i++)
        if (search_at_word(p, aggregates[i].name))
            return aggregates[i].aggregate;
    return AGGREGATE_NONE;
}

/* What stands between the parentheses of an aggregate. */
static int take_argument(search_parser *p, search_item *item) {
    bool one = p->now.kind == TOKEN_NUMBER && pl_str_is(p->now.text, "1");
    if (search_at_sign(p, "*") || one) {
        if (item->aggregate != AGGREGATE_COUNT)
            return search_refuse(p, p->now.at, "the name of a property is expected");
        item->aggregate = AGGREGATE_COUNT_ALL;
        return search_next(p);
    }
    if (aggregate_here(p) != AGGREGATE_NONE)
        return search_refuse(p, p->now.at, "aggregates cannot be nested");
    return search_parse_property(p, &item->property);
}

static int take_item(search_parser *p, search_item *item) {
    *item = (search_item){.aggregate = aggregate_here(p), .at = p->now.at};
    if (item->aggregate == AGGREGATE_NONE)
        return search_parse_property(p, &item->property);
    if (search_next(p) != 0 || search_next(p) != 0 || take_argument(p, item) != 0)
        return -1;
    if (!search_at_sign(p, ")"))
        return search_refuse(p, p->now.at, "an aggregate has one argument: ) is expected");
    return search_next(p);
}

typedef struct item_list {
    search_item *items;
    size_t count;
} item_list;

static int new_list(search_parser *p, item_list *list) {
    list->items = pl_new(p->arena, search_item, SEARCH_ITEMS_MAX);
    return list->items ? 0 : pl_fail(p->error, PL_E_ServiceUnavailable);
}

static int room_for_item(search_parser *p, const item_list *list) {
    if (list->count < SEARCH_ITEMS_MAX)
        return 0;
    return search_refuse(p, p->now.at, "there are more than %d items", SEARCH_ITEMS_MAX);
}

/* --- Clauses ---------------------------------------------------------------------------------------------
 */

static int take_star(search_parser *p, search_plan *plan, item_list *columns) {
    for (size_t i = 0; i < sizeof star / sizeof *star; i++) {
        if (room_for_item(p, columns) != 0)
            return -1;
        plan->titles[columns->count] = pl_str_from(star[i]);
        columns->items[columns->count++] =
            (search_item){.property = {.common = star_commons[i]}, .at = p->now.at};
    }
    return search_next(p);
}

static int take_column(search_parser *p, search_plan *plan, item_list *columns) {
    if (search_at_sign(p, "*"))
        return take_star(p, plan, columns);
    size_t from = p->now.at;
    if (room_for_item(p, columns) != 0 || take_item(p, &columns->items[columns->count]) != 0)
        return -1;
    plan->titles[columns->count++] = pl_str_trim(pl_str_of(p->statement.p + from, p->ended - from));
    return 0;
}

/* True when another item follows a comma, which is taken. */
static int take_comma(search_parser *p, bool *more) {
    *more = search_at_sign(p, ",");
    return *more ? search_next(p) : 0;
}

static int take_select(search_parser *p, search_plan *plan) {
    item_list columns = {0};
    bool more = true;
    plan->titles = pl_new(p->arena, pl_str, SEARCH_ITEMS_MAX);
    if (!plan->titles || new_list(p, &columns) != 0)
        return pl_fail(p->error, PL_E_ServiceUnavailable);
    if (expect_word(p, "SELECT") != 0)
        return -1;
    while (more)
        if (take_column(p, plan, &columns) != 0 || take_comma(p, &more) != 0)
            return -1;
    plan->columns = columns.items;
    plan->column_count = columns.count;
    return 0;
}

static int take_group(search_parser *p, search_plan *plan) {
    item_list keys = {0};
    bool more = true;
    if (search_next(p) != 0 || expect_word(p, "BY") != 0 || new_list(p, &keys) != 0)
        return -1;
    while (more) {
        search_item *key = &keys.items[keys.count];
        if (room_for_item(p, &keys) != 0)
            return -1;
        *key = (search_item){.at = p->now.at};
        if (search_parse_property(p, &key->property) != 0 || take_comma(p, &more) != 0)
            return -1;
        keys.count++;
    }
    plan->keys = keys.items;
    plan->key_count = keys.count;
    return 0;
}

static int take_order(search_parser *p, search_plan *plan) {
    item_list orders = {0};
    bool more = true;
    if (search_next(p) != 0 || expect_word(p, "BY") != 0 || new_list(p, &orders) != 0)
        return -1;
    while (more) {
        if (room_for_item(p, &orders) != 0 || take_item(p, &orders.items[orders.count]) != 0)
            return -1;
        search_item *order = &orders.items[orders.count++];
        order->descending = search_at_word(p, "DESC");
        if ((order->descending || search_at_word(p, "ASC")) && search_next(p) != 0)
            return -1;
        if (take_comma(p, &more) != 0)
            return -1;
    }
    plan->orders = orders.items;
    plan->order_count = orders.count;
    return 0;
}

static int take_limit(search_parser *p, search_plan *plan) {
    if (search_next(p) != 0)
        return -1;
    if (p->now.kind != TOKEN_NUMBER || !pl_str_to_i64(p->now.text, &plan->limit) || plan->limit < 0)
        return search_refuse(p, p->now.at, "a number of rows is expected");
    return search_next(p);
}

static int take_end(search_parser *p) {
    static const char *const unsupported[] = {"FROM", "HAVING", "JOIN", "UNION", "INNER", "LEFT", "OFFSET"};
    if (search_at_sign(p, ";") && search_next(p) != 0)
        return -1;
    if (p->now.kind == TOKEN_END)
        return 0;
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++)
        if (search_at_word(p, unsupported[i]))
            return search_refuse(p, p->now.at, "%s is not supported", unsupported[i]);
    return search_refuse(p, p->now.at, "this does not belong here");
}

static int take_statement(search_parser *p, search_plan *plan) {
    plan->limit = -1;
    if (search_next(p) != 0 || take_select(p, plan) != 0)
        return -1;
    if (search_at_word(p, "WHERE") && (search_next(p) != 0 || search_parse_condition(p, &plan->where) != 0))
        return -1;
    if (search_at_word(p, "GROUP") && take_group(p, plan) != 0)
        return -1;
    if (search_at_word(p, "ORDER") && take_order(p, plan) != 0)
        return -1;
    if (search_at_word(p, "LIMIT") && take_limit(p, plan) != 0)
        return -1;
    return take_end(p);
}

/* --- What belongs together -------------------------------------------------------------------------------
 */

static size_t total_of(search_plan *plan, const search_item *item) {
    for (size_t i = 0; i < plan->total_count; i++)
        if (plan->totals[i].aggregate == item->aggregate &&
            search_same_property(&plan->totals[i].property, &item->property))
            return i;
    plan->totals[plan->total_count] = *item;
    return plan->total_count++;
}

/* Every item of a grouped plan is one of its keys or an aggregate. */
static int place(search_parser *p, search_plan *plan, search_item *item) {
    if (item->aggregate != AGGREGATE_NONE) {
        item->index = total_of(plan, item);
        return 0;
    }
    for (item->index = 0; item->index < plan->key_count; item->index++)
        if (search_same_property(&plan->keys[item->index].property, &item->property))
            return 0;
    return search_refuse(p, item->at, "beside aggregates and GROUP BY, a property must be one of GROUP BY");
}

static int check(search_parser *p, search_plan *plan) {
    plan->grouped = plan->key_count > 0;
    for (size_t i = 0; i < plan->column_count; i++)
        plan->grouped = plan->grouped || plan->columns[i].aggregate != AGGREGATE_NONE;
    for (size_t i = 0; !plan->grouped && i < plan->order_count; i++)
        if (plan->orders[i].aggregate != AGGREGATE_NONE)
            return search_refuse(p, plan->orders[i].at, "an aggregate orders groups only");
    if (!plan->grouped)
        return 0;
    plan->totals = pl_new(p->arena, search_item, 2 * SEARCH_ITEMS_MAX);
    if (!plan->totals)
        return pl_fail(p->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < plan->column_count; i++)
        if (place(p, plan, &plan->columns[i]) != 0)
            return -1;
    for (size_t i = 0; i < plan->order_count; i++)
        if (place(p, plan, &plan->orders[i]) != 0)
            return -1;
    return 0;
}

/* Types that the condition names where nothing else could make it true. */
static int find_types(search_parser *p, search_plan *plan) {
    search_condition *c = plan->where, *one = NULL;
    for (search_condition *part = c && c->op == SEARCH_AND ? c->children : c; part;
         part = c->op == SEARCH_AND ? part->next : NULL)
        if (part->property.common == COMMON_TYPE && (part->op == SEARCH_EQUAL || part->op == SEARCH_IN))
            one = part;
    for (size_t i = 0; one && i < one->constant_count; i++) {
        const search_constant *constant = &one->constants[i];
        if (constant->kind != SEARCH_TEXT || constant->is_number || constant->is_time || constant->is_address)
            one = NULL; /* equality is more than being the same text then */
    }
    if (!one)
        return 0;
    pl_str *types = pl_new(p->arena, pl_str, one->constant_count);
    if (!types)
        return pl_fail(p->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < one->constant_count; i++)
        types[i] = one->constants[i].text;
    plan->types = types;
    plan->type_count = one->constant_count;
    return 0;
}

int search_compile(pl_arena *arena, pl_str statement, bool strict, search_plan **out, pl_error *error) {
    search_parser p = {.arena = arena, .statement = statement, .strict = strict, .error = error};
    search_plan *plan = pl_new(arena, search_plan, 1);
    *out = plan;
    if (!plan)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (!pl_utf8_valid(statement))
        return search_refuse(&p, 0, "it is not UTF-8");
    if (take_statement(&p, plan) != 0 || check(&p, plan) != 0 || find_types(&p, plan) != 0)
        return -1;
    plan->needs = p.needs;
    return 0;
}

unsigned search_needs(const search_plan *plan) {
    return plan->needs;
}

size_t search_types(const search_plan *plan, const pl_str **types) {
    *types = plan->types;
    return plan->type_count;
}

size_t search_columns(const search_plan *plan, const pl_str **titles) {
    *titles = plan->titles;
    return plan->column_count;
}
