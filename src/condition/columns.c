/* Columns of a program: which slots anything but the walk looks at, and what they are called. */
#include "condition/columns.h"

#include "base/digest.h"
#include "condition/program_internal.h"

#include <stdlib.h>

enum { PATH_BYTES = 1 << 20 };

typedef struct listing {
    pl_program *program;
    bool *wanted; /* by slot */
    pl_buf path;
    bool failed;
} listing;

bool pl_column_name(pl_str text, unsigned char name[static PL_COLUMN_NAME]) {
    unsigned char digest[PL_SHA256_SIZE];
    if (pl_sha256(text, digest) != 0)
        return false;
    memcpy(name, digest, PL_COLUMN_NAME);
    return true;
}

/* A path may look back at the root from a filter; a '$' in a text of the path is taken for one, too. */
static bool refers_to_root(const pl_path *path) {
    return pl_str_find(pl_str_skip(pl_path_text(path), 1), PL_STR("$")) != PL_NOT_FOUND;
}

static void want(listing *l, const pl_path *path, uint32_t slot, bool plain) {
    pl_program *p = l->program;
    if (slot == p->configuration.root->slot || (!plain && refers_to_root(path)))
        p->reads_whole = true;
    else
        l->wanted[slot] = true;
}

static void want_all(listing *l) {
    pl_program *p = l->program;
    for (size_t i = 0; i < p->feature_count; i++) {
        const program_feature *f = &p->features[i];
        if (f->source != SOURCE_CONFIGURATION)
            continue;
        if (f->any_count == 0)
            want(l, f->path, f->slot, f->plain);
        for (size_t n = 0; n < f->any_count; n++)
            l->wanted[f->any_slots[n]] = true;
    }
    for (size_t i = 0; i < p->derived_count; i++)
        if (p->derived[i].source == SOURCE_FIELD)
            want(l, p->derived[i].field, p->derived[i].slot, false);
}

static void add_column(listing *l, const trie_node *node) {
    pl_program *p = l->program;
    pl_column *column = &p->columns[p->column_count];
    if (!l->wanted[node->slot])
        return;
    l->failed = l->failed || l->path.failed || !pl_column_name(pl_buf_str(&l->path), column->name);
    column->slot = node->slot;
    p->column_count++;
}

/* Each node's path in one spelling: members as JSON texts, elements as numbers. */
static void visit(listing *l, const trie_node *node) {
    size_t end = l->path.n;
    add_column(l, node);
    for (size_t i = 0; node->names && i < (size_t)1 << (64 - node->shift); i++) {
        if (!node->table[i].child)
            continue;
        pl_buf_add_char(&l->path, '.');
        pl_json_write_string(&l->path, node->table[i].name);
        visit(l, node->table[i].child);
        l->path.n = end;
    }
    for (size_t i = 0; i < node->index_count; i++) {
        pl_buf_printf(&l->path, ".%lld", (long long)node->indices[i].index);
        visit(l, node->indices[i].child);
        l->path.n = end;
    }
}

static int by_name(const void *a, const void *b) {
    return memcmp(((const pl_column *)a)->name, ((const pl_column *)b)->name, PL_COLUMN_NAME);
}

/* --- The columns of each rule ----------------------------------------------------------------------------
 */

static void mark_feature(listing *l, size_t number) {
    const program_feature *f = &l->program->features[number];
    if (f->source == SOURCE_FIELD)
        l->wanted[l->program->derived[f->derived].slot] = true;
    if (f->source != SOURCE_CONFIGURATION)
        return;
    if (f->any_count == 0)
        l->wanted[f->slot] = true;
    for (size_t i = 0; i < f->any_count; i++)
        l->wanted[f->any_slots[i]] = true;
}

static void mark_branch(listing *l, const branch *b) {
    if (!b->children) {
        mark_feature(l, l->program->clauses[b->clause].feature);
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        mark_branch(l, &b->children[i]);
}

static bool list_rule(listing *l, program_rule *rule) {
    pl_program *p = l->program;
    memset(l->wanted, 0, p->configuration.slots * sizeof *l->wanted);
    if (rule->condition.children)
        mark_branch(l, &rule->condition);
    if (rule->applies.children)
        mark_branch(l, &rule->applies);
    if (rule->sufficient.children)
        mark_branch(l, &rule->sufficient);
    for (size_t i = 0; i < rule->required_count; i++)
        mark_feature(l, rule->required[i]);
    for (size_t i = 0; i < p->column_count; i++)
        rule->column_count += l->wanted[p->columns[i].slot];
    rule->columns = pl_new(&p->arena, uint32_t, rule->column_count + 1);
    for (size_t i = 0, n = 0; rule->columns && i < p->column_count; i++)
        if (l->wanted[p->columns[i].slot])
            rule->columns[n++] = (uint32_t)i;
    return rule->columns != NULL;
}

size_t pl_program_rule_columns(const pl_program *program, size_t rule, const uint32_t **columns) {
    *columns = program->rules[rule].columns;
    return program->rules[rule].column_count;
}

void pl_program_forgo_columns(pl_program *program) {
    program->forgoes_columns = true;
}

bool columns_seal(pl_program *program) {
    listing l = {.program = program};
    if (!program->configuration.root || program->forgoes_columns)
        return true;
    l.wanted = pl_new(&program->arena, bool, program->configuration.slots);
    program->columns = pl_new(&program->arena, pl_column, program->configuration.slots);
    if (!l.wanted || !program->columns)
        return false;
    want_all(&l);
    pl_buf_init(&l.path, PATH_BYTES);
    pl_buf_add_char(&l.path, '$');
    visit(&l, program->configuration.root);
    pl_buf_free(&l.path);
    qsort(program->columns, program->column_count, sizeof *program->columns, by_name);
    for (size_t i = 0; i < program->rule_count && !l.failed; i++)
        l.failed = !list_rule(&l, &program->rules[i]);
    return !l.failed;
}

size_t pl_program_columns(const pl_program *program, const pl_column **columns) {
    *columns = program->columns;
    return program->column_count;
}

bool pl_program_reads_whole(const pl_program *program) {
    return program->reads_whole;
}

void pl_program_locate(pl_program_state *state, pl_json configuration, uint32_t *places) {
    const pl_program *p = state->program;
    memset(state->slots, 0, p->configuration.slots * sizeof *state->slots);
    if (pl_json_exists(configuration))
        trie_walk(&p->configuration, configuration, state->slots, state->shapes);
    for (size_t i = 0; i < p->column_count; i++)
        places[i] = state->slots[p->columns[i].slot];
}

void columns_take(pl_program_state *state) {
    const pl_program *p = state->program;
    const uint32_t *places = state->input->places;
    for (size_t i = 0; i < p->column_count; i++)
        state->slots[p->columns[i].slot] = places[i];
}
