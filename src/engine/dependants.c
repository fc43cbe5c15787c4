/*
 * Dependants: what must be evaluated again when a resource changes, because a rule on their type looks at
 * resources of the changed one's type and one of the two names the other.
 */
#include "engine/evaluate.h"
#include "engine/links.h"

#include "inventory/relation.h"

#include <stdlib.h>

/* Keys of resources to evaluate again, gathered before anything is evaluated. */
struct dependants {
    engine_evaluating *c;
    const inventory_change *change;
    int64_t *keys;
    size_t count, capacity;
    pl_str type; /* of the dependants */
    pl_str path;
};

static int add_key(struct dependants *d, int64_t key, pl_error *error) {
    if (key == d->change->resource_key)
        return 0;
    int64_t *grown = pl_arena_grow(d->c->writing.arena, d->keys, d->count, &d->capacity, sizeof *grown);
    if (!grown)
        return pl_fail(error, PL_E_ServiceUnavailable);
    d->keys = grown;
    d->keys[d->count++] = key;
    return 0;
}

static int visit_dependant(void *context, const inventory_resource *r, pl_error *error) {
    struct dependants *d = context;
    bool names;
    pl_arena_reset(&d->c->document);
    if (engine_names_id(&d->c->document, r->configuration, d->path, d->change->item->resource_id, &names,
                        error) != 0)
        return -1;
    return names ? add_key(d, r->resource_key, error) : 0;
}

/* Dependants that the changed resource names in its own configuration. */
static int add_named_keys(struct dependants *d) {
    engine_evaluating *c = d->c;
    pl_path_nodes nodes;
    pl_arena_reset(&c->document);
    if (inventory_related_ids(&c->document, d->path, d->change->configuration, &nodes, c->error) != 0)
        return -1;
    for (size_t i = 0; i < nodes.count; i++) {
        inventory_resource found[4];
        size_t count;
        pl_str id = pl_json_str(nodes.items[i]);
        if (id.n == 0)
            continue;
        if (inventory_find_id(c->writing.session, &c->document, d->change->item->account_id, id, found, 4,
                              &count, c->error) != 0)
            return -1;
        for (size_t n = 0; n < count; n++)
            if (pl_str_eq_fold(found[n].resource_type, d->type) &&
                add_key(d, found[n].resource_key, c->error) != 0)
                return -1;
    }
    return 0;
}

static int visit_linked_dependant(void *context, int64_t key, pl_error *error) {
    return add_key(context, key, error);
}

/* Dependants that name the changed resource: by link, else at the path of each. */
static int add_naming_keys(struct dependants *d) {
    engine_evaluating *c = d->c;
    const inventory_item *item = d->change->item;
    engine_link_search search = {.from_type = d->type,
                                 .account_id = item->account_id,
                                 .to_type = item->resource_type,
                                 .to_id = item->resource_id,
                                 .visit = visit_linked_dependant,
                                 .context = d};
    bool known;
    if (engine_links_visit(c->writing.session, c->writing.arena, &search, &known, c->error) != 0)
        return -1;
    return known ? 0
                 : inventory_scan(c->writing.session, item->account_id, d->type, 0, INT64_MAX,
                                  visit_dependant, d, c->error);
}

static int visit_relation(void *context, pl_str path, bool on_dependant, pl_error *error) {
    struct dependants *d = context;
    (void)error;
    d->path = path;
    return on_dependant ? add_naming_keys(d) : add_named_keys(d);
}

static int by_key(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* However many there are: what is left out would keep a verdict that is not true any more. */
static int evaluate_keys(struct dependants *d) {
    engine_evaluating *c = d->c;
    if (d->count > 1)
        qsort(d->keys, d->count, sizeof *d->keys, by_key);
    for (size_t i = 0; i < d->count; i++) {
        bool found;
        inventory_resource r;
        if (i > 0 && d->keys[i] == d->keys[i - 1])
            continue;
        if (inventory_find_key(c->writing.session, c->writing.arena, d->change->item->account_id, d->keys[i],
                               &r, &found, c->error) != 0)
            return -1;
        if (found && !r.deleted &&
            engine_evaluate_stored(c, &r, ENGINE_BY_CHANGE, d->change->item->resource_type, 0) != 0)
            return -1;
    }
    return 0;
}

/* Whether a rule looks at resources of the changed type, or needs one to say anything. */
static int asks_for(engine_evaluating *c, const engine_type_program *program, pl_str changed, bool *asks) {
    size_t count = pl_program_related_types(program->compiled, NULL, 0);
    pl_str *types = pl_new(c->writing.arena, pl_str, count + 1);
    *asks = false;
    if (!types)
        return pl_fail(c->error, PL_E_ServiceUnavailable);
    pl_program_related_types(program->compiled, types, count);
    for (size_t i = 0; i < count && !*asks; i++)
        *asks = pl_str_eq_fold(types[i], changed);
    for (size_t i = 0; i < program->count && !*asks; i++)
        for (size_t n = 0; n < program->slots[i].required_related_count && !*asks; n++)
            *asks = pl_str_eq_fold(program->slots[i].required_related[n], changed);
    return 0;
}

static int evaluate_type(engine_evaluating *c, const inventory_change *change, pl_str type) {
    struct dependants d = {.c = c, .change = change, .type = type};
    if (inventory_each_relation(c->writing.e->config.catalogue, type, change->item->resource_type,
                                visit_relation, &d, c->error) != 0)
        return -1;
    return evaluate_keys(&d);
}

/* The recorded types of the account whose rules look at resources of the changed type; once in a transaction.
 */
static engine_dependency_types *dependent_types(engine_evaluating *c, pl_str account_id, pl_str changed) {
    for (engine_dependency_types *at = c->dependencies; at; at = at->next)
        if (pl_str_eq(at->changed, changed) && pl_str_eq(at->account_id, account_id))
            return at;
    engine_dependency_types *made = pl_new(c->writing.arena, engine_dependency_types, 1);
    if (!made) {
        pl_fail(c->error, PL_E_ServiceUnavailable);
        return NULL;
    }
    *made = (engine_dependency_types){account_id, changed, NULL, 0, c->dependencies};
    size_t capacity = 0;
    for (pl_str type = PL_STR_NONE;;) {
        if (inventory_next_type(c->writing.session, c->writing.arena, account_id, type, &type, c->error) != 0)
            return NULL;
        if (!type.p)
            break;
        engine_typed *t = engine_typed_get(c, account_id, type);
        bool asks;
        if (!t || asks_for(c, t->program, changed, &asks) != 0)
            return NULL;
        if (!asks)
            continue;
        pl_str *grown = pl_arena_grow(c->writing.arena, made->types, made->count, &capacity, sizeof *grown);
        if (!grown) {
            pl_fail(c->error, PL_E_ServiceUnavailable);
            return NULL;
        }
        made->types = grown;
        made->types[made->count++] = type;
    }
    c->dependencies = made;
    return made;
}

int engine_evaluate_dependants(engine_evaluating *c, const inventory_change *change) {
    const engine_dependency_types *types =
        dependent_types(c, change->item->account_id, change->item->resource_type);
    if (!types)
        return -1;
    for (size_t i = 0; i < types->count; i++)
        if (evaluate_type(c, change, types->types[i]) != 0)
            return -1;
    return 0;
}
