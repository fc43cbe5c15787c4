/*
 * Conditions of auto grouping rules. They are the condition language with the source RESOURCE, which is the
 * configuration item here, and three operators more: TagMatchAll and TagMatchAny over its tags, with an
 * object of key to value as `desired`, and StringEqualsAny, which the language calls StringIn. All become
 * plain clauses, so that everything else the language has can be used.
 */
#include "engine/grouping_work.h"

#include "json/parser.h"

/* Rewriting makes a tag of 7 bytes a clause of some 110, and everything else grows less. */
enum { CONDITION_MAX = 256 << 10, REWRITTEN_MAX = 32 * CONDITION_MAX };

static int refuse(pl_error *error, const char *what) {
    return pl_failf(error, PL_E_InvalidParameter_RuleContents, "%s", what);
}

/* What could not be read or compiled is the rule's fault, unless memory ended. */
static int refuse_unless_short(pl_error *error, const char *what) {
    return pl_error_is(error, PL_E_ServiceUnavailable) ? -1 : refuse(error, what);
}

static pl_str text_of(pl_json node, const char *name) {
    pl_str text = pl_json_str(pl_json_get(node, pl_str_from(name)));
    return pl_str_or_empty(text);
}

static void write_clause(pl_buf *out, pl_str path, pl_str operator, pl_json desired) {
    pl_buf_add(out, PL_STR("{\"featureSource\":\"CONFIGURATION_ITEM\",\"featurePath\":"));
    pl_json_write_string(out, path);
    pl_buf_add(out, PL_STR(",\"operator\":"));
    pl_json_write_string(out, operator);
    if (pl_json_exists(desired)) {
        pl_buf_add(out, PL_STR(",\"desired\":"));
        pl_json_write(out, desired);
    }
    pl_buf_add_char(out, '}');
}

/* $.tags['key'], with what would end the name escaped. */
static pl_str tag_path(pl_arena *arena, pl_str key) {
    pl_buf path;
    pl_buf_init(&path, 2 * key.n + 16);
    pl_buf_add(&path, PL_STR("$.tags['"));
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '\'' || key.p[i] == '\\')
            pl_buf_add_char(&path, '\\');
        pl_buf_add_char(&path, key.p[i]);
    }
    pl_buf_add(&path, PL_STR("']"));
    pl_str copy = path.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&path));
    pl_buf_free(&path);
    return copy;
}

/* `desired` is an object, or its text. An empty one says nothing and is refused. */
static int write_tags(pl_arena *arena, pl_buf *out, pl_json clause, const char *joint, pl_error *error) {
    pl_json tags = pl_json_get(clause, PL_STR("desired")), value;
    pl_str key;
    size_t count = 0;
    if (pl_json_is_string(tags) && pl_json_parse_in(arena, pl_json_str(tags), &tags, error))
        return refuse_unless_short(error, "The desired tags are not a JSON object.");
    if (!pl_json_is_object(tags) || pl_json_count(tags) == 0)
        return refuse(error, "The desired tags are not a JSON object with members.");
    pl_buf_printf(out, "{\"operator\":\"%s\",\"children\":[", joint);
    for (pl_json_walk w = pl_json_children(tags); pl_json_step(&w, &key, &value);) {
        pl_str path = tag_path(arena, key);
        if (!path.p)
            return pl_fail(error, PL_E_ServiceUnavailable);
        if (!pl_json_is_string(value))
            return refuse(error, "The values of the desired tags must be texts.");
        if (count++)
            pl_buf_add_char(out, ',');
        write_clause(out, path, PL_STR("StringEquals"), value);
    }
    pl_buf_add(out, PL_STR("]}"));
    return 0;
}

static int write_leaf(pl_arena *arena, pl_buf *out, pl_json clause, pl_error *error) {
    pl_str source = text_of(clause, "featureSource"), operator= text_of(clause, "operator");
    if (pl_str_is(source, "CONFIGURATION")) {
        pl_json_write(out, clause);
        return 0;
    }
    if (!pl_str_is(source, "RESOURCE") && !pl_str_is(source, "CONFIGURATION_ITEM"))
        return refuse(error, "The featureSource of a clause is not RESOURCE.");
    if (pl_str_is(operator, "TagMatchAll"))
        return write_tags(arena, out, clause, "and", error);
    if (pl_str_is(operator, "TagMatchAny"))
        return write_tags(arena, out, clause, "or", error);
    if (pl_str_is(operator, "StringEqualsAny"))
        operator= PL_STR("StringIn");
    write_clause(out, text_of(clause, "featurePath"), operator, pl_json_get(clause, PL_STR("desired")));
    return 0;
}

