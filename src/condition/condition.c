/*
 * Checking and compiling conditions (reference/condition-rules.md, sections 2, 3 and 7). Errors name the
 * place in the tree, such as `children[1].operator`.
 */
#include "condition/condition.h"

#include "base/encode.h"
#include "condition/operators.h"
#include "json/parser.h"

enum { PLACE_BYTES = 256 };

typedef struct compiler {
    pl_arena *arena;
    const pl_condition_options *options;
    pl_condition *condition;
    size_t capacity;    /* of the condition's clauses */
    pl_json parameters; /* kept in the arena; missing until a clause asks */
    char place[PLACE_BYTES];
    size_t place_length;
    pl_error *error;
} compiler;

static int no_memory(compiler *c) {
    return pl_fail(c->error, PL_E_ServiceUnavailable);
}

/* Every message starts with the place. */
static int refuse(compiler *c, const char *member, const char *what) {
    const char *dot = c->place_length && *member ? "." : "";
    const char *where = c->place_length || *member ? " at " : "";
    return pl_failf(c->error, PL_E_Invalid_Conditions_Value, "The condition is invalid%s%s%s%s: %s.", where,
                    c->place, dot, member, what);
}

/* Remembers a deeper place; returns the length to go back to. */
static size_t enter(compiler *c, size_t child) {
    pl_buf out = {.p = c->place, .n = c->place_length, .capacity = PLACE_BYTES - 1, .limit = PLACE_BYTES - 1};
    size_t before = c->place_length;
    pl_buf_add(&out, before ? PL_STR(".children[") : PL_STR("children["));
    pl_buf_add_u64(&out, child);
    pl_buf_add_char(&out, ']');
    c->place_length = out.n;
    c->place[out.n] = '\0';
    return before;
}

static void leave(compiler *c, size_t before) {
    c->place_length = before;
    c->place[before] = '\0';
}

/* A text member within its limit; `*out` is copied into the arena. */
static int read_text(compiler *c, pl_json object, const char *member, size_t most, pl_str *out) {
    pl_json value = pl_json_get(object, pl_str_from(member));
    if (!pl_json_exists(value))
        return refuse(c, member, "it is missing");
    if (!pl_json_is_string(value))
        return refuse(c, member, "it must be a text");
    if (pl_utf8_length(pl_json_text(value)) > most)
        return refuse(c, member, "it is too long");
    *out = pl_arena_copy(c->arena, pl_json_text(value));
    return out->p ? 0 : no_memory(c);
}

/* Turns an error of the path compiler into one of the condition, keeping its position. */
static int compile_path(compiler *c, const char *member, pl_str text, const pl_path **out) {
    pl_error inner;
    if (pl_path_compile(c->arena, text, PL_PATH_CLOUD_CONFIG, out, &inner) == 0)
        return 0;
    if (pl_error_is(&inner, PL_E_ServiceUnavailable))
        return no_memory(c);
    refuse(c, member, inner.message);
    c->error->position = inner.position;
    return -1;
}

static bool take_prefix(pl_str *s, pl_str prefix) {
    if (!pl_str_starts(*s, prefix))
        return false;
    *s = pl_str_skip(*s, prefix.n);
    return true;
}

static int compile_field(compiler *c, clause *out, pl_str path) {
    out->source = SOURCE_FIELD;
    if (compile_path(c, "featureSource", path, &out->field) != 0)
        return -1;
    return pl_path_is_definite(out->field) ? 0 : refuse(c, "featureSource", "its path must yield one value");
}

static int compile_source(compiler *c, pl_json object, clause *out) {
    if (read_text(c, object, "featureSource", PL_CONDITION_MAX_PATH, &out->source_text) != 0)
        return -1;
    pl_str rest = out->source_text;
    if (pl_str_is(rest, "CONFIGURATION"))
        return 0;
    if (take_prefix(&rest, PL_STR("CONFIGURATION_FIELD_")))
        return compile_field(c, out, rest);
    if (pl_str_is(rest, "CONFIGURATION_ITEM")) {
        out->source = SOURCE_ITEM;
    } else if (pl_str_is(rest, "PARAMETER")) {
        out->source = SOURCE_PARAMETER;
    } else if (take_prefix(&rest, PL_STR("RELATED:")) && rest.n) {
        out->source = SOURCE_RELATED;
        out->related_type = rest;
    } else {
        return refuse(c, "featureSource", "no such source");
    }
    return c->options->strict ? refuse(c, "featureSource", "no such source") : 0;
}

static int compile_operator(compiler *c, pl_json object, clause *out) {
    pl_str name;
    if (read_text(c, object, "operator", 64, &name) != 0)
        return -1;
    bool known = pl_operator_find(name, &out->op);
    if (!known && (pl_str_is(name, "and") || pl_str_is(name, "or")))
        return refuse(c, "children", "a group needs children");
    if (!known || (c->options->strict && pl_operator_info_of(out->op)->extension))
        return refuse(c, "operator", "no such operator");
    return 0;
}

