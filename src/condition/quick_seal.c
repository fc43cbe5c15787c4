/* Finding out which clauses and rules can be decided the quick way (quick_internal.h). */
#include "condition/quick_internal.h"

#include <stdlib.h>

typedef struct builder {
    pl_program *program;
    pl_arena *arena;
    bool *decided; /* clauses that the quick pass decides, or that are known from the start */
    size_t clause_capacity, pair_capacity, cell_capacity, yes_cell;
    bool failed;
} builder;

static uint32_t new_cell(builder *b, truth initial) {
    pl_program *p = b->program;
    unsigned char *larger = pl_arena_grow(b->arena, p->cells, p->cell_count, &b->cell_capacity, 1);
    b->failed = b->failed || !larger;
    if (!larger)
        return 0;
    p->cells = larger;
    p->cells[p->cell_count] = (unsigned char)initial;
    return (uint32_t)p->cell_count++;
}

static quick_clause *new_clause(builder *b) {
    pl_program *p = b->program;
    quick_clause *larger =
        pl_arena_grow(b->arena, p->quick_clauses, p->quick_clause_count, &b->clause_capacity, sizeof *larger);
    b->failed = b->failed || !larger;
    if (!larger)
        return NULL;
    p->quick_clauses = larger;
    return &p->quick_clauses[p->quick_clause_count++];
}

static void fill_texts(builder *b, const desired *d, quick_clause *out) {
    bool listed = out->kind == QUICK_IN || (out->kind == QUICK_SHARES && d->list);
    size_t count = listed ? d->count : 1;
    quick_text *texts = pl_new(b->arena, quick_text, count + 1);
    out->texts = texts;
    out->text_count = count;
    b->failed = b->failed || !texts;
    for (size_t i = 0; i < count && !b->failed; i++) {
        pl_str text = listed ? d->list[i] : d->text;
        texts[i].n = (uint32_t)text.n;
        b->failed = !word_text_make(b->arena, text, &texts[i].words);
    }
}

/* The answers for values that are the same in every document. */
static void fill_answers(const clause *one, quick_clause *out) {
    static const uint64_t tape[] = {(uint64_t)'r' << 56, (uint64_t)'n' << 56, (uint64_t)'t' << 56,
                                    (uint64_t)'f' << 56};
    static const uint8_t strings[PL_JSON_STRING_PADDING] = {0};
    pl_buf text;
    pl_arena scratch;
    pl_error error;
    environment env = {.text = &text, .scratch = &scratch, .error = &error};
    pl_buf_init(&text, 64);
    pl_arena_init(&scratch, (size_t)1 << 20);
    out->answers[CLASS_OTHER] = UNKNOWN;
    for (uint32_t i = CLASS_MISSING; i < CLASSES; i++) {
        feature value = feature_of(i == CLASS_MISSING ? PL_JSON_NONE : (pl_json){tape, strings, i - 1});
        truth t = operator_apply(one->op, &one->desired, &value, &env);
        out->answers[i] = t == FAILED ? UNKNOWN : (uint8_t)t;
    }
    pl_buf_free(&text);
    pl_arena_free(&scratch);
}

static bool is_plain(const pl_program *program, size_t number) {
    const program_feature *f = &program->features[number];
    return f->plain && f->source == SOURCE_CONFIGURATION;
}

static void add_clause(builder *b, size_t number) {
    const program_clause *from = &b->program->clauses[number];
    const clause *one = from->clause;
    unsigned orders = 0;
    quick_kind kind = operator_quick(one->op, &one->desired, &orders);
    quick_clause *to = kind != QUICK_NONE ? new_clause(b) : NULL;
    if (!to)
        return;
    *to = (quick_clause){.kind = one->desired.unreadable ? QUICK_TEST : kind,
                         .orders = (uint8_t)orders,
                         .negated = pl_operator_rows[one->op].negated,
                         .slot = b->program->features[from->feature].slot,
                         .cell = from->cell,
                         .error = (uint32_t)number,
                         .number = one->desired.integer,
                         .clause = one};
    b->decided[number] = true;
    fill_answers(one, to);
    if (to->kind == QUICK_EQUALS || to->kind == QUICK_IN || to->kind == QUICK_SHARES)
        fill_texts(b, &one->desired, to);
}