static int write_node(pl_arena *arena, pl_buf *out, pl_json node, unsigned depth, pl_error *error) {
    pl_json children = pl_json_get(node, PL_STR("children")), child;
    pl_str key;
    size_t count = 0;
    if (depth > PL_CONDITION_MAX_DEPTH || !pl_json_is_object(node))
        return refuse(error, "The condition is no tree of clauses.");
    if (!pl_json_is_array(children))
        return write_leaf(arena, out, node, error);
    pl_buf_add(out, PL_STR("{\"operator\":"));
    pl_json_write_string(out, text_of(node, "operator"));
    pl_buf_add(out, PL_STR(",\"children\":["));
    for (pl_json_walk w = pl_json_children(children); pl_json_step(&w, &key, &child);) {
        if (count++)
            pl_buf_add_char(out, ',');
        if (write_node(arena, out, child, depth + 1, error))
            return -1;
    }
    pl_buf_add(out, PL_STR("]}"));
    return 0;
}

/* The condition as the language has it. */
static int rewrite(pl_arena *arena, pl_str condition, pl_json *tree, pl_error *error) {
    pl_json root;
    pl_buf out;
    if (condition.n > CONDITION_MAX)
        return refuse(error, "A condition is too large.");
    if (pl_json_parse_in(arena, condition, &root, error))
        return refuse_unless_short(error, "A condition is not JSON.");
    pl_buf_init(&out, REWRITTEN_MAX);
    int failed = write_node(arena, &out, root, 1, error);
    if (!failed && out.failed)
        failed = pl_fail(error, PL_E_ServiceUnavailable);
    pl_str text = failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&out));
    pl_buf_free(&out);
    if (failed)
        return -1;
    return text.p ? pl_json_parse_in(arena, text, tree, error) : pl_fail(error, PL_E_ServiceUnavailable);
}

/* The one group that the target condition names: a single clause $.resourceGroupId StringEquals rg-.... */
static int read_target(pl_arena *arena, pl_str condition, pl_str *group_id, pl_error *error) {
    pl_json node;
    if (pl_json_parse_in(arena, condition, &node, error))
        return refuse_unless_short(error, "TargetResourceGroupCondition is not JSON.");
    for (unsigned depth = 0; pl_json_is_array(pl_json_get(node, PL_STR("children"))); depth++) {
        pl_json children = pl_json_get(node, PL_STR("children"));
        if (pl_json_count(children) != 1 || depth > PL_CONDITION_MAX_DEPTH)
            return refuse(error, "TargetResourceGroupCondition must name one resource group.");
        node = pl_json_at(children, 0);
    }
    *group_id = text_of(node, "desired");
    bool good = pl_str_is(text_of(node, "featurePath"), "$.resourceGroupId") &&
                pl_str_is(text_of(node, "operator"), "StringEquals") && group_id->n > 0;
    return good ? 0 : refuse(error, "TargetResourceGroupCondition must be $.resourceGroupId StringEquals.");
}

/* A content without a condition holds for all that the scopes let through. */
static int add_condition(pl_program *program, pl_arena *arena, pl_str condition, bool *any, pl_error *error) {
    pl_program_rule rule = {.condition = PL_JSON_NONE};
    *any = condition.n == 0;
    if (*any)
        return 0;
    if (rewrite(arena, condition, &rule.condition, error))
        return -1;
    if (pl_program_add(program, &rule, error) == 0)
        return 0;
    return refuse_unless_short(error, error->message);
}

int engine_compile_grouping(pl_program *program, pl_arena *arena, pl_str contents, engine_content *out,
                            size_t capacity, size_t *count, pl_error *error) {
    pl_json list, item;
    pl_str key;
    *count = 0;
    if (pl_json_parse_in(arena, contents, &list, error))
        return refuse_unless_short(error, "The contents are not a JSON list.");
    if (!pl_json_is_array(list))
        return refuse(error, "The contents are not a JSON list.");
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &item);) {
        if (*count == capacity)
            return refuse(error, "There are too many contents.");
        engine_content *content = &out[(*count)++];
        if (read_target(arena, text_of(item, "TargetResourceGroupCondition"), &content->group_id, error))
            return -1;
        content->program_rule = pl_program_rules(program);
        if (add_condition(program, arena, text_of(item, "AutoGroupingScopeCondition"), &content->any, error))
            return -1;
    }
    return 0;
}

int engine_check_grouping(pl_arena *arena, pl_str contents, pl_str *targets, size_t capacity, size_t *count,
                          pl_error *error) {
    engine_content *list = pl_new(arena, engine_content, capacity);
    pl_program *program = pl_program_new();
    *count = 0;
    int failed = list && program
                     ? engine_compile_grouping(program, arena, contents, list, capacity, count, error)
                     : pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; !failed && i < *count; i++)
        targets[i] = list[i].group_id;
    pl_program_release(program);
    return failed;
}
