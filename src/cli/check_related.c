/* The index of related resources. Owns copies of the configurations; keys are "type NUL key". */
#include "cli/check_related.h"

#include "base/map.h"
#include "base/memory.h"
#include "inventory/relation.h"
#include "json/parser.h"

/* Configurations under one key, in the order of the input. */
typedef struct entry {
    pl_str configuration;
    struct entry *next;
} entry;

typedef struct chain {
    entry *first, *last;
} chain;

struct check_related {
    const catalogue *catalogue;
    const pl_str *types;
    size_t type_count;
    pl_arena arena, scratch;
    pl_map by_id;      /* own id */
    pl_map by_account; /* all of a type in an account */
    pl_map by_path;    /* id found at a relation's path on the target's side */
};

int check_related_new(check_related **out, const catalogue *known, const pl_str *types, size_t count,
                      pl_error *error) {
    check_related *related = pl_calloc(1, sizeof *related);
    if (!related)
        return pl_fail(error, PL_E_ServiceUnavailable);
    related->catalogue = known;
    related->types = types;
    related->type_count = count;
    pl_arena_init(&related->arena, (size_t)8 << 30);
    pl_arena_init(&related->scratch, 0);
    pl_map_init(&related->by_id, 0);
    pl_map_init(&related->by_account, 0);
    pl_map_init(&related->by_path, 0);
    *out = related;
    return 0;
}

void check_related_free(check_related *related) {
    if (!related)
        return;
    pl_map_free(&related->by_id);
    pl_map_free(&related->by_account);
    pl_map_free(&related->by_path);
    pl_arena_free(&related->arena);
    pl_arena_free(&related->scratch);
    pl_free(related);
}

bool check_related_wants(const check_related *related, pl_str type) {
    for (size_t i = 0; i < related->type_count; i++)
        if (pl_str_eq_fold(related->types[i], type))
            return true;
    return false;
}

static pl_str key_of(pl_arena *arena, pl_str type, pl_str middle, pl_str last) {
    return pl_arena_printf(arena, "%.*s\n%.*s\n%.*s", PL_FMT(type), PL_FMT(middle), PL_FMT(last));
}

static int append(check_related *related, pl_map *map, pl_str key, pl_str configuration, pl_error *error) {
    chain *list = pl_map_get(map, key);
    if (list && list->last->configuration.p == configuration.p)
        return 0; /* found twice: two relations use the same property */
    entry *added = pl_new(&related->arena, entry, 1);
    if (!list) {
        list = pl_new(&related->arena, chain, 1);
        key = pl_arena_copy(&related->arena, key);
        if (!list || !key.p || !pl_map_put(map, key, list))
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    if (!added)
        return pl_fail(error, PL_E_ServiceUnavailable);
    added->configuration = configuration;
    if (list->last)
        list->last->next = added;
    else
        list->first = added;
    list->last = added;
    return 0;
}

typedef struct adding {
    check_related *related;
    pl_str type, text;
    pl_json configuration;
} adding;

/* Ids that a configuration carries lead to it. */
static int add_carried(void *context, pl_str path, bool on_subject, pl_error *error) {
    const adding *a = context;
    check_related *related = a->related;
    pl_path_nodes ids;
    (void)on_subject;
    if (inventory_related_ids(&related->scratch, path, a->configuration, &ids, error) != 0)
        return -1;
    for (size_t i = 0; i < ids.count; i++) {
        pl_str key = key_of(&related->scratch, a->type, path, pl_json_str(ids.items[i]));
        if (append(related, &related->by_path, key, a->text, error) != 0)
            return -1;
    }
    return 0;
}

int check_related_add(check_related *related, pl_str type, pl_str id, pl_str account, pl_json configuration,
                      pl_error *error) {
    pl_buf text;
    pl_buf_init(&text, (size_t)64 << 20);
    pl_json_write(&text, configuration);
    pl_str copy = pl_arena_copy(&related->arena, pl_buf_str(&text));
    bool complete = !text.failed && copy.p;
    pl_buf_free(&text);
    if (!complete)
        return pl_fail(error, PL_E_ServiceUnavailable);
    type = catalogue_type_name(related->catalogue, type);
    pl_arena_reset(&related->scratch);
    pl_str by_id = key_of(&related->scratch, type, PL_STR(""), id);
    pl_str by_account = key_of(&related->scratch, type, PL_STR(""), account);
    if (append(related, &related->by_id, by_id, copy, error) != 0 ||
        append(related, &related->by_account, by_account, copy, error) != 0)
        return -1;
    adding a = {related, type, copy, configuration};
    return inventory_each_carried(related->catalogue, type, add_carried, &a, error);
}

typedef struct answer {
    const check_related_query *query;
    pl_str target;
    pl_buf text;
    pl_map seen; /* configurations already in the list, by their address */
} answer;

static int add_chain(answer *a, const pl_map *map, pl_str key, pl_error *error) {
    const chain *list = pl_map_get(map, key);
    for (const entry *e = list ? list->first : NULL; e; e = e->next) {
        pl_str address = pl_arena_printf(a->query->arena, "%p", (const void *)e->configuration.p);
        if (address.p && pl_map_get(&a->seen, address))
            continue;
        if (!address.p || !pl_map_put(&a->seen, address, a))
            return pl_fail(error, PL_E_ServiceUnavailable);
        if (a->text.n > 1)
            pl_buf_add_char(&a->text, ',');
        pl_buf_add(&a->text, e->configuration);
    }
    return 0;
}

static int add_relation(void *context, pl_str path, bool on_subject, pl_error *error) {
    answer *a = context;
    const check_related_query *q = a->query;
    pl_path_nodes ids;
    if (!on_subject)
        return add_chain(a, &q->related->by_path, key_of(q->arena, a->target, path, q->id), error);
    if (inventory_related_ids(q->arena, path, q->configuration, &ids, error) != 0)
        return -1;
    for (size_t i = 0; i < ids.count; i++) {
        pl_str key = key_of(q->arena, a->target, PL_STR(""), pl_json_str(ids.items[i]));
        if (add_chain(a, &q->related->by_id, key, error) != 0)
            return -1;
    }
    return 0;
}

int check_related_find(void *context, pl_str type, pl_json *list, pl_error *error) {
    const check_related_query *q = context;
    answer a = {.query = q, .target = catalogue_type_name(q->related->catalogue, type)};
    int result = 0;
    pl_buf_init(&a.text, (size_t)1 << 30);
    pl_map_init(&a.seen, 0);
    pl_buf_add_char(&a.text, '[');
    if (pl_str_eq_fold(q->type, PL_STR("ACS::::Account")))
        result =
            add_chain(&a, &q->related->by_account, key_of(q->arena, a.target, PL_STR(""), q->account), error);
    else if (pl_json_exists(q->configuration))
        result = inventory_each_relation(q->related->catalogue, q->type, a.target, add_relation, &a, error);
    pl_buf_add_char(&a.text, ']');
    if (result == 0)
        result = a.text.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                               : pl_json_parse_in(q->arena, pl_buf_str(&a.text), list, error);
    pl_buf_free(&a.text);
    pl_map_free(&a.seen);
    return result;
}
