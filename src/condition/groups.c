/*
 * Groups of clauses: all that look at one value of the configuration, or at something within it. Their cells
 * lie side by side, so that what is known of a value (memo.h) is put down in one go.
 */
#include "condition/program_internal.h"

enum { WORD = 8 };

typedef struct numbering {
    pl_program *program;
    uint32_t *counts; /* cells, by group; the last is for cells without a group */
    bool *required;   /* slots whose presence a rule asks for */
} numbering;

static void see(pl_program *p, uint32_t slot, operator_sight sight) {
    if (p->sights[slot] < sight)
        p->sights[slot] = (unsigned char)sight;
}

/* What clauses see of the values in slots. */
static void see_all(pl_program *p) {
    for (size_t i = 0; i < p->clause_count; i++) {
        const program_feature *f = &p->features[p->clauses[i].feature];
        if (f->source == SOURCE_FIELD)
            see(p, p->derived[f->derived].slot, SEES_ALL);
        else if (f->source == SOURCE_CONFIGURATION && f->any_count == 0)
            see(p, f->slot, f->plain ? operator_sight_of(p->clauses[i].clause->op) : SEES_ALL);
        for (size_t name = 0; name < f->any_count; name++)
            see(p, f->any_slots[name], SEES_ALL);
    }
}

/* Elements of an array are told apart by what stands before them, which only the first has to itself. */
static bool is_first_only(const trie_node *node) {
    return node->index_count == 0 || (node->index_count == 1 && node->indices[0].index == 0);
}

/* `inside`: within an array of which the size is seen. A value is part of two groups at most. */
static void visit(pl_program *p, const trie_node *node, uint32_t group, bool inside) {
    if (!is_first_only(node) || (inside && node->index_count) || group != NO_GROUP)
        see(p, node->slot, SEES_LISTS);
    if (group == NO_GROUP && !trie_is_walked(node)) {
        group = (uint32_t)p->group_count;
        p->groups[p->group_count++] = (program_group){.node = node};
    }
    p->group_of[node->slot] = group;
    for (size_t i = 0; node->names && i < (size_t)1 << (64 - node->shift); i++)
        if (node->table[i].child)
            visit(p, node->table[i].child, group, inside);
    bool apart = node->index_count && p->sights[node->slot] == SEES_SIZE;
    for (size_t i = 0; i < node->index_count; i++)
        visit(p, node->indices[i].child, apart ? NO_GROUP : group, inside || apart);
}

static uint32_t group_of_names(const pl_program *p, const program_feature *f) {
    uint32_t group = p->group_of[f->any_slots[0]];
    for (size_t i = 1; i < f->any_count; i++)
        if (p->group_of[f->any_slots[i]] != group)
            return NO_GROUP;
    return group;
}

static uint32_t group_of_clause(const pl_program *p, const program_clause *one) {
    const program_feature *f = &p->features[one->feature];
    if (f->source == SOURCE_FIELD)
        return p->group_of[p->derived[f->derived].slot];
    if (f->source != SOURCE_CONFIGURATION)
        return NO_GROUP;
    return f->any_count ? group_of_names(p, f) : p->group_of[f->slot];
}

static void mark_required(numbering *n) {
    const pl_program *p = n->program;
    for (size_t i = 0; i < p->rule_count; i++) {
        for (size_t k = 0; k < p->rules[i].required_count; k++) {
            const program_feature *f = &p->features[p->rules[i].required[k]];
            if (f->source == SOURCE_CONFIGURATION && f->any_count == 0)
                n->required[f->slot] = true;
            for (size_t name = 0; name < f->any_count; name++)
                n->required[f->any_slots[name]] = true;
        }
    }
}

static uint32_t *count_of(numbering *n, uint32_t group) {
    return &n->counts[group == NO_GROUP ? n->program->group_count : group];
}

static void count_cells(numbering *n) {
    pl_program *p = n->program;
    for (size_t i = 0; i < p->clause_count; i++) {
        uint32_t group = group_of_clause(p, &p->clauses[i]);
        ++*count_of(n, group);
        if (group != NO_GROUP)
            p->groups[group].timed |= operator_is_timed(p->clauses[i].clause->op);
    }
    for (uint32_t slot = 0; slot < p->configuration.slots; slot++)
        *count_of(n, p->group_of[slot]) += n->required[slot];
}

/* Turns the counts into the numbers of the next free cells. */
static void place_groups(numbering *n) {
    pl_program *p = n->program;
    uint32_t next = 0;
    for (size_t i = 0; i < p->group_count; i++) {
        uint32_t width = (n->counts[i] + WORD - 1) / WORD * WORD;
        p->groups[i].cell = n->counts[i] = next;
        p->groups[i].width = width;
        next += width;
    }
    p->cell_count = next + n->counts[p->group_count];
    n->counts[p->group_count] = next;
}

static void number_cells(numbering *n) {
    pl_program *p = n->program;
    for (size_t i = 0; i < p->clause_count; i++) {
        p->clauses[i].group = group_of_clause(p, &p->clauses[i]);
        p->clauses[i].cell = (*count_of(n, p->clauses[i].group))++;
    }
    for (uint32_t slot = 0; slot < p->configuration.slots; slot++)
        p->presence[slot] = n->required[slot] ? (*count_of(n, p->group_of[slot]))++ : NO_CELL;
}

bool groups_seal(pl_program *p) {
    size_t slots = p->configuration.slots;
    p->groups = pl_new(&p->arena, program_group, slots + 1);
    p->group_of = pl_new(&p->arena, uint32_t, slots + 1);
    p->presence = pl_new(&p->arena, uint32_t, slots + 1);
    p->sights = pl_new(&p->arena, unsigned char, slots + 1);
    numbering n = {p, pl_new(&p->arena, uint32_t, slots + 1), pl_new(&p->arena, bool, slots + 1)};
    if (!p->groups || !p->group_of || !p->presence || !p->sights || !n.counts || !n.required)
        return false;
    see_all(p);
    if (p->configuration.root)
        visit(p, p->configuration.root, NO_GROUP, false);
    mark_required(&n);
    count_cells(&n);
    place_groups(&n);
    number_cells(&n);
    return true;
}