/* Parameters do not change while a rule lives: their clauses are decided now. */
static void decide_parameter(builder *b, size_t number) {
    const program_clause *from = &b->program->clauses[number];
    pl_buf text;
    pl_arena scratch;
    pl_error error;
    environment env = {.text = &text, .scratch = &scratch, .error = &error};
    if (operator_is_timed(from->clause->op))
        return;
    pl_buf_init(&text, (size_t)1 << 24);
    pl_arena_init(&scratch, (size_t)1 << 24);
    truth t = operator_apply(from->clause->op, &from->clause->desired,
                             &b->program->features[from->feature].fixed, &env);
    if (t != FAILED)
        b->program->cells[from->cell] = (unsigned char)t;
    b->decided[number] = t != FAILED;
    pl_buf_free(&text);
    pl_arena_free(&scratch);
}

/* A cell that is YES when there is a value other than null in the slot. */
static void add_presence(builder *b, uint32_t slot) {
    uint32_t cell = b->program->presence[slot];
    quick_clause *to = cell != NO_CELL ? new_clause(b) : NULL;
    if (to)
        *to = (quick_clause){
            .kind = QUICK_NONE, .answers = {YES, NO, NO, YES, YES}, .slot = slot, .cell = cell};
}

static void add_cells(builder *b) {
    pl_program *p = b->program;
    size_t count = p->cell_count;
    b->decided = pl_new(b->arena, bool, p->clause_count + 1);
    b->failed = !b->decided;
    for (p->cell_count = 0; p->cell_count < count && !b->failed;)
        new_cell(b, UNKNOWN);
}

static void add_clauses(builder *b) {
    pl_program *p = b->program;
    for (size_t i = 0; i < p->clause_count && !b->failed; i++) {
        if (p->features[p->clauses[i].feature].source == SOURCE_PARAMETER)
            decide_parameter(b, i);
        else if (is_plain(p, p->clauses[i].feature))
            add_clause(b, i);
    }
    for (uint32_t slot = 0; slot < p->configuration.slots && !b->failed; slot++)
        add_presence(b, slot);
}

/* True when every clause of the tree is decided by the quick pass, or may be known from its value's text. */
static bool is_quick(const builder *b, const branch *from) {
    if (!from->children)
        return b->decided[from->clause] || b->program->clauses[from->clause].group != NO_GROUP;
    for (size_t i = 0; i < from->count; i++)
        if (!is_quick(b, &from->children[i]))
            return false;
    return true;
}

/* The cell of two cells. */
static uint32_t add_pair(builder *b, uint32_t one, uint32_t other, bool any) {
    pl_program *p = b->program;
    quick_pair *larger =
        pl_arena_grow(b->arena, p->quick_pairs, p->quick_pair_count, &b->pair_capacity, sizeof *larger);
    uint32_t cell = new_cell(b, UNKNOWN);
    b->failed = b->failed || !larger;
    if (b->failed)
        return 0;
    p->quick_pairs = larger;
    p->quick_pairs[p->quick_pair_count++] =
        (quick_pair){one, other, cell, ERROR_BIT | PENDING_BIT | (any ? YES : NO)};
    return cell;
}

static uint32_t add_branch(builder *b, const branch *from);

/* The cell of the first `count` parts of a group. */
static uint32_t add_children(builder *b, const branch *from, size_t count) {
    uint32_t cell = add_branch(b, &from->children[0]);
    for (size_t i = 1; i < count && !b->failed; i++)
        cell = add_pair(b, cell, add_branch(b, &from->children[i]), from->any);
    return cell;
}

/* The cell of a tree; what is inside comes before what is outside. */
static uint32_t add_branch(builder *b, const branch *from) {
    if (!from->children)
        return b->program->clauses[from->clause].cell;
    return from->count ? add_children(b, from, from->count) : new_cell(b, from->any ? NO : YES);
}

