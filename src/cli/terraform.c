/*
 * Translating Terraform resources: collect the instances of a file, translate each by the mapping of its
 * type, put entries (security group rules, listeners) into their parents, write the items.
 */
#include "cli/terraform.h"

#include "catalogue/catalogue.h"
#include "cli/terraform_reference.h"
#include "cli/tree.h"

typedef struct instance {
    pl_str address, type;
    terraform_place place;
    pl_json values;  /* attributes */
    pl_json mapping; /* catalogue/terraform/<type>.json */
    cli_tree *configuration;
    bool entry; /* belongs into another resource's configuration */
    struct instance *next;
} instance;

typedef struct translation {
    const catalogue *catalogue;
    pl_arena arena;
    pl_json root;
    instance *first, *last;
    pl_error *error;
} translation;

bool terraform_recognises(pl_json root) {
    static const char *const members[] = {"terraform_version", "format_version", "planned_values", "lineage"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (pl_json_exists(pl_json_get(root, pl_str_from(members[i]))))
            return true;
    return false;
}

static int add_instance(translation *t, pl_str address, pl_str type, pl_json values) {
    t->error->code[0] = '\0';
    pl_json mapping = catalogue_terraform(t->catalogue, &t->arena, type, t->error);
    if (!pl_json_exists(mapping))
        return t->error->code[0] ? -1 : 0;
    instance *added = pl_new(&t->arena, instance, 1);
    cli_tree *configuration = cli_tree_object(&t->arena);
    if (!added || !configuration)
        return pl_fail(t->error, PL_E_ServiceUnavailable);
    *added = (instance){.address = address,
                        .type = type,
                        .place = terraform_place_of(address),
                        .values = values,
                        .mapping = mapping,
                        .configuration = configuration};
    added->entry = pl_json_exists(pl_json_get(mapping, PL_STR("entryOf")));
    if (t->last)
        t->last->next = added;
    else
        t->first = added;
    t->last = added;
    return 0;
}

/* Resources of a module of `terraform show -json`, and of the modules below it. */
static int collect_module(translation *t, pl_json module) {
    pl_str key;
    pl_json node;
    for (pl_json_walk w = pl_json_children(pl_json_get(module, PL_STR("resources")));
         pl_json_step(&w, &key, &node);) {
        if (pl_str_is(pl_json_str(pl_json_get(node, PL_STR("mode"))), "data"))
            continue;
        if (add_instance(t, pl_json_str(pl_json_get(node, PL_STR("address"))),
                         pl_json_str(pl_json_get(node, PL_STR("type"))),
                         pl_json_get(node, PL_STR("values"))) != 0)
            return -1;
    }
    pl_json children = pl_json_get(module, PL_STR("child_modules"));
    for (pl_json_walk w = pl_json_children(children); pl_json_step(&w, &key, &node);)
        if (collect_module(t, node) != 0)
            return -1;
    return 0;
}

static pl_str state_address(translation *t, pl_json resource, pl_json one) {
    pl_str module = pl_json_str(pl_json_get(resource, PL_STR("module")));
    pl_str type = pl_json_str(pl_json_get(resource, PL_STR("type")));
    pl_str name = pl_json_str(pl_json_get(resource, PL_STR("name")));
    pl_json index = pl_json_get(one, PL_STR("index_key"));
    pl_buf key;
    pl_buf_init(&key, 4096);
    if (pl_json_exists(index)) {
        pl_buf_add_char(&key, '[');
        pl_json_write(&key, index);
        pl_buf_add_char(&key, ']');
    }
    pl_str address = pl_arena_printf(&t->arena, "%.*s%s%.*s.%.*s%.*s", PL_FMT(module), module.n ? "." : "",
                                     PL_FMT(type), PL_FMT(name), PL_FMT(pl_buf_str(&key)));
    pl_buf_free(&key);
    return address;
}

/* Resources of a state file of version 4. */
static int collect_state(translation *t, pl_json resources) {
    pl_str key;
    pl_json resource, one;
    for (pl_json_walk w = pl_json_children(resources); pl_json_step(&w, &key, &resource);) {
        if (pl_str_is(pl_json_str(pl_json_get(resource, PL_STR("mode"))), "data"))
            continue;
        pl_json instances = pl_json_get(resource, PL_STR("instances"));
        for (pl_json_walk v = pl_json_children(instances); pl_json_step(&v, &key, &one);)
            if (add_instance(t, state_address(t, resource, one),
                             pl_json_str(pl_json_get(resource, PL_STR("type"))),
                             pl_json_get(one, PL_STR("attributes"))) != 0)
                return -1;
    }
    return 0;
}

/* What resources will be, of a plan that was cut down to its changes. */
static int collect_changes(translation *t, pl_json changes) {
    pl_str key;
    pl_json node;
    for (pl_json_walk w = pl_json_children(changes); pl_json_step(&w, &key, &node);) {
        pl_json after = pl_json_get(pl_json_get(node, PL_STR("change")), PL_STR("after"));
        if (pl_str_is(pl_json_str(pl_json_get(node, PL_STR("mode"))), "data") || !pl_json_is_object(after) ||
            pl_json_exists(pl_json_get(node, PL_STR("deposed"))))
            continue;
        if (add_instance(t, pl_json_str(pl_json_get(node, PL_STR("address"))),
                         pl_json_str(pl_json_get(node, PL_STR("type"))), after) != 0)
            return -1;
    }
    return 0;
}

/* `terraform show -json` of a state without resources has nothing but versions. */
static bool is_empty_state(pl_json root) {
    pl_str key;
    pl_json member;
    for (pl_json_walk w = pl_json_children(root); pl_json_step(&w, &key, &member);)
        if (!pl_str_is(key, "format_version") && !pl_str_is(key, "terraform_version"))
            return false;
    return pl_json_exists(pl_json_get(root, PL_STR("format_version")));
}

/* A number before the dot that is not known may mean anything. */
static int check_version(translation *t) {
    pl_str version = pl_json_str(pl_json_get(t->root, PL_STR("format_version")));
    if (!version.n || pl_str_starts(version, PL_STR("0.")) || pl_str_starts(version, PL_STR("1.")))
        return 0;
    return pl_failf(t->error, PL_E_InvalidParameter, "$.format_version: %.*s is not known, only 0.x and 1.x",
                    PL_FMT(version));
}

static int collect(translation *t) {
    pl_json planned = pl_json_get(t->root, PL_STR("planned_values"));
    pl_json values = pl_json_exists(planned) ? planned : pl_json_get(t->root, PL_STR("values"));
    pl_json resources = pl_json_get(t->root, PL_STR("resources"));
    pl_json changes = pl_json_get(t->root, PL_STR("resource_changes"));
    if (check_version(t) != 0)
        return -1;
    if (pl_json_exists(values))
        return collect_module(t, pl_json_get(values, PL_STR("root_module")));
    if (pl_json_is_array(resources))
        return collect_state(t, resources);
    if (pl_json_is_array(changes))
        return collect_changes(t, changes);
    if (is_empty_state(t->root))
        return 0;
    return pl_failf(
        t->error, PL_E_InvalidParameter,
        "$: neither planned_values, values, resources nor resource_changes: not a Terraform plan or "
        "state in JSON");
}

/* --- one value ------------------------------------------------------------------------------------------ */

/* What was written, kept; a text that found no memory fails the translation, as the arena's own. */
static pl_str keep(translation *t, pl_buf *text) {
    pl_str copy = pl_arena_copy(&t->arena, pl_buf_str(text));
    t->arena.failed = t->arena.failed || text->failed;
    pl_buf_free(text);
    return copy;
}

static pl_str text_of(translation *t, pl_json value) {
    pl_buf text;
    pl_buf_init(&text, 1 << 24);
    pl_json_write_text(&text, value);
    return keep(t, &text);
}

static pl_str json_of(translation *t, pl_json value) {
    pl_buf text;
    pl_buf_init(&text, 1 << 24);
    pl_json_write(&text, value);
    return keep(t, &text);
}

static pl_str quoted(translation *t, pl_str s) {
    pl_buf text;
    pl_buf_init(&text, 1 << 24);
    pl_json_write_string(&text, s);
    return keep(t, &text);
}

/* A map of tags as the product lists them; the type's sample tells how it names key and value. */
static pl_str tag_list(translation *t, pl_json map, bool long_names) {
    pl_buf out;
    pl_str key;
    pl_json value;
    pl_buf_init(&out, 1 << 20);
    pl_buf_add_char(&out, '[');
    for (pl_json_walk w = pl_json_children(map); pl_json_step(&w, &key, &value);) {
        pl_buf_add(&out, out.n > 1 ? PL_STR(",") : PL_STR(""));
        pl_buf_add(&out, long_names ? PL_STR("{\"TagKey\":") : PL_STR("{\"Key\":"));
        pl_json_write_string(&out, key);
        pl_buf_add(&out, long_names ? PL_STR(",\"TagValue\":") : PL_STR(",\"Value\":"));
        pl_json_write_string(&out, text_of(t, value));
        pl_buf_add_char(&out, '}');
    }
    pl_buf_add_char(&out, ']');
    return keep(t, &out);
}

static bool sample_has_long_tags(translation *t, pl_json mapping) {
    pl_error ignored = {.code = ""};
    const catalogue_type *type = catalogue_find_type(
        t->catalogue, pl_json_str(pl_json_get(mapping, PL_STR("resourceType"))), &ignored);
    pl_json sample = type ? catalogue_type_sample(t->catalogue, &t->arena, type, &ignored) : PL_JSON_NONE;
    return pl_str_find(json_of(t, sample), PL_STR("\"TagKey\"")) != PL_NOT_FOUND;
}

/* The JSON text that an attribute's value becomes in the configuration; absent: nothing is known. */
static pl_str translate(translation *t, pl_json mapping, pl_json attribute, pl_json value) {
    pl_str type = pl_json_str(pl_json_get(attribute, PL_STR("type")));
    pl_json words = pl_json_get(attribute, PL_STR("values"));
    if (!pl_json_exists(value) || pl_json_is_null(value))
        return PL_STR_NONE;
    pl_json word = pl_json_exists(words) ? pl_json_get(words, text_of(t, value)) : PL_JSON_NONE;
    if (pl_json_exists(word))
        return json_of(t, word);
    if (pl_str_is(type, "Array")) {
        if (pl_json_is_object(value))
            return tag_list(t, value, sample_has_long_tags(t, mapping));
        pl_str json = json_of(t, value);
        return pl_json_is_array(value) ? json : pl_arena_printf(&t->arena, "[%.*s]", PL_FMT(json));
    }
    bool scalar = !pl_json_is_array(value) && !pl_json_is_object(value);
    if (pl_str_is(type, "String") && scalar)
        return quoted(t, text_of(t, value));
    return json_of(t, value);
}

/* --- one attribute -------------------------------------------------------------------------------------- */

/* Follows the rest of a configuration path such as "A.B[*].C" and sets the leaf; `at` is the [*] position. */
static void set_path(translation *t, cli_tree *node, pl_str path, size_t at, pl_str json) {
    pl_str rest = path, part;
    while (node && rest.p && pl_str_split(&rest, '.', &part)) {
        bool element = pl_str_ends(part, PL_STR("[*]"));
        node = cli_tree_member(&t->arena, node, element ? pl_str_head(part, part.n - 3) : part);
        if (element)
            node = cli_tree_element(&t->arena, node, at);
    }
    cli_tree_set(&t->arena, node, json);
}

typedef struct setting {
    const instance *of;
    pl_json attribute;
    cli_tree *configuration;
    pl_str path; /* behind "$." */
    size_t at;   /* element of the repeated part */
    bool repeats;
} setting;

/* Descends the attribute's dotted name through blocks (lists of objects). */
static void set_values(translation *t, setting s, pl_json value, pl_str name) {
    pl_str part;
    if (!name.p) {
        pl_str json = translate(t, s.of->mapping, s.attribute, value);
        if (json.p)
            set_path(t, s.configuration, s.path, s.at, json);
        return;
    }
    pl_str_split(&name, '.', &part);
    pl_json inner = pl_json_get(value, part);
    if (!name.p || !pl_json_is_array(inner)) {
        set_values(t, s, inner, name);
        return;
    }
    pl_str key;
    pl_json block;
    size_t index = 0;
    for (pl_json_walk w = pl_json_children(inner);
         pl_json_step(&w, &key, &block) && (s.repeats || index == 0); index++) {
        s.at = s.repeats ? index : s.at;
        set_values(t, s, block, name);
    }
}

/* `when`: the attribute has this meaning only while others have these values. */
static bool holds(translation *t, pl_json attribute, pl_json values) {
    pl_str key;
    pl_json wanted;
    pl_json when = pl_json_get(attribute, PL_STR("when"));
    for (pl_json_walk w = pl_json_children(when); pl_json_step(&w, &key, &wanted);)
        if (!pl_str_eq(text_of(t, pl_json_get(values, key)), text_of(t, wanted)))
            return false;
    return true;
}

static pl_str behind_root(pl_str path) {
    return pl_str_skip(path, pl_str_starts(path, PL_STR("$.")) ? 2 : 0);
}

/* Sets all mapped attributes of an instance in a configuration, repeated parts at element `at`. */
static void set_attributes(translation *t, const instance *one, pl_json attributes, cli_tree *configuration,
                           size_t at) {
    pl_str key;
    pl_json attribute;
    for (pl_json_walk w = pl_json_children(attributes); pl_json_step(&w, &key, &attribute);) {
        pl_str path = behind_root(pl_json_str(pl_json_get(attribute, PL_STR("path"))));
        setting s = {.of = one,
                     .attribute = attribute,
                     .configuration = configuration,
                     .path = path,
                     .at = at,
                     .repeats = !one->entry && pl_str_find(path, PL_STR("[*]")) != PL_NOT_FOUND};
        if (holds(t, attribute, one->values))
            set_values(t, s, one->values, pl_json_str(pl_json_get(attribute, PL_STR("attribute"))));
    }
}

static cli_tree *walk_to(translation *t, cli_tree *node, pl_str path) {
    pl_str part;
    while (path.p && pl_str_split(&path, '.', &part))
        node = cli_tree_member(&t->arena, node, part);
    return node;
}

/* What every resource of the type is though no attribute says so; with [*] in every element that is there. */
static void set_constants(translation *t, const instance *one) {
    pl_str key;
    pl_json value;
    pl_json constants = pl_json_get(one->mapping, PL_STR("constants"));
    for (pl_json_walk w = pl_json_children(constants); pl_json_step(&w, &key, &value);) {
        pl_str path = behind_root(key);
        size_t star = pl_str_find(path, PL_STR("[*]"));
        size_t count = 1;
        if (star != PL_NOT_FOUND)
            count = cli_tree_length(walk_to(t, one->configuration, pl_str_head(path, star)));
        for (size_t at = 0; at < count; at++)
            set_path(t, one->configuration, path, at, json_of(t, value));
    }
}

/* --- entries of other resources --------------------------------------------------------------------------
 */

/* What the parent calls itself at `path` of its configuration, told by the attribute that fills it. */
static pl_json own_name(const instance *parent, pl_json path) {
    pl_str key;
    pl_json attribute;
    pl_json attributes = pl_json_get(parent->mapping, PL_STR("attributes"));
    for (pl_json_walk w = pl_json_children(attributes); pl_json_step(&w, &key, &attribute);)
        if (pl_json_equal(pl_json_get(attribute, PL_STR("path")), path))
            return pl_json_get(parent->values, pl_json_str(pl_json_get(attribute, PL_STR("attribute"))));
    return PL_JSON_NONE;
}

static bool is_called(const instance *parent, pl_json name, pl_json path) {
    return pl_json_equal(pl_json_get(parent->values, PL_STR("id")), name) ||
           pl_json_equal(own_name(parent, path), name);
}

static instance *find_called(translation *t, pl_json wanted, pl_json name, pl_json path) {
    for (instance *one = t->first; one; one = one->next)
        if (!one->entry && pl_json_equal(pl_json_get(one->mapping, PL_STR("resourceType")), wanted) &&
            is_called(one, name, path))
            return one;
    return NULL;
}

/* While the parent's id is unknown the plan's configuration tells which resource the attribute refers to. */
static instance *find_referred(translation *t, const instance *child, pl_json wanted, pl_str attribute) {
    pl_json references = terraform_references(t->root, &child->place, attribute);
    instance *found = NULL;
    unsigned best = 0;
    for (instance *one = t->first; one; one = one->next) {
        if (one->entry || !pl_json_equal(pl_json_get(one->mapping, PL_STR("resourceType")), wanted))
            continue;
        unsigned sure = terraform_means(&t->arena, t->root, &child->place, references, &one->place);
        if (sure > best) {
            best = sure;
            found = one;
        }
    }
    return found;
}

static instance *find_parent(translation *t, const instance *child, pl_json entry) {
    pl_str attribute = pl_json_str(pl_json_get(entry, PL_STR("attribute")));
    pl_json name = pl_json_get(child->values, attribute);
    pl_json wanted = pl_json_get(child->mapping, PL_STR("resourceType"));
    return pl_json_is_string(name) ? find_called(t, wanted, name, pl_json_get(entry, PL_STR("parentPath")))
                                   : find_referred(t, child, wanted, attribute);
}

static void join_parent(translation *t, const instance *child) {
    pl_json entry = pl_json_get(child->mapping, PL_STR("entryOf"));
    instance *parent = find_parent(t, child, entry);
    if (!parent)
        return;
    cli_tree *list =
        walk_to(t, parent->configuration, behind_root(pl_json_str(pl_json_get(entry, PL_STR("path")))));
    set_attributes(t, child, pl_json_get(child->mapping, PL_STR("attributes")), parent->configuration,
                   cli_tree_length(list));
}

/* --- writing -------------------------------------------------------------------------------------------- */

static pl_str first_text(pl_json values, const char *const *names) {
    for (; *names; names++) {
        pl_str text = pl_json_str(pl_json_get(values, pl_str_from(*names)));
        if (text.n)
            return text;
    }
    return PL_STR("");
}

/* Region of a zone: "cn-hangzhou-h" lies in "cn-hangzhou". */
static pl_str region_of(pl_json values) {
    static const char *const regions[] = {"region_id", "region", NULL};
    static const char *const zones[] = {"availability_zone", "zone_id", NULL};
    pl_str region = first_text(values, regions), zone = first_text(values, zones);
    if (region.n || !zone.n)
        return region;
    const char *dash = memrchr(zone.p, '-', zone.n);
    return dash ? pl_str_head(zone, (size_t)(dash - zone.p)) : zone;
}

static void write_text_member(pl_buf *out, const char *name, pl_str value) {
    if (!value.n)
        return;
    pl_buf_printf(out, ",\"%s\":", name);
    pl_json_write_string(out, value);
}

static void write_item(pl_buf *out, pl_str type, pl_str id, pl_str address, pl_json values,
                       const cli_tree *tree) {
    static const char *const names[] = {"instance_name", "name", "bucket", "description", NULL};
    pl_buf_add(out, PL_STR("{\"resourceType\":"));
    pl_json_write_string(out, type);
    write_text_member(out, "resourceId", id.n ? id : address);
    write_text_member(out, "terraformAddress", address);
    write_text_member(out, "regionId", region_of(values));
    write_text_member(out, "resourceName", first_text(values, names));
    pl_json tags = pl_json_get(values, PL_STR("tags"));
    if (pl_json_is_object(tags)) {
        pl_buf_add(out, PL_STR(",\"tags\":"));
        pl_json_write(out, tags);
    }
    pl_buf_add(out, PL_STR(",\"configuration\":"));
    cli_tree_write(out, tree);
    pl_buf_add(out, PL_STR("}\n"));
}

/* Attributes that describe a resource of another type, such as an instance's system disk: one item of its
 * own. */
static void write_elsewhere(translation *t, const instance *one, pl_buf *out) {
    pl_str key, type = PL_STR_NONE;
    pl_json attribute, value;
    pl_json list = pl_json_get(one->mapping, PL_STR("elsewhere"));
    cli_tree *tree = cli_tree_object(&t->arena);
    pl_str id = pl_json_str(pl_json_get(one->values, PL_STR("id")));
    bool any = false;
    for (pl_json_walk w = pl_json_children(list); tree && pl_json_step(&w, &key, &attribute);) {
        pl_json given = pl_json_get(one->values, pl_json_str(pl_json_get(attribute, PL_STR("attribute"))));
        pl_str json = translate(t, one->mapping, attribute, given);
        if (!json.p)
            continue;
        any = true;
        type = pl_json_str(pl_json_get(attribute, PL_STR("resourceType")));
        set_path(t, tree, behind_root(pl_json_str(pl_json_get(attribute, PL_STR("path")))), 0, json);
        pl_json where = pl_json_get(attribute, PL_STR("where"));
        for (pl_json_walk v = pl_json_children(where); pl_json_step(&v, &key, &value);)
            set_path(t, tree, behind_root(key), 0, json_of(t, value));
        set_path(t, tree, behind_root(pl_json_str(pl_json_get(attribute, PL_STR("parentPath")))), 0,
                 quoted(t, id.n ? id : one->address));
    }
    if (any)
        write_item(out, type,
                   pl_arena_printf(&t->arena, "%.*s/system-disk", PL_FMT(id.n ? id : one->address)),
                   one->address, one->values, tree);
}

static void write_all(translation *t, pl_buf *lines) {
    for (instance *one = t->first; one; one = one->next) {
        if (one->entry)
            continue;
        set_attributes(t, one, pl_json_get(one->mapping, PL_STR("attributes")), one->configuration, 0);
        set_constants(t, one);
    }
    for (instance *one = t->first; one; one = one->next)
        if (one->entry)
            join_parent(t, one);
    for (instance *one = t->first; one; one = one->next) {
        if (one->entry)
            continue;
        write_item(lines, pl_json_str(pl_json_get(one->mapping, PL_STR("resourceType"))),
                   pl_json_str(pl_json_get(one->values, PL_STR("id"))), one->address, one->values,
                   one->configuration);
        write_elsewhere(t, one, lines);
    }
}

int terraform_items(const struct catalogue *known, pl_json root, pl_buf *lines, pl_error *error) {
    translation t = {.catalogue = known, .root = root, .error = error};
    pl_arena_init(&t.arena, (size_t)4 << 30);
    int result = collect(&t);
    if (result == 0)
        write_all(&t, lines);
    if (result == 0 && t.arena.failed)
        result = pl_fail(error, PL_E_ServiceUnavailable);
    pl_arena_free(&t.arena);
    return result;
}
