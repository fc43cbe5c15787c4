/*
 * Opening the catalogue, loading its shelves at their first use, and finding things on them. Owns the memory
 * of everything that the room hands out.
 */
#include "catalogue/internal.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { MEMORY_LIMIT = 256 << 20 };

static const struct {
    const char *folder;
    catalogue_read read;
    size_t key_offset;
} shelves[CATALOGUE_SHELVES] = {
    [CATALOGUE_RULES] = {"rules/", catalogue_read_rule, offsetof(catalogue_rule, identifier)},
    [CATALOGUE_PACKS] = {"packs/", catalogue_read_template, offsetof(catalogue_template, template_id)},
    [CATALOGUE_TYPES] = {"types/", catalogue_read_type, offsetof(catalogue_type, name)},
    [CATALOGUE_TERRAFORM] = {"terraform/", NULL, 0},
    [CATALOGUE_ORCHESTRATION] = {"orchestration/", NULL, 0},
    [CATALOGUE_REMEDIATIONS] = {"remediations/", catalogue_read_remediation,
                                offsetof(catalogue_remediation, identifier)},
};

static int by_entry_name(const void *a, const void *b) {
    return pl_str_cmp(((const catalogue_entry *)a)->name, ((const catalogue_entry *)b)->name);
}

static int sort_entries(catalogue_shelf *shelf, pl_error *error) {
    if (shelf->count > 1)
        qsort(shelf->entries, shelf->count, sizeof *shelf->entries, by_entry_name);
    for (size_t i = 1; i < shelf->count; i++)
        if (pl_str_eq(shelf->entries[i - 1].name, shelf->entries[i].name))
            return pl_failf(error, PL_E_InvalidParameter, "%.*s.json: there is a file of this name already",
                            PL_FMT(shelf->entries[i].name));
    return 0;
}

static size_t largest_text(const catalogue_shelf *shelf) {
    size_t largest = 0;
    for (size_t i = 0; i < shelf->count; i++)
        if (shelf->entries[i].text.n > largest)
            largest = shelf->entries[i].text.n;
    return largest;
}

static int not_json(catalogue_reader *reader, pl_error *error) {
    char reason[64];
    pl_str before = pl_str_head(reader->entry->text, error->position), line;
    size_t lines = 1;
    if (pl_error_is(error, PL_E_ServiceUnavailable))
        return -1;
    while (pl_str_split(&before, '\n', &line) && before.p)
        lines++;
    snprintf(reason, sizeof reason, "is not JSON (line %zu, byte %zu)", lines, error->position);
    return catalogue_wrong(reader, "$", reason);
}

/* Puts an entry's object on the shelf. */
static int read_entry(catalogue *c, catalogue_shelf *shelf, size_t i, pl_json_parser *parser,
                      pl_error *error) {
    catalogue_reader reader = {&c->arena, &shelf->entries[i], error};
    pl_json root;
    void *object;
    if (pl_json_parse_padded(parser, shelf->entries[i].text, &root, error) != 0)
        return not_json(&reader, error);
    if (shelf->read(&reader, root, &object) != 0)
        return -1;
    const catalogue_rule *rule = object;
    if (shelf->read == catalogue_read_rule && rule->own && catalogue_check_rule(&reader, rule, root) != 0)
        return -1;
    shelf->objects[i] = object;
    return 0;
}

/* qsort has no context, so the key is found through the shelf's constant offsets. */
#define BY_KEY(name, type, member)                                                                           \
    static int name(const void *a, const void *b) {                                                          \
        return pl_str_cmp((*(type *const *)a)->member, (*(type *const *)b)->member);                         \
    }
BY_KEY(by_identifier, catalogue_rule, identifier)
BY_KEY(by_template_id, catalogue_template, template_id)
BY_KEY(by_type_name, catalogue_type, name)
BY_KEY(by_remediation, catalogue_remediation, identifier)

static void sort_objects(catalogue_shelf *shelf) {
    int (*order)(const void *, const void *) = shelf->read == catalogue_read_rule          ? by_identifier
                                               : shelf->read == catalogue_read_template    ? by_template_id
                                               : shelf->read == catalogue_read_remediation ? by_remediation
                                                                                           : by_type_name;
    if (shelf->count > 1)
        qsort(shelf->objects, shelf->count, sizeof *shelf->objects, order);
}

