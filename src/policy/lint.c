/* The linter. Every check walks the statements of one parsed policy; findings are sorted by their place. */
#include "policy/lint.h"

#include "base/clock.h"
#include "base/decimal.h"
#include "policy/clause.h"
#include "policy/glob.h"

#include <stdlib.h>

typedef struct linter {
    pl_arena *arena;
    const pl_policy *policy;
    const pl_lint_service *services;
    size_t service_count;
    pl_lint_finding *findings;
    size_t count, capacity;
} linter;

pl_str pl_lint_rule_name(pl_lint_rule rule) {
    static const pl_str names[] = {PL_STR_INIT("unknown-action"), PL_STR_INIT("impossible-condition"),
                                   PL_STR_INIT("shadowed-statement"), PL_STR_INIT("overbroad-grant"),
                                   PL_STR_INIT("empty-match")};
    return names[rule];
}

void pl_text_position(pl_str text, size_t offset, size_t *line, size_t *column) {
    *line = *column = 1;
    for (size_t i = 0; i < offset && i < text.n; i++) {
        if (text.p[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)text.p[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

static pl_str path_of(linter *l, uint32_t place) {
    pl_buf path;
    pl_buf_init(&path, 1 << 16);
    pl_policy_path(&path, l->policy, place);
    pl_str copy = pl_arena_copy(l->arena, pl_buf_str(&path));
    pl_buf_free(&path);
    return copy;
}

static void add(linter *l, pl_lint_rule rule, uint32_t place, pl_str message) {
    pl_lint_finding *grown =
        pl_arena_grow(l->arena, l->findings, l->count, &l->capacity, sizeof *l->findings);
    if (!grown)
        return;
    l->findings = grown;
    pl_lint_finding *finding = &grown[l->count++];
    *finding = (pl_lint_finding){.rule = rule, .message = message};
    finding->offset = pl_policy_offset(l->policy, place);
    finding->path = path_of(l, place);
    pl_text_position(l->policy->text, finding->offset, &finding->line, &finding->column);
}

static bool is_star(pl_str text) {
    return pl_str_is(text, "*");
}

/* "config" of "config:Get*"; the whole text when there is no colon, as in "*". */
static pl_str service_of(pl_str action) {
    size_t colon = pl_str_find_char(action, ':');
    return colon == PL_NOT_FOUND ? action : pl_str_head(action, colon);
}

/* The service of a resource, which is `*` (every service) or begins with acs:. */
static pl_str resource_service(pl_str resource) {
    return is_star(resource) ? resource : service_of(pl_str_skip(resource, strlen("acs:")));
}

/* --- unknown actions -------------------------------------------------------------------------------------
 */

static const pl_lint_service *find_service(const linter *l, pl_str code) {
    for (size_t i = 0; i < l->service_count; i++)
        if (pl_str_eq_fold(l->services[i].code, code))
            return &l->services[i];
    return NULL;
}

static pl_str folded(linter *l, pl_str text) {
    char *copy = pl_arena_alloc(l->arena, text.n + 1);
    for (size_t i = 0; copy && i < text.n; i++)
        copy[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] + 32) : text.p[i];
    return pl_str_of(copy, copy ? text.n : 0);
}

static bool names_an_action(linter *l, const pl_lint_service *service, pl_str pattern) {
    pl_glob glob = pl_glob_of(folded(l, pattern));
    for (size_t i = 0; i < service->action_count; i++)
        if (pl_glob_match(&glob, folded(l, service->actions[i])))
            return true;
    return false;
}

static void check_actions(linter *l, const pl_policy_statement *statement) {
    for (size_t i = 0; i < statement->actions.count; i++) {
        pl_policy_text action = statement->actions.items[i];
        pl_str code = service_of(action.text);
        const pl_lint_service *service = find_service(l, code);
        if (service && !names_an_action(l, service, pl_str_skip(action.text, code.n + 1)))
            add(l, PL_LINT_UNKNOWN_ACTION, action.place,
                pl_arena_printf(l->arena, "no operation of %.*s is matched by \"%.*s\"", PL_FMT(code),
                                PL_FMT(action.text)));
    }
}

/* --- conditions that cannot hold --------------------------------------------------------------------------
 */

static bool same_values(const pl_policy_clause *a, const pl_policy_clause *b) {
    for (size_t i = 0; i < a->values.count; i++)
        for (size_t j = 0; j < b->values.count; j++)
            if (pl_str_eq(a->values.items[i].text, b->values.items[j].text))
                return true;
    return false;
}

/* Every value of `wanted` is excluded by `excluded`. */
static bool all_excluded(const pl_policy_clause *wanted, const pl_policy_clause *excluded) {
    for (size_t i = 0; i < wanted->values.count; i++) {
        bool found = false;
        for (size_t j = 0; j < excluded->values.count; j++)
            found |= pl_str_eq(wanted->values.items[i].text, excluded->values.items[j].text);
        if (!found)
            return false;
    }
    return true;
}

static bool covered(pl_policy_texts wide, pl_str narrow) {
    for (size_t i = 0; i < wide.count; i++)
        if (pl_glob_covers(wide.items[i].text, narrow))
            return true;
    return false;
}

static bool covers_all(pl_policy_texts wide, pl_policy_texts narrow) {
    for (size_t i = 0; i < narrow.count; i++)
        if (!covered(wide, narrow.items[i].text))
            return false;
    return true;
}

/* Two comparisons of one key that leave no value. */
static bool contradict(const pl_policy_clause *a, const pl_policy_clause *b) {
    if (!pl_str_eq_fold(a->key.text, b->key.text))
        return false;
    bool equal_a = a->op == PL_STRING_EQUALS || a->op == PL_NUMERIC_EQUALS || a->op == PL_BOOL;
    bool text_a = a->op == PL_STRING_EQUALS || a->op == PL_STRING_LIKE;
    if (equal_a && a->op == b->op)
        return !same_values(a, b);
    if (text_a && b->op == PL_STRING_NOT_LIKE)
        return covers_all(b->values, a->values);
    return (a->op == PL_STRING_EQUALS && b->op == PL_STRING_NOT_EQUALS && all_excluded(a, b)) ||
           (a->op == PL_NUMERIC_EQUALS && b->op == PL_NUMERIC_NOT_EQUALS && all_excluded(a, b)) ||
           (a->op == PL_IP_ADDRESS && b->op == PL_NOT_IP_ADDRESS && all_excluded(a, b));
}

static int compare_values(pl_operator_family family, pl_str a, pl_str b) {
    pl_decimal x, y;
    int64_t s, t;
    if (family == PL_FAMILY_NUMERIC)
        return pl_decimal_parse(a, &x) && pl_decimal_parse(b, &y) ? pl_decimal_compare(&x, &y) : 0;
    return pl_time_parse(a, &s) && pl_time_parse(b, &t) ? (s > t) - (s < t) : 0;
}

/* One of several bounds suffices: the least of lower ones (`sign` -1), the greatest of upper ones (1). */
static pl_str widest_bound(const pl_policy_clause *clause, int sign) {
    pl_str bound = clause->values.items[0].text;
    for (size_t i = 1; i < clause->values.count; i++)
        if (compare_values(pl_operator_family_of(clause->op), clause->values.items[i].text, bound) * sign > 0)
            bound = clause->values.items[i].text;
    return bound;
}

/* A lower bound above an upper bound. */
static bool empty_range(const pl_policy_clause *low, const pl_policy_clause *high) {
    pl_operator_family family = pl_operator_family_of(low->op);
    pl_comparison above = pl_operator_comparison(low->op), below = pl_operator_comparison(high->op);
    if ((above != PL_GREATER && above != PL_GREATER_OR_EQUAL) ||
        (below != PL_LESS && below != PL_LESS_OR_EQUAL) || family != pl_operator_family_of(high->op) ||
        !pl_str_eq_fold(low->key.text, high->key.text))
        return false;
    int order = compare_values(family, widest_bound(low, -1), widest_bound(high, 1));
    return above == PL_GREATER_OR_EQUAL && below == PL_LESS_OR_EQUAL ? order > 0 : order >= 0;
}

static void check_conditions(linter *l, const pl_policy_statement *statement) {
    for (size_t i = 0; i < statement->clause_count; i++) {
        for (size_t j = 0; j < statement->clause_count; j++) {
            const pl_policy_clause *a = &statement->clauses[i], *b = &statement->clauses[j];
            bool once = a->op != b->op || i < j;
            if (i == j || !once || (!contradict(a, b) && !empty_range(a, b)))
                continue;
            add(l, PL_LINT_IMPOSSIBLE_CONDITION, a->key.place,
                pl_arena_printf(l->arena, "%.*s and %.*s of %.*s never hold together",
                                PL_FMT(pl_policy_operator_name(a->op)),
                                PL_FMT(pl_policy_operator_name(b->op)), PL_FMT(a->key.text)));
        }
    }
}

/* --- statements without effect -----------------------------------------------------------------------------
 */

/* Actions compare without case. */
static pl_policy_texts folded_texts(linter *l, pl_policy_texts texts) {
    pl_policy_text *items = pl_new(l->arena, pl_policy_text, texts.count);
    for (size_t i = 0; items && i < texts.count; i++)
        items[i].text = folded(l, texts.items[i].text);
    return (pl_policy_texts){items, items ? texts.count : 0};
}

/* What `narrow` says, `wide` says already (or denies anyway), whatever the request. */
static bool makes_idle(linter *l, const pl_policy_statement *wide, const pl_policy_statement *narrow) {
    if (wide->clause_count || wide->not_action || wide->not_resource || narrow->not_action ||
        narrow->not_resource)
        return false;
    if (wide->effect == PL_EFFECT_ALLOW && narrow->effect == PL_EFFECT_DENY)
        return false;
    return covers_all(wide->resources, narrow->resources) &&
           covers_all(folded_texts(l, wide->actions), folded_texts(l, narrow->actions));
}

static void check_shadows(linter *l, size_t at) {
    const pl_policy_statement *statements = l->policy->statements, *one = &statements[at];
    if (one->principal_count)
        return;
    for (size_t i = 0; i < l->policy->statement_count; i++) {
        bool twins = i > at && makes_idle(l, one, &statements[i]);
        if (i == at || twins || !makes_idle(l, &statements[i], one))
            continue;
        add(l, PL_LINT_SHADOWED_STATEMENT, one->place,
            pl_arena_printf(l->arena, "statement %zu %s everything that this one speaks about", i,
                            statements[i].effect == PL_EFFECT_DENY ? "denies" : "allows"));
        return;
    }
}

/* --- grants that are too broad, statements that match nothing ----------------------------------------------
 */

static bool has_star(pl_policy_texts texts) {
    for (size_t i = 0; i < texts.count; i++)
        if (is_star(texts.items[i].text) || pl_str_is(texts.items[i].text, "*:*"))
            return true;
    return false;
}

static void check_breadth(linter *l, const pl_policy_statement *statement) {
    bool control = l->policy->kind == PL_POLICY_CONTROL || l->policy->kind == PL_POLICY_TRUST;
    if (statement->effect != PL_EFFECT_ALLOW || control || statement->clause_count ||
        !has_star(statement->resources))
        return;
    if (statement->not_action)
        add(l, PL_LINT_OVERBROAD_GRANT, statement->place,
            PL_STR("allows everything but a few actions on every resource, without a condition"));
    else if (has_star(statement->actions))
        add(l, PL_LINT_OVERBROAD_GRANT, statement->place,
            PL_STR("allows every action on every resource, without a condition"));
}

/* Operations of one service on what carries the name of another (reference/ram-authorization.md, section 1).
 */
static bool service_works_on(pl_str service, pl_str resource) {
    static const pl_str borrowed[][2] = {{PL_STR_INIT("sts"), PL_STR_INIT("ram")},
                                         {PL_STR_INIT("ram"), PL_STR_INIT("ims")}};
    if (pl_glob_overlap(service, resource))
        return true;
    for (size_t i = 0; i < sizeof borrowed / sizeof *borrowed; i++)
        if (pl_glob_overlap(service, borrowed[i][0]) && pl_glob_overlap(borrowed[i][1], resource))
            return true;
    return false;
}

static bool services_meet(linter *l, const pl_policy_statement *statement) {
    for (size_t i = 0; i < statement->actions.count; i++) {
        pl_str service = folded(l, service_of(statement->actions.items[i].text));
        for (size_t j = 0; j < statement->resources.count; j++)
            if (service_works_on(service, resource_service(statement->resources.items[j].text)))
                return true;
    }
    return false;
}

/* The statements of trust policies have no resources. */
static void check_emptiness(linter *l, const pl_policy_statement *statement) {
    if (statement->resources.count && !statement->not_action && !statement->not_resource &&
        !services_meet(l, statement))
        add(l, PL_LINT_EMPTY_MATCH, statement->place,
            PL_STR("actions and resources belong to different services: nothing matches"));
}

static int by_place(const void *a, const void *b) {
    const pl_lint_finding *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (int)x->rule - (int)y->rule;
}

int pl_policy_lint(pl_arena *arena, const pl_policy *policy, const pl_lint_service *services,
                   size_t service_count, const pl_lint_finding **findings, size_t *count, pl_error *error) {
    linter l = {.arena = arena, .policy = policy, .services = services, .service_count = service_count};
    for (size_t i = 0; i < policy->statement_count; i++) {
        const pl_policy_statement *statement = &policy->statements[i];
        check_actions(&l, statement);
        check_conditions(&l, statement);
        check_shadows(&l, i);
        check_breadth(&l, statement);
        check_emptiness(&l, statement);
    }
    if (arena->failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (l.count)
        qsort(l.findings, l.count, sizeof *l.findings, by_place);
    *findings = l.findings;
    *count = l.count;
    return 0;
}