/* A clause about a parameter without a value is false; any other value should be one the operator can read.
 */
static void settle_desired(pl_operator op, desired *d) {
    bool no_number = pl_str_is(pl_operator_info_of(op)->data_type, "Number") && !d->is_number;
    if (d->unset || !(d->unreadable || no_number))
        d->wrong = PL_STR_NONE;
    d->unreadable = d->unreadable || d->unset;
}

static int compile_desired(compiler *c, pl_json object, clause *out) {
    pl_json value = pl_json_get(object, PL_STR("desired"));
    bool absent = !pl_json_exists(value) || pl_json_is_null(value);
    if (absent && pl_operator_info_of(out->op)->arity == 2)
        return refuse(c, "desired", "the operator needs it");
    if (pl_json_is_object(value))
        return refuse(c, "desired", "it must be a text, a number, a boolean or an array");
    if (desired_read(c->arena, value, c->options->parameters, &out->desired, c->error) != 0)
        return -1;
    if (pl_json_is_string(value) && pl_utf8_length(pl_json_text(value)) > PL_CONDITION_MAX_DESIRED)
        return refuse(c, "desired", "it is too long");
    if (pl_operator_info_of(out->op)->arity == 1) {
        out->desired.wrong = PL_STR_NONE;
        return 0;
    }
    if (pl_operator_rows[out->op].prepare(c->arena, &out->desired, c->error) != 0)
        return pl_error_is(c->error, PL_E_ServiceUnavailable) ? -1 : refuse(c, "desired", "it is too long");
    settle_desired(out->op, &out->desired);
    if (c->options->readable && out->desired.unreadable && !out->desired.unset &&
        pl_str_trim(out->desired.text).n)
        return refuse(c, "desired", "the operator cannot read it");
    return 0;
}

/* A copy of the parameters that lives as long as the condition. */
static int keep_parameters(compiler *c) {
    pl_buf text;
    if (pl_json_exists(c->parameters) || !pl_json_is_object(c->options->parameters))
        return 0;
    pl_buf_init(&text, (size_t)1 << 24);
    pl_json_write(&text, c->options->parameters);
    int status =
        text.failed ? no_memory(c) : pl_json_parse_in(c->arena, pl_buf_str(&text), &c->parameters, c->error);
    pl_buf_free(&text);
    return status;
}

/* Parameters do not change while a rule lives, so their value is found at once. */
static int fix_parameter(compiler *c, clause *out) {
    pl_path_nodes nodes;
    if (keep_parameters(c) != 0)
        return -1;
    if (pl_path_is_definite(out->path)) {
        out->fixed = feature_of(pl_path_find(out->path, c->parameters));
        return 0;
    }
    if (pl_path_select(out->path, c->parameters, c->arena, &nodes, c->error) != 0)
        return -1;
    out->fixed = (feature){.items = nodes.count ? nodes.items : pl_feature_no_items, .count = nodes.count};
    return 0;
}

static int compile_clause(compiler *c, pl_json object, branch *out) {
    pl_condition *condition = c->condition;
    pl_str path;
    clause one = {.source = SOURCE_CONFIGURATION};
    if (condition->count == PL_CONDITION_MAX_CLAUSES)
        return refuse(c, "", "there are more than 50 clauses");
    if (compile_operator(c, object, &one) != 0 || compile_source(c, object, &one) != 0 ||
        read_text(c, object, "featurePath", PL_CONDITION_MAX_PATH, &path) != 0 ||
        compile_path(c, "featurePath", path, &one.path) != 0 || compile_desired(c, object, &one) != 0)
        return -1;
    if (one.source == SOURCE_PARAMETER && fix_parameter(c, &one) != 0)
        return -1;
    clause *larger =
        pl_arena_grow(c->arena, condition->clauses, condition->count, &c->capacity, sizeof *larger);
    if (!larger)
        return no_memory(c);
    condition->clauses = larger;
    condition->clauses[condition->count] = one;
    out->clause = condition->count++;
    return 0;
}

static bool is_group(pl_json object) {
    pl_json children = pl_json_get(object, PL_STR("children"));
    pl_str name = pl_json_str(pl_json_get(object, PL_STR("operator")));
    return pl_json_is_array(children) && pl_json_count(children) &&
           (pl_str_is(name, "and") || pl_str_is(name, "or"));
}

static int compile_branch(compiler *c, pl_json object, size_t depth, branch *out);

