/*
 * What a template does to a recorded resource, as catalogue/README.md describes it ("Remediations"): the
 * simulation of what an executor would do.
 */
#include "remediation/remediation.h"

#include "condition/program.h"
#include "json/parser.h"

enum { TEXT_MAX = 8 << 20, PATH_DEPTH = 16 };

/* What a template runs with: the values, all of them texts, and the parameters they belong to. */
typedef struct effect_input {
    pl_arena *arena;
    pl_json values, parameters;
    int status; /* -1 when a member could not be written; `error` then says why */
    pl_error *error;
} effect_input;

/* The value of the parameter that "{permissionName}" names. */
static pl_json value_of(const effect_input *input, pl_json told) {
    pl_str text = pl_json_str(told);
    return text.n > 2 ? pl_json_get(input->values, pl_str_of(text.p + 1, text.n - 2)) : PL_JSON_NONE;
}

/* The object that a parameter of the type Json holds as text. */
static pl_json object_of(effect_input *input, pl_json told) {
    pl_json object = PL_JSON_NONE;
    if (pl_json_parse_in(input->arena, pl_json_str(value_of(input, told)), &object, input->error) != 0)
        input->status = -1;
    return object;
}

/* --- What becomes of one member ----------------------------------------------------------------------------
 */

static bool is_structure(pl_str type) {
    return pl_str_is(type, "Json") || pl_str_is(type, "List") || pl_str_eq_fold(type, PL_STR("OBJECT")) ||
           pl_str_eq_fold(type, PL_STR("ARRAY"));
}

/* Numbers and switches stay what they were, though parameters are texts. False when the text is none. */
static bool write_as_before(pl_buf *out, pl_json before, pl_str text) {
    bool flag;
    int64_t number;
    if (pl_json_bool(before, &flag) &&
        (pl_str_eq_fold(text, PL_STR("true")) || pl_str_eq_fold(text, PL_STR("false")))) {
        pl_buf_add(out, pl_str_eq_fold(text, PL_STR("true")) ? PL_STR("true") : PL_STR("false"));
        return true;
    }
    if (!pl_json_i64(before, &number) || !pl_str_to_i64(text, &number))
        return false;
    pl_buf_printf(out, "%lld", (long long)number);
    return true;
}

/*
 * "{permissionName}" is the parameter's value, of a list or an object the structure; anything else stands for
 * itself.
 */
static void write_setting(pl_buf *out, pl_json before, pl_json value, effect_input *input) {
    pl_str text = pl_json_str(value);
    if (text.n < 3 || text.p[0] != '{' || text.p[text.n - 1] != '}') {
        pl_json_write(out, value);
        return;
    }
    pl_str name = pl_str_of(text.p + 1, text.n - 2);
    pl_json taken = pl_json_get(input->values, name);
    pl_json type = pl_json_get(pl_json_get(input->parameters, name), PL_STR("Type"));
    if (is_structure(pl_json_str(type)))
        pl_json_write_text(out, taken);
    else if (!write_as_before(out, before, pl_json_str(taken)))
        pl_json_write(out, taken);
}

static bool replaces(pl_json added, pl_str key, bool ignore_case) {
    pl_str name;
    pl_json value;
    for (pl_json_walk w = pl_json_children(added); pl_json_step(&w, &name, &value);)
        if (ignore_case ? pl_str_eq_fold(name, key) : pl_str_eq(name, key))
            return true;
    return false;
}

/* The members of an object with others put over them. */
static void write_merged(pl_buf *out, pl_json members, pl_json added, bool ignore_case) {
    pl_str key;
    pl_json value;
    bool first = true;
    pl_buf_add_char(out, '{');
    for (int round = 0; round < 2; round++)
        for (pl_json_walk w = pl_json_children(round ? added : members); pl_json_step(&w, &key, &value);) {
            if (round == 0 && replaces(added, key, ignore_case))
                continue;
            if (!first)
                pl_buf_add_char(out, ',');
            first = false;
            pl_json_write_string(out, key);
            pl_buf_add_char(out, ':');
            pl_json_write(out, value);
        }
    pl_buf_add_char(out, '}');
}

/* A member that holds an object as JSON text: members of the parameter's object are put over its own. */
static void write_text_members(pl_buf *out, pl_json before, pl_json told, effect_input *input) {
    pl_json members = PL_JSON_NONE;
    pl_buf text;
    if (pl_json_str(before).n &&
        pl_json_parse_in(input->arena, pl_json_str(before), &members, input->error) != 0)
        input->status = -1;
    pl_buf_init(&text, TEXT_MAX);
    write_merged(&text, members, object_of(input, told), false);
    pl_json_write_string(out, pl_buf_str(&text));
    out->failed = out->failed || text.failed;
    pl_buf_free(&text);
}

static void write_pair(pl_buf *out, pl_str name_key, pl_str name, pl_str value_key, pl_json value) {
    pl_buf_add_char(out, '{');
    pl_json_write_string(out, name_key);
    pl_buf_add_char(out, ':');
    pl_json_write_string(out, name);
    pl_buf_add_char(out, ',');
    pl_json_write_string(out, value_key);
    pl_buf_add_char(out, ':');
    pl_json_write(out, value);
    pl_buf_add_char(out, '}');
}