static int index_types(catalogue *c, const catalogue_shelf *shelf, pl_error *error);

/* The places of a shelf's objects, none of which need be there. */
static bool open_shelf(catalogue *c, catalogue_shelf *shelf) {
    if (!shelf->objects)
        shelf->objects = pl_new(&c->arena, void *, shelf->count + 1);
    return shelf->objects != NULL;
}

static int load_shelf(catalogue *c, catalogue_shelf *shelf, pl_error *error) {
    pl_json_parser *parser = pl_json_parser_new(largest_text(shelf) + PL_JSON_PADDING);
    if (!parser || !open_shelf(c, shelf)) {
        pl_json_parser_free(parser);
        return catalogue_no_memory(error);
    }
    int result = 0;
    for (size_t i = 0; i < shelf->count && result == 0; i++)
        if (!shelf->objects[i])
            result = read_entry(c, shelf, i, parser, error);
    pl_json_parser_free(parser);
    if (result != 0)
        return -1;
    sort_objects(shelf);
    return shelf->read == catalogue_read_type ? index_types(c, shelf, error) : 0;
}

/* Reads the objects of a shelf when they are first used. */
static int need_shelf(catalogue *c, int number, pl_error *error) {
    catalogue_shelf *shelf = &c->shelves[number];
    if (atomic_load_explicit(&shelf->ready, memory_order_acquire))
        return 0;
    pthread_mutex_lock(&c->lock);
    int result = 0;
    if (!atomic_load_explicit(&shelf->ready, memory_order_relaxed)) {
        result = load_shelf(c, shelf, error);
        if (result == 0)
            atomic_store_explicit(&shelf->ready, true, memory_order_release);
    }
    pthread_mutex_unlock(&c->lock);
    return result;
}

static catalogue *new_catalogue(pl_error *error) {
    catalogue *c = pl_calloc(1, sizeof *c);
    if (!c) {
        catalogue_no_memory(error);
        return NULL;
    }
    pl_arena_init(&c->arena, MEMORY_LIMIT);
    pl_map_init(&c->types, 0);
    pthread_mutex_init(&c->lock, NULL);
    for (int i = 0; i < CATALOGUE_SHELVES; i++) {
        c->shelves[i].folder = pl_str_from(shelves[i].folder);
        c->shelves[i].read = shelves[i].read;
    }
    return c;
}

/* Sorts the shelves; files of the user are read at once, so that a wrong one is told now. */
static int finish(catalogue *c, bool own_rules, pl_error *error) {
    for (int i = 0; i < CATALOGUE_SHELVES; i++)
        if (sort_entries(&c->shelves[i], error) != 0)
            return -1;
    if (!own_rules)
        return 0;
    return need_shelf(c, CATALOGUE_RULES, error) == 0 ? need_shelf(c, CATALOGUE_PACKS, error) : -1;
}

static int hand_over(catalogue **out, catalogue *c, int result) {
    *out = result == 0 ? c : NULL;
    if (result != 0)
        catalogue_close(c);
    return result;
}

int catalogue_open(catalogue **out, const char *extra_directory, pl_error *error) {
    catalogue *c = *out = new_catalogue(error);
    if (!c)
        return -1;
    int result = catalogue_index_pack(c, true, error);
    if (result == 0 && extra_directory)
        result = catalogue_index_directory(c, extra_directory, error);
    if (result == 0)
        result = finish(c, extra_directory != NULL, error);
    return hand_over(out, c, result);
}

int catalogue_open_files(catalogue **out, const char *const *files, size_t count, pl_error *error) {
    catalogue *c = *out = new_catalogue(error);
    if (!c)
        return -1;
    int result = catalogue_index_pack(c, false, error);
    for (size_t i = 0; i < count && result == 0; i++)
        result = catalogue_index_file(c, files[i], error);
    if (result == 0)
        result = finish(c, true, error);
    return hand_over(out, c, result);
}

void catalogue_close(catalogue *c) {
    if (!c)
        return;
    pl_map_free(&c->types);
    pl_arena_free(&c->arena);
    pthread_mutex_destroy(&c->lock);
    pl_free(c);
}

/* The room's own view of a catalogue: readers share it as const, loading happens under its lock. */
static catalogue *inside(const catalogue *c) {
    return (catalogue *)(uintptr_t)c;
}

