/* Conditions as trees. The depth is bounded while parsing; AND and OR have all their parts as children. */
#include "search/internal.h"

#include "base/decimal.h"

static int take_level(search_parser *p, search_operator op, search_condition **out);

static search_condition *new_condition(search_parser *p, search_operator op) {
    search_condition *c = pl_new(p->arena, search_condition, 1);
    if (c)
        c->op = op;
    else
        pl_fail(p->error, PL_E_ServiceUnavailable);
    return c;
}

/* Takes `keyword` when it comes next: 1, 0 when it does not, -1. */
static int take_word(search_parser *p, const char *keyword) {
    if (!search_at_word(p, keyword))
        return 0;
    return search_next(p) == 0 ? 1 : -1;
}

static int take_sign(search_parser *p, const char *sign) {
    if (!search_at_sign(p, sign))
        return search_refuse(p, p->now.at, "%s is expected", sign);
    return search_next(p);
}

/* --- Constants -------------------------------------------------------------------------------------------
 */

static void understand(search_constant *c) {
    pl_decimal ignored;
    c->is_number = c->kind != SEARCH_BOOLEAN && pl_decimal_parse(c->text, &ignored);
    c->is_time = c->kind == SEARCH_TEXT && search_time(c->text, &c->time);
    c->is_address = c->kind == SEARCH_TEXT && search_address_of(c->text, &c->address);
}

static int take_constant(search_parser *p, const search_property *property, search_constant *out) {
    token now = p->now;
    bool is_true = search_at_word(p, "TRUE"), is_boolean = is_true || search_at_word(p, "FALSE");
    *out = (search_constant){.kind = SEARCH_TEXT, .text = now.text};
    if (is_boolean)
        *out = (search_constant){
            SEARCH_BOOLEAN, is_true ? PL_STR("true") : PL_STR("false"), false, false, false, 0, {{0}, 0, 0}};
    else if (now.kind == TOKEN_NUMBER)
        out->kind = SEARCH_NUMBER;
    else if (now.kind != TOKEN_STRING)
        return search_refuse(p, now.at, "a constant is expected");
    if (++p->constants > SEARCH_CONSTANTS_MAX)
        return search_refuse(p, now.at, "there are more than %d constants", SEARCH_CONSTANTS_MAX);
    understand(out);
    if (now.kind == TOKEN_NUMBER && !out->is_number)
        return search_refuse(p, now.at, "this is not a number");
    if (property->common == COMMON_CREATED && !out->is_time && !out->is_number)
        return search_refuse(p, now.at, "a time as '2026-01-31 08:00:00' is expected");
    return search_next(p);
}

static int take_one_constant(search_parser *p, search_condition *c) {
    c->constants = pl_new(p->arena, search_constant, 1);
    c->constant_count = 1;
    if (!c->constants)
        return pl_fail(p->error, PL_E_ServiceUnavailable);
    return take_constant(p, &c->property, c->constants);
}

/* --- Predicates ------------------------------------------------------------------------------------------
 */

static int take_comparison(search_parser *p, search_condition *c) {
    static const struct {
        const char *sign;
        search_operator op;
    } signs[] = {{"=", SEARCH_EQUAL},         {"!=", SEARCH_DIFFERENT},  {"<>", SEARCH_DIFFERENT},
                 {"<", SEARCH_LESS},          {"<=", SEARCH_LESS_EQUAL}, {">", SEARCH_GREATER},
                 {">=", SEARCH_GREATER_EQUAL}};
    size_t i = 0, count = sizeof signs / sizeof *signs;
    while (i < count && !search_at_sign(p, signs[i].sign))
        i++;
    if (i == count)
        return search_refuse(p, p->now.at, "an operator is expected");
    c->op = signs[i].op;
    if (search_next(p) != 0)
        return -1;
    size_t at = p->now.at;
    if (search_at_word(p, "NULL") && (c->op == SEARCH_EQUAL || c->op == SEARCH_DIFFERENT))
        return search_next(p);
    if (take_one_constant(p, c) != 0)
        return -1;
    if (c->constants->kind == SEARCH_BOOLEAN && c->op != SEARCH_EQUAL && c->op != SEARCH_DIFFERENT)
        return search_refuse(p, at, "true and false have no order");
    return 0;
}

static bool wildcards_end(pl_str pattern) {
    while (pattern.n && (pattern.p[pattern.n - 1] == '%' || pattern.p[pattern.n - 1] == '_'))
        pattern.n--;
    return pl_str_find_char(pattern, '%') == PL_NOT_FOUND && pl_str_find_char(pattern, '_') == PL_NOT_FOUND;
}

static int take_like(search_parser *p, search_condition *c) {
    token pattern = p->now;
    c->op = SEARCH_LIKE;
    if (pattern.kind != TOKEN_STRING)
        return search_refuse(p, pattern.at, "a text is expected");
    if (p->strict && !wildcards_end(pattern.text))
        return search_refuse(p, pattern.at, "wildcards may only end a text");
    c->constants = pl_new(p->arena, search_constant, 1);
    c->constant_count = 1;
    if (!c->constants)
        return pl_fail(p->error, PL_E_ServiceUnavailable);
    *c->constants = (search_constant){.kind = SEARCH_TEXT, .text = pattern.text};
    return search_next(p);
}