/* One of the names of a union suffices. */
static uint32_t add_required_place(builder *b, const program_feature *f) {
    const uint32_t *presence = b->program->presence;
    uint32_t cell = presence[f->any_count ? f->any_slots[0] : f->slot];
    for (size_t i = 1; i < f->any_count && !b->failed; i++)
        cell = add_pair(b, cell, presence[f->any_slots[i]], true);
    return cell;
}

static uint32_t add_required(builder *b, const program_rule *rule) {
    uint32_t cell = (uint32_t)b->yes_cell;
    for (size_t i = 0; i < rule->required_count && !b->failed; i++) {
        uint32_t place = add_required_place(b, &b->program->features[rule->required[i]]);
        cell = i ? add_pair(b, cell, place, false) : place;
    }
    return cell;
}

static bool is_quick_rule(const builder *b, const program_rule *rule) {
    bool quick = rule->insufficient.n == 0 && rule->related_count == 0 && !rule->sufficient.children &&
                 rule->condition.children;
    for (size_t i = 0; quick && i < rule->required_count; i++)
        quick =
            is_plain(b->program, rule->required[i]) || b->program->features[rule->required[i]].any_count > 0;
    return quick && is_quick(b, &rule->condition) && (!rule->applies.children || is_quick(b, &rule->applies));
}

/* The last part of a condition is joined with the others where the verdict is looked up. */
static void add_joined(builder *b, uint32_t number, const branch *condition) {
    pl_program *p = b->program;
    size_t others = condition->count - 1;
    uint32_t first = add_children(b, condition, others), last = add_branch(b, &condition->children[others]);
    p->quick_joined[p->quick_joined_count++] =
        (quick_joined){number, first, last, condition->any ? VERDICTS_ANY : VERDICTS_ALL};
}

static void add_rule(builder *b, uint32_t number) {
    pl_program *p = b->program;
    const program_rule *rule = &p->rules[number];
    uint32_t applies = rule->applies.children ? add_branch(b, &rule->applies) : (uint32_t)b->yes_cell;
    uint32_t required = add_required(b, rule);
    bool always = applies == b->yes_cell && required == b->yes_cell;
    if (always && rule->condition.count > 1)
        add_joined(b, number, &rule->condition);
    else if (always)
        p->quick_simple[p->quick_simple_count++] = (quick_simple){number, add_branch(b, &rule->condition)};
    else
        p->quick_rules[p->quick_rule_count++] =
            (quick_rule){number, applies, required, add_branch(b, &rule->condition)};
}

static void add_rules(builder *b) {
    pl_program *p = b->program;
    p->quick_rules = pl_new(b->arena, quick_rule, p->rule_count + 1);
    p->quick_simple = pl_new(b->arena, quick_simple, p->rule_count + 1);
    p->quick_joined = pl_new(b->arena, quick_joined, p->rule_count + 1);
    p->slow_rules = pl_new(b->arena, size_t, p->rule_count + 1);
    b->failed = b->failed || !p->quick_rules || !p->quick_simple || !p->quick_joined || !p->slow_rules;
    b->yes_cell = new_cell(b, YES);
    for (size_t i = 0; i < p->rule_count && !b->failed; i++) {
        if (is_quick_rule(b, &p->rules[i]))
            add_rule(b, (uint32_t)i);
        else
            p->slow_rules[p->slow_rule_count++] = i;
    }
}

static void list_lazy_features(builder *b) {
    pl_program *p = b->program;
    p->lazy_features = pl_new(b->arena, size_t, p->feature_count + 1);
    b->failed = b->failed || !p->lazy_features;
    for (size_t i = 0; i < p->feature_count && !b->failed; i++)
        if (!is_plain(p, i))
            p->lazy_features[p->lazy_feature_count++] = i;
}

static int by_kind(const void *a, const void *b) {
    const quick_clause *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->cell > y->cell) - (x->cell < y->cell);
}