/* A list of names with values: those of the parameter's object take the place of their like. */
static void write_pairs(pl_buf *out, pl_json before, pl_json told, effect_input *input) {
    pl_str name_key = pl_json_str(pl_json_get(told, PL_STR("name"))), key;
    pl_str value_key = pl_json_str(pl_json_get(told, PL_STR("value")));
    pl_json added = object_of(input, pl_json_get(told, PL_STR("from"))), value;
    bool first = true;
    pl_buf_add_char(out, '[');
    for (pl_json_walk w = pl_json_children(before); pl_json_step(&w, &key, &value);) {
        if (replaces(added, pl_json_str(pl_json_get(value, name_key)), false))
            continue;
        if (!first)
            pl_buf_add_char(out, ',');
        first = false;
        pl_json_write(out, value);
    }
    for (pl_json_walk w = pl_json_children(added); pl_json_step(&w, &key, &value);) {
        if (!first)
            pl_buf_add_char(out, ',');
        first = false;
        write_pair(out, name_key, key, value_key, value);
    }
    pl_buf_add_char(out, ']');
}

/* The entries of a text, joined by commas, that the parameter does not list. */
static void write_remaining(pl_buf *out, pl_json before, pl_json told, effect_input *input) {
    pl_str rest = pl_json_str(before), entry, removed;
    pl_buf text;
    pl_buf_init(&text, TEXT_MAX);
    while (pl_str_split(&rest, ',', &entry)) {
        pl_str list = pl_json_str(value_of(input, told));
        bool stays = true;
        while (stays && pl_str_split(&list, ',', &removed))
            stays = !pl_str_eq(pl_str_trim(entry), pl_str_trim(removed));
        if (stays && text.n)
            pl_buf_add_char(&text, ',');
        if (stays)
            pl_buf_add(&text, entry);
    }
    pl_json_write_string(out, pl_buf_str(&text));
    out->failed = out->failed || text.failed;
    pl_buf_free(&text);
}

/* The state of a program of one condition, whose parameters are the template's; NULL on failure. */
static pl_program_state *compile(pl_json condition, effect_input *input) {
    pl_program_rule rule = {.condition = condition,
                            .applies = PL_JSON_NONE,
                            .required = PL_JSON_NONE,
                            .required_related = PL_JSON_NONE,
                            .parameters = input->values};
    pl_program *program = pl_program_new();
    pl_program_state *state = NULL;
    if (!program)
        pl_fail(input->error, PL_E_ServiceUnavailable);
    else if (pl_program_add(program, &rule, input->error) == 0 &&
             pl_program_seal(program, input->error) == 0 && !(state = pl_program_state_new(program)))
        pl_fail(input->error, PL_E_ServiceUnavailable);
    pl_program_release(program);
    return state;
}

/* The elements of a list that meet a condition, or of which it cannot be told. */
static void write_kept(pl_buf *out, pl_json before, pl_json told, effect_input *input) {
    pl_program_state *state = compile(told, input);
    pl_str key;
    pl_json element;
    bool first = true;
    if (!state) {
        input->status = -1;
        return;
    }
    pl_buf_add_char(out, '[');
    for (pl_json_walk w = pl_json_children(before); pl_json_step(&w, &key, &element);) {
        pl_program_input document = {.configuration = element, .item = PL_JSON_NONE};
        if (*pl_program_evaluate(state, &document) == PL_NON_COMPLIANT)
            continue;
        if (!first)
            pl_buf_add_char(out, ',');
        first = false;
        pl_json_write(out, element);
    }
    pl_buf_add_char(out, ']');
    pl_program_state_free(state);
}

/* --- Members at paths --------------------------------------------------------------------------------------
 */

/* One kind of effect: how it writes a member, and what it asks of the member; NULL: nothing. */
typedef struct effect_kind {
    pl_str name;
    void (*write)(pl_buf *out, pl_json before, pl_json told, effect_input *input);
    bool (*changes)(pl_json member); /* others, and missing ones, stay as they are */
} effect_kind;

static const effect_kind kinds[] = {
    {PL_STR_INIT("set"), write_setting, NULL},
    {PL_STR_INIT("setInText"), write_text_members, NULL},
    {PL_STR_INIT("setPairs"), write_pairs, NULL},
    {PL_STR_INIT("removeEntries"), write_remaining, pl_json_is_string},
    {PL_STR_INIT("keep"), write_kept, pl_json_is_array},
};

static pl_json member_at(pl_json node, pl_str path) {
    pl_str name;
    while (path.n && pl_str_split(&path, '.', &name))
        node = pl_json_get(node, name);
    return node;
}