static void *object_at(const catalogue *c, int number, size_t index, pl_error *error) {
    *error = (pl_error){0};
    if (need_shelf(inside(c), number, error) != 0 || index >= c->shelves[number].count)
        return NULL;
    return c->shelves[number].objects[index];
}

static void *find_object(const catalogue *c, int number, pl_str key, pl_error *error) {
    *error = (pl_error){0};
    if (need_shelf(inside(c), number, error) != 0)
        return NULL;
    const catalogue_shelf *shelf = &c->shelves[number];
    for (size_t low = 0, high = shelf->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        const pl_str *name =
            (const pl_str *)((const char *)shelf->objects[middle] + shelves[number].key_offset);
        int order = pl_str_cmp(key, *name);
        if (order == 0)
            return shelf->objects[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

size_t catalogue_rule_count(const catalogue *c) {
    return c->shelves[CATALOGUE_RULES].count;
}

const catalogue_rule *catalogue_rule_at(const catalogue *c, size_t index, pl_error *error) {
    return object_at(c, CATALOGUE_RULES, index, error);
}

static const catalogue_entry *find_entry(const catalogue_shelf *shelf, pl_str name) {
    catalogue_entry wanted = {.name = name};
    return shelf->count ? bsearch(&wanted, shelf->entries, shelf->count, sizeof wanted, by_entry_name) : NULL;
}

/* Reads the rule of one entry, if it is not there; under the lock. */
static const catalogue_rule *load_rule(catalogue *c, size_t at, pl_error *error) {
    catalogue_shelf *shelf = &c->shelves[CATALOGUE_RULES];
    if (open_shelf(c, shelf) && shelf->objects[at])
        return shelf->objects[at];
    pl_json_parser *parser = pl_json_parser_new(shelf->entries[at].text.n + PL_JSON_PADDING);
    int result =
        parser && shelf->objects ? read_entry(c, shelf, at, parser, error) : catalogue_no_memory(error);
    pl_json_parser_free(parser);
    return result == 0 ? shelf->objects[at] : NULL;
}

/* A rule's identifier is its entry's name: one that is asked for does not need the others. */
const catalogue_rule *catalogue_find_rule(const catalogue *c, pl_str identifier, pl_error *error) {
    *error = (pl_error){0};
    const catalogue_shelf *shelf = &c->shelves[CATALOGUE_RULES];
    const catalogue_entry *entry = find_entry(shelf, identifier);
    if (!entry)
        return NULL;
    size_t at = (size_t)(entry - shelf->entries);
    if (atomic_load_explicit(&shelf->ready, memory_order_acquire))
        return shelf->objects[at];
    pthread_mutex_lock(&inside(c)->lock);
    const catalogue_rule *rule = load_rule(inside(c), at, error);
    pthread_mutex_unlock(&inside(c)->lock);
    return rule;
}

size_t catalogue_template_count(const catalogue *c) {
    return c->shelves[CATALOGUE_PACKS].count;
}

const catalogue_template *catalogue_template_at(const catalogue *c, size_t index, pl_error *error) {
    return object_at(c, CATALOGUE_PACKS, index, error);
}

const catalogue_template *catalogue_find_template(const catalogue *c, pl_str template_id, pl_error *error) {
    return find_object(c, CATALOGUE_PACKS, template_id, error);
}

size_t catalogue_remediation_count(const catalogue *c) {
    return c->shelves[CATALOGUE_REMEDIATIONS].count;
}

const catalogue_remediation *catalogue_remediation_at(const catalogue *c, size_t index, pl_error *error) {
    return object_at(c, CATALOGUE_REMEDIATIONS, index, error);
}

const catalogue_remediation *catalogue_find_remediation(const catalogue *c, pl_str identifier,
                                                        pl_error *error) {
    return find_object(c, CATALOGUE_REMEDIATIONS, identifier, error);
}

static pl_str lower_case(pl_arena *arena, pl_str s) {
    pl_str copy = pl_arena_copy(arena, s);
    char *bytes = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; i < copy.n; i++)
        if (bytes[i] >= 'A' && bytes[i] <= 'Z')
            bytes[i] = (char)(bytes[i] + 'a' - 'A');
    return copy;
}

static bool put_type(catalogue *c, pl_str name, catalogue_type *type) {
    pl_str folded = lower_case(&c->arena, name);
    return folded.p && pl_map_put(&c->types, folded, type);
}

static int index_types(catalogue *c, const catalogue_shelf *shelf, pl_error *error) {
    bool stored = true;
    for (size_t i = 0; i < shelf->count; i++) {
        catalogue_type *type = shelf->objects[i];
        for (size_t k = 0; k < type->aliases.count; k++)
            stored = stored && put_type(c, type->aliases.items[k], type);
    }
    for (size_t i = 0; i < shelf->count; i++)
        stored = stored && put_type(c, ((catalogue_type *)shelf->objects[i])->name, shelf->objects[i]);
    return stored ? 0 : catalogue_no_memory(error);
}

size_t catalogue_type_count(const catalogue *c) {
    return c->shelves[CATALOGUE_TYPES].count;
}

const catalogue_type *catalogue_type_at(const catalogue *c, size_t index, pl_error *error) {
    return object_at(c, CATALOGUE_TYPES, index, error);
}

const catalogue_type *catalogue_find_type(const catalogue *c, pl_str name, pl_error *error) {
    *error = (pl_error){0};
    if (need_shelf(inside(c), CATALOGUE_TYPES, error) != 0 || name.n > 256)
        return NULL;
    char folded[256];
    for (size_t i = 0; i < name.n; i++)
        folded[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 'a' - 'A' : name.p[i]);
    return pl_map_get(&c->types, pl_str_of(folded, name.n));
}

pl_str catalogue_type_name(const catalogue *c, pl_str name) {
    pl_error ignored;
    const catalogue_type *type = catalogue_find_type(c, name, &ignored);
    return type ? type->name : name;
}

int catalogue_spell_type(const catalogue *c, pl_str *name, pl_error *error) {
    const catalogue_type *type = catalogue_find_type(c, *name, error);
    if (type)
        *name = type->name;
    return type || !error->code[0] ? 0 : -1;
}

pl_str catalogue_rule_text(const catalogue *c, pl_str identifier) {
    const catalogue_entry *entry = find_entry(&c->shelves[CATALOGUE_RULES], identifier);
    return entry ? entry->text : PL_STR_NONE;
}

static pl_json entry_json(const catalogue_shelf *shelf, pl_arena *arena, pl_str name, pl_error *error) {
    *error = (pl_error){0};
    const catalogue_entry *entry = find_entry(shelf, name);
    pl_json root = PL_JSON_NONE;
    if (entry && pl_json_parse_in(arena, entry->text, &root, error) != 0)
        return PL_JSON_NONE;
    return root;
}

/* "ACS::ECS::Instance" lies in the file ACS.ECS.Instance.json. */
static pl_json typed_json(const catalogue_shelf *shelf, pl_arena *arena, pl_str type, pl_error *error) {
    pl_buf name;
    pl_buf_init(&name, 512);
    for (size_t i = 0; i < type.n; i++) {
        bool colons = type.p[i] == ':' && i + 1 < type.n && type.p[i + 1] == ':';
        pl_buf_add_char(&name, colons ? '.' : type.p[i]);
        i += colons;
    }
    pl_json root = PL_JSON_NONE;
    if (name.failed)
        pl_fail(error, PL_E_ServiceUnavailable);
    else
        root = entry_json(shelf, arena, pl_buf_str(&name), error);
    pl_buf_free(&name);
    return root;
}

static pl_json type_json(const catalogue *c, pl_arena *arena, const catalogue_type *type, pl_error *error) {
    return typed_json(&c->shelves[CATALOGUE_TYPES], arena, type->name, error);
}

pl_json catalogue_type_properties(const catalogue *c, pl_arena *arena, const catalogue_type *type,
                                  pl_error *error) {
    return pl_json_get(type_json(c, arena, type, error), PL_STR("properties"));
}

pl_json catalogue_type_sample(const catalogue *c, pl_arena *arena, const catalogue_type *type,
                              pl_error *error) {
    return pl_json_get(type_json(c, arena, type, error), PL_STR("sample"));
}

pl_json catalogue_terraform(const catalogue *c, pl_arena *arena, pl_str terraform_type, pl_error *error) {
    return entry_json(&c->shelves[CATALOGUE_TERRAFORM], arena, terraform_type, error);
}

pl_json catalogue_orchestration(const catalogue *c, pl_arena *arena, pl_str type, pl_error *error) {
    return typed_json(&c->shelves[CATALOGUE_ORCHESTRATION], arena, type, error);
}