static int compile_group(compiler *c, pl_json object, size_t depth, branch *out) {
    pl_json children = pl_json_get(object, PL_STR("children")), child;
    pl_str key;
    if (depth == PL_CONDITION_MAX_DEPTH)
        return refuse(c, "", "groups are nested deeper than 5 levels");
    if (pl_json_count(children) > PL_CONDITION_MAX_CHILDREN)
        return refuse(c, "children", "there are more than 20");
    out->any = pl_str_is(pl_json_str(pl_json_get(object, PL_STR("operator"))), "or");
    out->children = pl_new(c->arena, branch, pl_json_count(children));
    if (!out->children)
        return no_memory(c);
    for (pl_json_walk walk = pl_json_children(children); pl_json_step(&walk, &key, &child); out->count++) {
        size_t before = enter(c, out->count);
        if (compile_branch(c, child, depth + 1, &out->children[out->count]) != 0)
            return -1;
        leave(c, before);
    }
    return 0;
}

static int compile_branch(compiler *c, pl_json object, size_t depth, branch *out) {
    if (!pl_json_is_object(object))
        return refuse(c, "", "it must be an object");
    return is_group(object) ? compile_group(c, object, depth, out) : compile_clause(c, object, out);
}

/* A bare clause becomes the only child of an `and`. */
static int compile_root(compiler *c, pl_json tree) {
    branch *root = &c->condition->root;
    if (is_group(tree))
        return compile_group(c, tree, 0, root);
    root->children = pl_new(c->arena, branch, 1);
    if (!root->children)
        return no_memory(c);
    root->count = 1;
    return compile_branch(c, tree, 1, root->children);
}

int pl_condition_compile_tree(pl_arena *arena, pl_json tree, const pl_condition_options *options,
                              const pl_condition **out, pl_error *error) {
    compiler c = {.arena = arena, .options = options, .parameters = PL_JSON_NONE, .error = error};
    c.condition = pl_new(arena, pl_condition, 1);
    if (!c.condition)
        return no_memory(&c);
    if (compile_root(&c, tree) != 0)
        return -1;
    *out = c.condition;
    return 0;
}

pl_str pl_condition_wrong_parameter(const pl_condition *condition) {
    for (size_t i = 0; i < condition->count; i++)
        if (condition->clauses[i].desired.wrong.p)
            return condition->clauses[i].desired.wrong;
    return PL_STR_NONE;
}

static int refuse_text(pl_error *error, const char *what, size_t position) {
    pl_failf(error, PL_E_Invalid_Conditions_Value, "Conditions is invalid: %s.", what);
    error->position = position;
    return -1;
}

/* The tree inside ComplianceConditions, which is JSON text or, leniently, an object. */
static int unwrap(pl_arena *arena, pl_json outer, pl_json *tree, pl_error *error) {
    pl_error inner;
    pl_json wrapped = pl_json_get(outer, PL_STR("ComplianceConditions"));
    *tree = wrapped;
    if (!pl_json_is_object(outer))
        return refuse_text(error, "it must be an object", 0);
    if (pl_json_is_object(wrapped))
        return 0;
    if (!pl_json_is_string(wrapped))
        return refuse_text(error, "ComplianceConditions must be a text with JSON", 0);
    if (pl_json_parse_in(arena, pl_json_text(wrapped), tree, &inner) == 0)
        return 0;
    if (pl_error_is(&inner, PL_E_ServiceUnavailable))
        return pl_fail(error, PL_E_ServiceUnavailable);
    return refuse_text(error, "ComplianceConditions is not JSON", inner.position);
}

int pl_condition_compile(pl_arena *arena, pl_str text, const pl_condition_options *options,
                         const pl_condition **out, pl_error *error) {
    pl_json outer, tree;
    pl_error inner;
    if (pl_str_trim(text).n == 0)
        return pl_fail(error, PL_E_Invalid_Conditions_Empty);
    if (text.n > PL_CONDITION_MAX_TEXT && pl_utf8_length(text) > PL_CONDITION_MAX_TEXT)
        return refuse_text(error, "it is too long", 0);
    if (pl_json_parse_in(arena, text, &outer, &inner) != 0) {
        if (pl_error_is(&inner, PL_E_ServiceUnavailable))
            return pl_fail(error, PL_E_ServiceUnavailable);
        return refuse_text(error, "it is not JSON", inner.position);
    }
    if (unwrap(arena, outer, &tree, error) != 0)
        return -1;
    return pl_condition_compile_tree(arena, tree, options, out, error);
}

pl_condition_needs pl_condition_needs_of(const pl_condition *condition) {
    pl_condition_needs needs = {.item = false};
    for (size_t i = 0; i < condition->count; i++) {
        needs.item |= condition->clauses[i].source == SOURCE_ITEM;
        needs.related |= condition->clauses[i].source == SOURCE_RELATED;
        needs.now |= operator_is_timed(condition->clauses[i].op);
    }
    return needs;
}
