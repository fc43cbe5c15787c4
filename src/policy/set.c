/* Compiling policies into a set: reading, copying, and the index by action. Owns the set's arena and maps. */
#include "policy/set.h"

#include "base/memory.h"
#include "policy/index.h"

enum { SET_MAX_BYTES = 1 << 30 };

static bool has_wildcard(pl_str s) {
    return pl_str_find_char(s, '*') != PL_NOT_FOUND || pl_str_find_char(s, '?') != PL_NOT_FOUND;
}

static pl_index_bucket *bucket_of(pl_policy_set *set, pl_map *map, pl_str key) {
    pl_index_bucket *bucket = pl_map_get(map, key);
    if (bucket)
        return bucket;
    bucket = pl_new(&set->arena, pl_index_bucket, 1);
    return bucket && pl_map_put(map, key, bucket) ? bucket : NULL;
}

/* The entry of the statement in the bucket, made when it is not there yet. */
static pl_index_entry *entry_of(pl_policy_set *set, pl_index_bucket *bucket, uint32_t statement) {
    if (!bucket)
        return NULL;
    pl_index_list *list = &bucket->by_effect[set->statements[statement].source->effect];
    if (list->count && list->entries[list->count - 1].statement == statement)
        return &list->entries[list->count - 1];
    void *entries =
        pl_arena_grow(&set->arena, list->entries, list->count, &list->capacity, sizeof *list->entries);
    if (!entries)
        return NULL;
    list->entries = entries;
    list->entries[list->count] = (pl_index_entry){.statement = statement};
    return &list->entries[list->count++];
}

/* A pattern that decides whether the entry is about the request's action. */
static bool add_glob(pl_policy_set *set, pl_index_entry *entry, pl_str pattern) {
    if (!entry)
        return false;
    void *globs = pl_arena_grow(&set->arena, entry->globs, entry->glob_count, &entry->glob_capacity,
                                sizeof *entry->globs);
    if (!globs)
        return false;
    entry->globs = globs;
    entry->globs[entry->glob_count++] = pl_glob_of(pattern);
    return true;
}

static bool index_action(pl_policy_set *set, uint32_t statement, pl_str action) {
    size_t colon = pl_str_find_char(action, ':');
    pl_str service = pl_str_head(action, colon);
    if (has_wildcard(service))
        return add_glob(set, entry_of(set, &set->everywhere, statement), action);
    if (!has_wildcard(action))
        return entry_of(set, bucket_of(set, &set->exact, action), statement) != NULL;
    return add_glob(set, entry_of(set, bucket_of(set, &set->services, service), statement),
                    pl_str_skip(action, colon + 1));
}

static bool index_exception(pl_policy_set *set, uint32_t statement, pl_str action) {
    pl_index_entry *entry = entry_of(set, &set->everywhere, statement);
    if (!add_glob(set, entry, action))
        return false;
    entry->except = true;
    return true;
}

static bool index_statement(pl_policy_set *set, uint32_t statement) {
    const pl_policy_statement *source = set->statements[statement].source;
    for (size_t i = 0; i < source->actions.count; i++) {
        pl_str action = pl_fold(&set->arena, source->actions.items[i].text);
        if (!action.p)
            return false;
        if (source->not_action ? !index_exception(set, statement, action)
                               : !index_action(set, statement, action))
            return false;
    }
    return true;
}

static bool compile_resources(pl_policy_set *set, pl_compiled_statement *out) {
    const pl_policy_texts *texts = &out->source->resources;
    pl_resource_pattern *patterns = pl_new(&set->arena, pl_resource_pattern, texts->count);
    if (!patterns)
        return false;
    for (size_t i = 0; i < texts->count; i++) {
        pl_str folded = pl_fold(&set->arena, texts->items[i].text);
        if (!folded.p)
            return false;
        patterns[i] = (pl_resource_pattern){pl_glob_of(texts->items[i].text), pl_glob_of(folded)};
        out->any_resource |= pl_str_is(folded, "*");
    }
    out->resources = patterns;
    out->resource_count = texts->count;
    return true;
}

static bool asks_for_tag(pl_str key) {
    static const pl_str prefix = PL_STR_INIT("acs:ResourceTag/");
    return key.n > prefix.n && pl_str_eq_fold(pl_str_head(key, prefix.n), prefix);
}

