/* The index of related resources. Owns copies of the configurations; keys are "type NUL key". */
#include "cli/check_related.h"

#include "base/map.h"
#include "base/memory.h"
#include "jsonpath/path.h"
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

/* Relations of `source` to `target`, calling back for each; 0, or what the callback gave. */
typedef int (*relation_visit)(void *context, const catalogue_relation *relation, pl_error *error);

static int each_relation(const catalogue *known, pl_str source, pl_str target, relation_visit visit,
                         void *context, pl_error *error) {
    pl_error ignored = {.code = ""};
    const catalogue_type *type = catalogue_find_type(known, source, &ignored);
    for (size_t i = 0; type && i < type->relation_count; i++) {
        const catalogue_relation *relation = &type->relations[i];
        if (!pl_str_eq_fold(relation->target_type, target))
            continue;
        int result = visit(context, relation, error);
        if (result != 0)
            return result;
    }
    return 0;
}

static pl_str key_of(pl_arena *arena, pl_str type, pl_str middle, pl_str last) {
    return pl_arena_printf(arena, "%.*s\n%.*s\n%.*s", PL_FMT(type), PL_FMT(middle), PL_FMT(last));
}

static int append(check_related *related, pl_map *map, pl_str key, pl_str configuration, pl_error *error) {
    chain *list = pl_map_get(map, key);
    if (list && list->last->configuration.p == configuration.p)
        return 0; /* found twice: two types declare the relation by the same property */
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

/* Texts at a path of a configuration: one value, a list of them, or all matches. */
static int ids_at(pl_arena *arena, pl_str path_text, pl_json configuration, pl_path_nodes *nodes,
                  pl_error *error) {
    const pl_path *path;
    if (pl_path_compile(arena, path_text, PL_PATH_CLOUD_CONFIG, &path, error) != 0)
        return -1;
    return pl_path_select(path, configuration, arena, nodes, error);
}

static int by_each_type(check_related *related, pl_str type, pl_json configuration, pl_str text,
                        pl_error *error) {
    for (size_t t = 0; t < catalogue_type_count(related->catalogue); t++) {
        const catalogue_type *source = catalogue_type_at(related->catalogue, t, error);
        for (size_t i = 0; source && i < source->relation_count; i++) {
            const catalogue_relation *relation = &source->relations[i];
            pl_path_nodes nodes;
            if (!pl_str_eq_fold(relation->target_type, type) || !pl_str_eq_fold(relation->path_on, type))
                continue;
            if (ids_at(&related->scratch, relation->path, configuration, &nodes, error) != 0)
                return -1;
            for (size_t n = 0; n < nodes.count; n++) {
                pl_str key = key_of(&related->scratch, type, relation->path, pl_json_str(nodes.items[n]));
                if (append(related, &related->by_path, key, text, error) != 0)
                    return -1;
            }
        }
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
    return by_each_type(related, type, configuration, copy, error);
}

typedef struct answer {
    const check_related_query *query;
    pl_str target;
    pl_buf text;
} answer;

static void add_chain(answer *a, const pl_map *map, pl_str key) {
    const chain *list = pl_map_get(map, key);
    for (const entry *e = list ? list->first : NULL; e; e = e->next) {
        if (a->text.n > 1)
            pl_buf_add_char(&a->text, ',');
        pl_buf_add(&a->text, e->configuration);
    }
}

static int add_relation(void *context, const catalogue_relation *relation, pl_error *error) {
    answer *a = context;
    const check_related_query *q = a->query;
    pl_path_nodes nodes;
    if (pl_str_eq_fold(relation->path_on, a->target)) {
        add_chain(a, &q->related->by_path, key_of(q->arena, a->target, relation->path, q->id));
        return 0;
    }
    if (ids_at(q->arena, relation->path, q->configuration, &nodes, error) != 0)
        return -1;
    for (size_t i = 0; i < nodes.count; i++)
        add_chain(a, &q->related->by_id,
                  key_of(q->arena, a->target, PL_STR(""), pl_json_str(nodes.items[i])));
    return 0;
}

int check_related_find(void *context, pl_str type, pl_json *list, pl_error *error) {
    const check_related_query *q = context;
    answer a = {.query = q, .target = catalogue_type_name(q->related->catalogue, type)};
    int result = 0;
    pl_buf_init(&a.text, (size_t)1 << 30);
    pl_buf_add_char(&a.text, '[');
    if (pl_str_eq_fold(q->type, PL_STR("ACS::::Account")))
        add_chain(&a, &q->related->by_account, key_of(q->arena, a.target, PL_STR(""), q->account));
    else if (pl_json_exists(q->configuration))
        result = each_relation(q->related->catalogue, q->type, a.target, add_relation, &a, error);
    pl_buf_add_char(&a.text, ']');
    if (result == 0)
        result = a.text.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                               : pl_json_parse_in(q->arena, pl_buf_str(&a.text), list, error);
    pl_buf_free(&a.text);
    return result;
}
