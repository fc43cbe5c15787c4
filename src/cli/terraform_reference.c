/* References of a plan's configuration, followed to resources. No state. */
#include "cli/terraform_reference.h"

/* Variables may be handed down and outputs up through this many modules, in so many steps together. */
enum { DEEPEST = 16, MOST_STEPS = 4096 };
enum { NAMED = 1, SAME_KEY = 2, SAME_MODULE = 4 }; /* bits of how sure a meaning is */

typedef struct search {
    pl_arena *arena;
    pl_json plan;
    const terraform_place *target;
    unsigned left; /* steps */
} search;

/* Where a reference is written: its module, and the key of the `count` or `for_each` around it. */
typedef struct context {
    pl_str module, key;
} context;

/* Offset of the `]` that ends a key; the text begins with `[`. */
static size_t key_end(pl_str text) {
    bool quoted = false;
    for (size_t i = 1; i < text.n; i++) {
        if (quoted && text.p[i] == '\\')
            i++;
        else if (text.p[i] == '"')
            quoted = !quoted;
        else if (text.p[i] == ']' && !quoted)
            return i;
    }
    return text.n;
}

/* Takes `name` or `name[key]` and the dot behind it off the front. */
static pl_str take_part(pl_str *rest, pl_str *key) {
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '.' && rest->p[n] != '[')
        n++;
    pl_str name = pl_str_head(*rest, n);
    *rest = pl_str_skip(*rest, n);
    *key = PL_STR_NONE;
    if (rest->n && rest->p[0] == '[') {
        size_t end = key_end(*rest);
        *key = pl_str_of(rest->p + 1, end - 1);
        *rest = pl_str_skip(*rest, end + 1);
    }
    if (rest->n && rest->p[0] == '.')
        *rest = pl_str_skip(*rest, 1);
    return name;
}

/* The part of an address before `rest`, without the dot between them. */
static pl_str before(pl_str address, pl_str rest) {
    pl_str part = pl_str_head(address, address.n - rest.n);
    return pl_str_ends(part, PL_STR(".")) ? pl_str_head(part, part.n - 1) : part;
}

terraform_place terraform_place_of(pl_str address) {
    terraform_place place = {.module = pl_str_head(address, 0)};
    pl_str rest = address, part;
    while (pl_str_is(part = take_part(&rest, &place.key), "module")) {
        take_part(&rest, &place.key);
        place.module = before(address, rest);
    }
    place.type = part;
    place.name = take_part(&rest, &place.key);
    return place;
}

static pl_json call_of(pl_json module, pl_str name) {
    return pl_json_get(pl_json_get(module, PL_STR("module_calls")), name);
}

/* What the plan's configuration has for a module, whatever the keys of its instances. */
static pl_json module_of(pl_json plan, pl_str address) {
    pl_json node = pl_json_get(pl_json_get(plan, PL_STR("configuration")), PL_STR("root_module"));
    pl_str key;
    while (address.n) {
        take_part(&address, &key);
        node = pl_json_get(call_of(node, take_part(&address, &key)), PL_STR("module"));
    }
    return node;
}

static bool is_resource(pl_json node, const terraform_place *place) {
    terraform_place own = terraform_place_of(pl_json_str(pl_json_get(node, PL_STR("address"))));
    return pl_str_eq(own.type, place->type) && pl_str_eq(own.name, place->name);
}

pl_json terraform_references(pl_json plan, const terraform_place *place, pl_str attribute) {
    pl_str key;
    pl_json node;
    pl_json resources = pl_json_get(module_of(plan, place->module), PL_STR("resources"));
    for (pl_json_walk w = pl_json_children(resources); pl_json_step(&w, &key, &node);) {
        if (!is_resource(node, place))
            continue;
        pl_json expression = pl_json_get(pl_json_get(node, PL_STR("expressions")), attribute);
        return pl_json_get(expression, PL_STR("references"));
    }
    return PL_JSON_NONE;
}

/* Do both addresses call the same modules? Where an output was read, the instance is not always known. */
static bool same_calls(pl_str a, pl_str b) {
    pl_str key;
    while (a.n && b.n)
        if (!pl_str_eq(take_part(&a, &key), take_part(&b, &key)))
            return false;
    return a.n == b.n;
}

static unsigned read_resource(const search *s, context at, pl_str reference) {
    terraform_place named = terraform_place_of(reference);
    if (!pl_str_eq(named.type, s->target->type) || !pl_str_eq(named.name, s->target->name) ||
        !same_calls(at.module, s->target->module) ||
        (named.key.p && s->target->key.p && !pl_str_eq(named.key, s->target->key)))
        return 0;
    pl_str key = named.key.p ? named.key : at.key;
    bool same_key = key.p && s->target->key.p && pl_str_eq(key, s->target->key);
    bool same_module = pl_str_eq(at.module, s->target->module);
    return (unsigned)(NAMED | (same_key ? SAME_KEY : 0) | (same_module ? SAME_MODULE : 0));
}

static unsigned read_all(search *s, context at, pl_json references, int depth);

/* A variable is what the call of the module gave it. */
static unsigned read_variable(search *s, context at, pl_str name, int depth) {
    context outer = {at.module, PL_STR_NONE};
    pl_str rest = at.module, key, call = PL_STR("");
    while (rest.n) {
        outer.module = before(at.module, rest);
        take_part(&rest, &key);
        call = take_part(&rest, &outer.key);
    }
    pl_json given = pl_json_get(call_of(module_of(s->plan, outer.module), call), PL_STR("expressions"));
    return read_all(s, outer, pl_json_get(pl_json_get(given, name), PL_STR("references")), depth + 1);
}

/* `module.net["a"].group`: an output of a module that this one calls. */
static unsigned read_output(search *s, context at, pl_str reference, int depth) {
    pl_str rest = reference, key;
    take_part(&rest, &key);
    pl_str call = take_part(&rest, &key);
    pl_str address = pl_arena_printf(s->arena, "%.*s%s%.*s", PL_FMT(at.module), at.module.n ? "." : "",
                                     PL_FMT(before(reference, rest)));
    pl_json called = pl_json_get(call_of(module_of(s->plan, at.module), call), PL_STR("module"));
    pl_json output = pl_json_get(pl_json_get(called, PL_STR("outputs")), take_part(&rest, &key));
    context inner = {address, PL_STR_NONE};
    return read_all(s, inner, pl_json_get(pl_json_get(output, PL_STR("expression")), PL_STR("references")),
                    depth + 1);
}

static unsigned read_one(search *s, context at, pl_str reference, int depth) {
    pl_str rest = reference, key;
    pl_str first = take_part(&rest, &key);
    if (pl_str_is(first, "var"))
        return at.module.n ? read_variable(s, at, take_part(&rest, &key), depth) : 0;
    if (pl_str_is(first, "module"))
        return read_output(s, at, reference, depth);
    return read_resource(s, at, reference);
}

static unsigned read_all(search *s, context at, pl_json references, int depth) {
    unsigned best = 0;
    pl_str key;
    pl_json reference;
    if (depth > DEEPEST)
        return 0;
    pl_json_walk w = pl_json_children(references);
    for (; s->left && pl_json_step(&w, &key, &reference); s->left -= s->left > 0) {
        unsigned found = read_one(s, at, pl_json_str(reference), depth);
        best = found > best ? found : best;
    }
    return best;
}

unsigned terraform_means(pl_arena *arena, pl_json plan, const terraform_place *place, pl_json references,
                         const terraform_place *target) {
    search s = {arena, plan, target, MOST_STEPS};
    return read_all(&s, (context){place->module, place->key}, references, 0);
}