/* Clauses of one kind are decided in one loop. */
static void sort_clauses(pl_program *p) {
    if (p->quick_clause_count)
        qsort(p->quick_clauses, p->quick_clause_count, sizeof *p->quick_clauses, by_kind);
    for (size_t i = 0; i < p->quick_clause_count; i++)
        p->quick_ends[p->quick_clauses[i].kind] = i + 1;
    for (size_t kind = 1; kind < QUICK_KINDS; kind++)
        if (p->quick_ends[kind] < p->quick_ends[kind - 1])
            p->quick_ends[kind] = p->quick_ends[kind - 1];
}

/* Lists the quick clauses of each group. */
static void list_groups(builder *b) {
    pl_program *p = b->program;
    for (size_t i = 0; i < p->quick_clause_count; i++) {
        uint32_t group = p->group_of[p->quick_clauses[i].slot];
        if (group != NO_GROUP)
            p->groups[group].quick_count++;
    }
    for (size_t i = 0; i < p->group_count && !b->failed; i++) {
        uint32_t *list = pl_new(b->arena, uint32_t, p->groups[i].quick_count + 1);
        b->failed = !list;
        p->groups[i].quick = list;
        for (uint32_t q = 0; list && q < p->quick_clause_count; q++)
            if (p->group_of[p->quick_clauses[q].slot] == i)
                *list++ = q;
    }
}

/* What is known of values that are not there. */
static void fill_absent(builder *b) {
    pl_program *p = b->program;
    p->absent = pl_arena_alloc(b->arena, p->cell_count + 1);
    b->failed = b->failed || !p->absent;
    if (b->failed)
        return;
    memcpy(p->absent, p->cells, p->cell_count);
    for (size_t i = 0; i < p->quick_clause_count; i++)
        p->absent[p->quick_clauses[i].cell] = p->quick_clauses[i].answers[CLASS_MISSING];
}

/* By truth of precondition, required places and condition, in this order of weight as in evaluate.c. */
static uint8_t verdict_of(unsigned applies, unsigned required, unsigned condition) {
    if (applies == NO)
        return PL_NOT_APPLICABLE;
    if (applies != YES)
        return applies & PENDING_BIT ? QUICK_PENDING : PL_VERDICT_ERROR;
    if (required != YES)
        return PL_INSUFFICIENT_DATA; /* never pending and never an error */
    if (condition > YES)
        return condition & PENDING_BIT ? QUICK_PENDING : PL_VERDICT_ERROR;
    return condition == YES ? PL_COMPLIANT : PL_NON_COMPLIANT;
}

/* Of a rule that has a condition only. */
static uint8_t verdict_by(unsigned condition) {
    return verdict_of(YES, YES, condition);
}

static void fill_verdicts(builder *b) {
    const unsigned any = ERROR_BIT | PENDING_BIT | YES, all = ERROR_BIT | PENDING_BIT, mask = CELL_VALUES - 1;
    uint8_t *verdicts = pl_arena_alloc(b->arena, VERDICTS);
    b->program->quick_verdicts = verdicts;
    b->failed = b->failed || !verdicts;
    for (unsigned i = 0; verdicts && i < VERDICTS - VERDICTS_RULE; i++)
        verdicts[VERDICTS_RULE + i] = verdict_of(i >> 2 * CELL_BITS, i >> CELL_BITS & mask, i & mask);
    for (unsigned i = 0; verdicts && i < CELL_VALUES * CELL_VALUES; i++) {
        verdicts[VERDICTS_ANY + i] = verdict_by(quick_join(i >> CELL_BITS, i & mask, any));
        verdicts[VERDICTS_ALL + i] = verdict_by(quick_join(i >> CELL_BITS, i & mask, all));
    }
    for (unsigned i = 0; verdicts && i < CELL_VALUES; i++)
        verdicts[i] = verdict_by(i);
}

bool quick_seal(pl_program *program) {
    builder b = {.program = program, .arena = &program->arena};
    add_cells(&b);
    add_clauses(&b);
    if (!b.failed)
        add_rules(&b);
    if (!b.failed)
        list_lazy_features(&b);
    sort_clauses(program);
    list_groups(&b);
    fill_absent(&b);
    fill_verdicts(&b);
    return !b.failed;
}