/* The configuration with one member, at a path of names, written anew. */
static void write_with(pl_buf *out, pl_json node, pl_str path, const effect_kind *kind, pl_json told,
                       effect_input *input, unsigned depth) {
    pl_str rest = path, name, key;
    pl_json member;
    bool written = false, first = true;
    if (path.n == 0 || depth == PATH_DEPTH) {
        kind->write(out, node, told, input);
        return;
    }
    (void)pl_str_split(&rest, '.', &name);
    rest = pl_str_or_empty(rest);
    pl_buf_add_char(out, '{');
    for (pl_json_walk w = pl_json_children(pl_json_is_object(node) ? node : PL_JSON_NONE);
         pl_json_step(&w, &key, &member);) {
        if (!first)
            pl_buf_add_char(out, ',');
        first = false;
        pl_json_write_string(out, key);
        pl_buf_add_char(out, ':');
        if (pl_str_eq(key, name)) {
            written = true;
            write_with(out, member, rest, kind, told, input, depth + 1);
        } else {
            pl_json_write(out, member);
        }
    }
    if (!written) {
        if (!first)
            pl_buf_add_char(out, ',');
        pl_json_write_string(out, name);
        pl_buf_add_char(out, ':');
        write_with(out, PL_JSON_NONE, rest, kind, told, input, depth + 1);
    }
    pl_buf_add_char(out, '}');
}

static int apply_kind(const effect_kind *kind, pl_json members, effect_input *input, pl_json *configuration) {
    pl_str path;
    pl_json told;
    pl_buf out;
    pl_buf_init(&out, TEXT_MAX);
    for (pl_json_walk w = pl_json_children(members); input->status == 0 && pl_json_step(&w, &path, &told);) {
        if (kind->changes && !kind->changes(member_at(*configuration, path)))
            continue;
        pl_buf_clear(&out);
        write_with(&out, *configuration, path, kind, told, input, 0);
        if (input->status == 0)
            input->status =
                out.failed ? pl_fail(input->error, PL_E_ServiceUnavailable)
                           : pl_json_parse_in(input->arena, pl_buf_str(&out), configuration, input->error);
    }
    pl_buf_free(&out);
    return input->status;
}

/* --- The resource ------------------------------------------------------------------------------------------
 */

static void write_member(pl_buf *out, const char *name, pl_str value) {
    pl_buf_printf(out, ",\"%s\":", name);
    pl_json_write_string(out, value);
}

static void write_item(pl_buf *out, const inventory_resource *r, pl_json configuration, pl_json tags,
                       pl_json added, bool ignore_case) {
    pl_buf_add(out, PL_STR("[{\"resourceType\":"));
    pl_json_write_string(out, r->resource_type);
    write_member(out, "accountId", r->account_id);
    write_member(out, "resourceId", r->resource_id);
    write_member(out, "regionId", r->region_id);
    write_member(out, "resourceName", r->name);
    write_member(out, "resourceStatus", r->status);
    write_member(out, "resourceGroupId", r->group_id);
    write_member(out, "availabilityZone", r->zone);
    if (r->create_time)
        pl_buf_printf(out, ",\"resourceCreateTime\":%lld", (long long)r->create_time);
    pl_buf_add(out, PL_STR(",\"tags\":"));
    write_merged(out, tags, added, ignore_case);
    pl_buf_add(out, PL_STR(",\"configuration\":"));
    if (pl_json_exists(configuration))
        pl_json_write(out, configuration);
    else
        pl_buf_add(out, PL_STR("null"));
    pl_buf_add(out, PL_STR("}]"));
}

int remediation_apply(pl_arena *arena, const catalogue_remediation *template, pl_json values,
                      const inventory_resource *r, pl_buf *out, pl_error *error) {
    pl_json effect, definition, configuration = PL_JSON_NONE, tags = PL_JSON_NONE, added = PL_JSON_NONE;
    bool ignore_case = false;
    if (pl_json_parse_in(arena, template->effect, &effect, error) != 0 ||
        pl_json_parse_in(arena, template->definition, &definition, error) != 0 ||
        (r->configuration.n && pl_json_parse_in(arena, r->configuration, &configuration, error) != 0) ||
        (r->tags.n && pl_json_parse_in(arena, r->tags, &tags, error) != 0))
        return -1;
    if (pl_json_count(effect) == 0)
        return pl_failf(error, PL_E_InvalidParameter, "The template %.*s cannot be simulated.",
                        PL_FMT(template->identifier));
    effect_input input = {arena, values, pl_json_get(definition, PL_STR("Parameters")), 0, error};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (apply_kind(&kinds[i], pl_json_get(effect, kinds[i].name), &input, &configuration) != 0)
            return -1;
    (void)pl_json_bool(pl_json_get(effect, PL_STR("ignoreCase")), &ignore_case);
    if (pl_json_exists(pl_json_get(effect, PL_STR("tags"))))
        added = object_of(&input, pl_json_get(effect, PL_STR("tags")));
    if (input.status != 0)
        return -1;
    inventory_resource changed = *r;
    pl_json group = value_of(&input, pl_json_get(effect, PL_STR("resourceGroup")));
    changed.group_id = pl_json_exists(group) ? pl_json_str(group) : r->group_id;
    write_item(out, &changed, configuration, tags, added, ignore_case);
    return out->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}