static int take_list(search_parser *p, search_condition *c) {
    size_t capacity = 0;
    c->op = SEARCH_IN;
    if (take_sign(p, "(") != 0)
        return -1;
    for (;;) {
        search_constant *grown =
            pl_arena_grow(p->arena, c->constants, c->constant_count, &capacity, sizeof *grown);
        if (!grown)
            return pl_fail(p->error, PL_E_ServiceUnavailable);
        c->constants = grown;
        if (take_constant(p, &c->property, grown + c->constant_count++) != 0)
            return -1;
        if (!search_at_sign(p, ","))
            return take_sign(p, ")");
        if (search_next(p) != 0)
            return -1;
    }
}

static int take_between(search_parser *p, search_condition *c) {
    c->op = SEARCH_BETWEEN;
    c->constants = pl_new(p->arena, search_constant, 2);
    c->constant_count = 2;
    if (!c->constants)
        return pl_fail(p->error, PL_E_ServiceUnavailable);
    size_t at = p->now.at;
    if (take_constant(p, &c->property, c->constants) != 0)
        return -1;
    if (!search_at_word(p, "AND"))
        return search_refuse(p, p->now.at, "AND is expected");
    if (search_next(p) != 0 || take_constant(p, &c->property, c->constants + 1) != 0)
        return -1;
    if (c->constants[0].kind == SEARCH_BOOLEAN || c->constants[1].kind == SEARCH_BOOLEAN)
        return search_refuse(p, at, "true and false have no order");
    return 0;
}

static int negate(search_parser *p, search_condition **out) {
    search_condition *negation = new_condition(p, SEARCH_NOT);
    if (!negation)
        return -1;
    negation->children = *out;
    *out = negation;
    return 0;
}

static int take_null_test(search_parser *p, search_condition *c, bool *negated) {
    int word = take_word(p, "NOT");
    c->op = SEARCH_IS_NULL;
    *negated = word == 1;
    if (word < 0)
        return -1;
    if (!search_at_word(p, "NULL"))
        return search_refuse(p, p->now.at, "NULL is expected");
    return search_next(p);
}

/* What follows a property, without NOT. */
static int take_test(search_parser *p, search_condition *c) {
    static const struct {
        const char *word;
        int (*take)(search_parser *p, search_condition *c);
    } words[] = {{"LIKE", take_like}, {"IN", take_list}, {"BETWEEN", take_between}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        int word = take_word(p, words[i].word);
        if (word != 0)
            return word < 0 ? -1 : words[i].take(p, c);
    }
    return search_refuse(p, p->now.at, "LIKE, IN or BETWEEN is expected");
}

static int take_predicate(search_parser *p, search_condition **out) {
    search_condition *c = new_condition(p, SEARCH_EQUAL);
    bool negated = false;
    *out = c;
    if (!c || search_parse_property(p, &c->property) != 0)
        return -1;
    if (p->now.kind == TOKEN_SIGN) {
        if (take_comparison(p, c) != 0)
            return -1;
        negated = c->constant_count == 0 && c->op == SEARCH_DIFFERENT;
        if (c->constant_count == 0)
            c->op = SEARCH_IS_NULL;
        return negated ? negate(p, out) : 0;
    }
    int word = take_word(p, "IS");
    if (word != 0)
        return word < 0 || take_null_test(p, c, &negated) != 0 ? -1 : negated ? negate(p, out) : 0;
    word = take_word(p, "NOT");
    if (word < 0 || take_test(p, c) != 0)
        return -1;
    return word ? negate(p, out) : 0;
}

/* --- Trees -----------------------------------------------------------------------------------------------
 */

static int enter(search_parser *p) {
    if (++p->depth > SEARCH_DEPTH_MAX)
        return search_refuse(p, p->now.at, "conditions are nested more than %d deep", SEARCH_DEPTH_MAX);
    return 0;
}

static int take_unit(search_parser *p, search_condition **out) {
    if (search_at_word(p, "NOT")) {
        if (enter(p) != 0 || search_next(p) != 0 || take_unit(p, out) != 0)
            return -1;
        p->depth--;
        return negate(p, out);
    }
    if (!search_at_sign(p, "("))
        return take_predicate(p, out);
    if (enter(p) != 0 || search_next(p) != 0 || take_level(p, SEARCH_OR, out) != 0)
        return -1;
    p->depth--;
    return take_sign(p, ")");
}

/* Parts joined by OR, each of them parts joined by AND; one part alone is itself. */
static int take_level(search_parser *p, search_operator op, search_condition **out) {
    search_condition *joined = NULL, **last = NULL;
    for (;;) {
        search_condition *part;
        if ((op == SEARCH_OR ? take_level(p, SEARCH_AND, &part) : take_unit(p, &part)) != 0)
            return -1;
        if (last)
            *last = part;
        else
            *out = part;
        last = &part->next;
        int word = take_word(p, op == SEARCH_OR ? "OR" : "AND");
        if (word <= 0)
            return word;
        if (!joined) {
            joined = new_condition(p, op);
            if (!joined)
                return -1;
            joined->children = part;
            *out = joined;
        }
    }
}

int search_parse_condition(search_parser *p, search_condition **out) {
    return take_level(p, SEARCH_OR, out);
}