static int compile_clauses(pl_policy_set *set, pl_compiled_statement *out, pl_error *error) {
    pl_clause *clauses = pl_new(&set->arena, pl_clause, out->source->clause_count);
    if (!clauses)
        return pl_fail(error, PL_E_ServiceUnavailable);
    out->clauses = clauses;
    out->clause_count = out->source->clause_count;
    for (size_t i = 0; i < out->clause_count; i++) {
        if (pl_clause_compile(&set->arena, &out->source->clauses[i], &clauses[i], error) != 0)
            return -1;
        set->reads_resource_tags |= asks_for_tag(clauses[i].key);
    }
    return 0;
}

static int add_statement(pl_policy_set *set, size_t policy, size_t statement, pl_error *error) {
    uint32_t index = (uint32_t)set->statement_count++;
    pl_compiled_statement *out = &set->statements[index];
    *out = (pl_compiled_statement){.source = &set->policies[policy]->statements[statement],
                                   .policy = (uint32_t)policy,
                                   .statement = (uint32_t)statement};
    if (!compile_resources(set, out) || !index_statement(set, index))
        return pl_fail(error, PL_E_ServiceUnavailable);
    return compile_clauses(set, out, error);
}

static int read_source(pl_policy_set *set, const pl_policy_source *source, pl_error *error) {
    size_t i = set->policy_count;
    pl_str text = pl_arena_copy(&set->arena, pl_str_or_empty(source->text));
    set->names[i] = pl_arena_copy(&set->arena, source->name);
    if (!text.p || (source->name.p && !set->names[i].p))
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (pl_policy_parse(&set->arena, source->kind, text, &set->policies[i], error) != 0)
        return -1;
    set->policy_count++;
    return 0;
}

static int add_statements(pl_policy_set *set, pl_error *error) {
    size_t total = 0;
    for (size_t i = 0; i < set->policy_count; i++)
        total += set->policies[i]->statement_count;
    if (total > PL_POLICY_SET_MAX_STATEMENTS)
        return pl_failf(error, PL_E_InvalidParameter, "%zu statements are more than %d", total,
                        PL_POLICY_SET_MAX_STATEMENTS);
    set->statements = pl_new(&set->arena, pl_compiled_statement, total);
    if (!set->statements)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < set->policy_count; i++)
        for (size_t j = 0; j < set->policies[i]->statement_count; j++)
            if (add_statement(set, i, j, error) != 0)
                return -1;
    return 0;
}

static int fill(pl_policy_set *set, const pl_policy_source *sources, size_t count, pl_error *error) {
    set->policies = pl_new(&set->arena, const pl_policy *, count);
    set->names = pl_new(&set->arena, pl_str, count);
    if (!set->policies || !set->names)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < count; i++)
        if (read_source(set, &sources[i], error) != 0)
            return -1;
    return add_statements(set, error);
}

static void destroy(pl_policy_set *set) {
    pl_map_free(&set->exact);
    pl_map_free(&set->services);
    pl_arena_free(&set->arena);
    pl_free(set);
}

int pl_policy_set_compile(const pl_policy_source *sources, size_t count, uint64_t seed, pl_policy_set **set,
                          size_t *bad, pl_error *error) {
    if (count > PL_POLICY_SET_MAX_POLICIES)
        return pl_failf(error, PL_E_InvalidParameter, "%zu policies are more than %d", count,
                        PL_POLICY_SET_MAX_POLICIES);
    pl_policy_set *made = pl_calloc(1, sizeof *made);
    if (!made)
        return pl_fail(error, PL_E_ServiceUnavailable);
    atomic_init(&made->references, 1);
    pl_arena_init(&made->arena, SET_MAX_BYTES);
    pl_map_init(&made->exact, seed);
    pl_map_init(&made->services, seed);
    if (fill(made, sources, count, error) != 0) {
        if (bad)
            *bad = made->policy_count;
        destroy(made);
        return -1;
    }
    *set = made;
    return 0;
}

pl_policy_set *pl_policy_set_retain(pl_policy_set *set) {
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void pl_policy_set_release(pl_policy_set *set) {
    if (set && atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) == 1)
        destroy(set);
}

size_t pl_policy_set_count(const pl_policy_set *set) {
    return set->policy_count;
}

pl_str pl_policy_set_name(const pl_policy_set *set, size_t policy) {
    return set->names[policy];
}

const pl_policy *pl_policy_set_policy(const pl_policy_set *set, size_t policy) {
    return set->policies[policy];
}

bool pl_policy_set_reads_resource_tags(const pl_policy_set *set) {
    return set && set->reads_resource_tags;
}

size_t pl_policy_set_memory(const pl_policy_set *set) {
    return sizeof *set + set->arena.total +
           (set->exact.capacity + set->services.capacity) * sizeof(pl_map_slot);
}
