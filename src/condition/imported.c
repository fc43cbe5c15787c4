/*
 * Conditions of imported package templates. Templates that were written elsewhere may name an operator that
 * the language does not have for new conditions (reference/operators.json, "unlisted"); it is read as the
 * operator it stands for. Owns nothing; results live in the caller's arena.
 */
#include "condition/condition.h"

#include "json/parser.h"

/* As deep as a condition may nest, with its wrapper; what is deeper stays as it is and is refused when
 * compiled. */
enum { DEPTH_MAX = PL_CONDITION_MAX_DEPTH + 2 };

static const struct {
    pl_str name, meaning;
} unlisted[] = {{PL_STR_INIT("StringEqualsIn"), PL_STR_INIT("StringIn")}};

enum { UNLISTED = sizeof unlisted / sizeof *unlisted };

static bool names_unlisted(pl_str text) {
    for (size_t i = 0; i < UNLISTED; i++)
        if (pl_str_find(text, unlisted[i].name) != PL_NOT_FOUND)
            return true;
    return false;
}

static void write_operator(pl_buf *out, pl_json value) {
    for (size_t i = 0; i < UNLISTED; i++)
        if (pl_str_eq(pl_json_str(value), unlisted[i].name)) {
            pl_json_write_string(out, unlisted[i].meaning);
            return;
        }
    pl_json_write(out, value);
}

static void write_node(pl_buf *out, pl_json node, size_t depth);

static void write_children(pl_buf *out, pl_json list, size_t depth) {
    pl_str key;
    pl_json child;
    size_t count = 0;
    pl_buf_add_char(out, '[');
    for (pl_json_walk walk = pl_json_children(list); pl_json_step(&walk, &key, &child);) {
        if (count++)
            pl_buf_add_char(out, ',');
        write_node(out, child, depth);
    }
    pl_buf_add_char(out, ']');
}

/* A group or a clause. Only `operator` is read anew: a desired text that looks alike stays. */
static void write_node(pl_buf *out, pl_json node, size_t depth) {
    pl_str key;
    pl_json value;
    size_t count = 0;
    if (depth == DEPTH_MAX || !pl_json_is_object(node)) {
        pl_json_write(out, node);
        return;
    }
    pl_buf_add_char(out, '{');
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &key, &value);) {
        if (count++)
            pl_buf_add_char(out, ',');
        pl_json_write_string(out, key);
        pl_buf_add_char(out, ':');
        if (pl_str_is(key, "operator"))
            write_operator(out, value);
        else if (pl_str_is(key, "children") && pl_json_is_array(value))
            write_children(out, value, depth + 1);
        else
            pl_json_write(out, value);
    }
    pl_buf_add_char(out, '}');
}

/* {"ComplianceConditions": tree}; the tree as JSON text again where it came as one. */
static int write_whole(pl_arena *arena, pl_json tree, bool as_text, pl_str *out, pl_error *error) {
    enum { TEXT_MAX = 1 << 24 };
    pl_buf inner, text;
    pl_buf_init(&inner, TEXT_MAX);
    pl_buf_init(&text, TEXT_MAX);
    write_node(&inner, tree, 0);
    pl_buf_add(&text, PL_STR("{\"ComplianceConditions\":"));
    if (as_text)
        pl_json_write_string(&text, pl_buf_str(&inner));
    else
        pl_buf_add(&text, pl_buf_str(&inner));
    pl_buf_add_char(&text, '}');
    *out = inner.failed || text.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&text));
    pl_buf_free(&inner);
    pl_buf_free(&text);
    return out->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

int pl_condition_imported(pl_arena *arena, pl_str text, pl_str *out, pl_error *error) {
    pl_json outer, tree;
    *out = text;
    if (text.n > PL_CONDITION_MAX_TEXT * 4 || !names_unlisted(text))
        return 0;
    if (pl_json_parse_in(arena, text, &outer, error) != 0)
        return pl_error_is(error, PL_E_ServiceUnavailable) ? -1 : 0;
    tree = pl_json_get(outer, PL_STR("ComplianceConditions"));
    bool as_text = pl_json_is_string(tree);
    if (as_text && pl_json_parse_in(arena, pl_json_text(tree), &tree, error) != 0)
        return pl_error_is(error, PL_E_ServiceUnavailable) ? -1 : 0;
    return pl_json_is_object(tree) ? write_whole(arena, tree, as_text, out, error) : 0;
}
