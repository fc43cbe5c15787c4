/*
 * The quick path: what most rules of most programs ask is decided in one straight pass after the walk.
 *
 * Every clause over a plain place of the configuration with a cheap operator is decided for every document,
 * wanted or not, without calls or searching; groups and rules are then combined from bytes. What cannot be
 * had that way stays with evaluate.c, which finds the quick clauses decided.
 *
 * A cell is a byte of pl_program_state.truths. Cells of clauses hold a truth; those of groups and required
 * places hold NO, YES, or a value with the bit ERROR_BIT. INVARIANT: FAILED has that bit, NO and YES do not,
 * and it survives every combination, so an error is never lost.
 */
#include "condition/program_internal.h"

enum { ERROR_BIT = 2, COMPUTE = 4 };

_Static_assert(NO == 0 && YES == 1 && (FAILED & ERROR_BIT), "cells are combined bit by bit");

/* Values that need no look: the tape's type characters by class. */
enum { CLASS_OTHER, CLASS_MISSING, CLASS_NULL, CLASS_TRUE, CLASS_FALSE, CLASSES };

/* A desired text in lower case as it stands in a string buffer: length, bytes, zeros to a multiple of eight.
 */
typedef struct quick_text {
    const uint8_t *bytes;
    uint32_t n;
} quick_text;

struct quick_clause {
    quick_kind kind;
    uint8_t orders;           /* of QUICK_NUMBER and the sizes */
    uint8_t negated;          /* of QUICK_EQUALS and QUICK_IN */
    uint8_t answers[CLASSES]; /* a truth, or COMPUTE */
    uint32_t slot, cell;
    int64_t number;
    const quick_text *texts;
    size_t text_count;
    const clause *clause;
};

struct quick_group {
    bool any;
    uint32_t cell;
    uint32_t *cells;
    size_t count;
};

/* Building. */

typedef struct builder {
    pl_program *program;
    pl_arena *arena;
    bool *decided; /* clauses that the quick pass decides, or that are known from the start */
    size_t clause_capacity, group_capacity, cell_capacity, yes_cell;
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

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool fill_text(builder *b, pl_str text, quick_text *out) {
    uint8_t *bytes = pl_arena_alloc(b->arena, text.n + sizeof(uint64_t));
    for (size_t i = 0; bytes && i < text.n; i++)
        bytes[i] = (uint8_t)lower(text.p[i]);
    *out = (quick_text){bytes, (uint32_t)text.n};
    return bytes != NULL;
}

static void fill_texts(builder *b, const desired *d, quick_clause *out) {
    size_t count = out->kind == QUICK_IN ? d->count : 1;
    quick_text *texts = pl_new(b->arena, quick_text, count + 1);
    for (size_t i = 0; texts && i < count; i++)
        if (!fill_text(b, out->kind == QUICK_IN ? d->list[i] : d->text, &texts[i]))
            texts = NULL;
    out->texts = texts;
    out->text_count = count;
    b->failed = b->failed || !texts;
}

/* The answers for values that are the same in every document. */
static void fill_answers(const clause *one, quick_clause *out) {
    static const uint64_t tape[] = {(uint64_t)'r' << 56, (uint64_t)'n' << 56, (uint64_t)'t' << 56,
                                    (uint64_t)'f' << 56};
    static const uint8_t strings[PL_JSON_STRING_PADDING] = {0};
    pl_buf text;
    pl_error error;
    environment env = {.text = &text, .error = &error};
    pl_buf_init(&text, 64);
    out->answers[CLASS_OTHER] = COMPUTE;
    for (uint32_t i = CLASS_MISSING; i < CLASSES; i++) {
        feature value = feature_of(i == CLASS_MISSING ? PL_JSON_NONE : (pl_json){tape, strings, i - 1});
        truth t = operator_apply(one->op, &one->desired, &value, &env);
        out->answers[i] = t == FAILED ? COMPUTE : (uint8_t)t;
    }
    pl_buf_free(&text);
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
                         .cell = (uint32_t)number,
                         .number = one->desired.integer,
                         .clause = one};
    b->decided[number] = true;
    fill_answers(one, to);
    if (to->kind == QUICK_EQUALS || to->kind == QUICK_IN)
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
        b->program->cells[number] = (unsigned char)t;
    b->decided[number] = t != FAILED;
    pl_buf_free(&text);
    pl_arena_free(&scratch);
}

static void add_clauses(builder *b) {
    pl_program *p = b->program;
    b->decided = pl_new(b->arena, bool, p->clause_count + 1);
    b->failed = !b->decided;
    for (size_t i = 0; i < p->clause_count && !b->failed; i++)
        new_cell(b, UNKNOWN);
    for (size_t i = 0; i < p->clause_count && !b->failed; i++) {
        if (p->features[p->clauses[i].feature].source == SOURCE_PARAMETER)
            decide_parameter(b, i);
        else if (is_plain(p, p->clauses[i].feature))
            add_clause(b, i);
    }
}

/* True when every clause of the tree is decided by the quick pass. */
static bool is_quick(const builder *b, const branch *from) {
    if (!from->children)
        return b->decided[from->clause];
    for (size_t i = 0; i < from->count; i++)
        if (!is_quick(b, &from->children[i]))
            return false;
    return true;
}

static quick_group *new_group(builder *b, size_t inputs) {
    pl_program *p = b->program;
    quick_group *larger =
        pl_arena_grow(b->arena, p->quick_groups, p->quick_group_count, &b->group_capacity, sizeof *larger);
    b->failed = b->failed || !larger;
    if (!larger)
        return NULL;
    p->quick_groups = larger;
    uint32_t *cells = pl_new(b->arena, uint32_t, inputs + 1);
    b->failed = b->failed || !cells;
    quick_group *group = &p->quick_groups[p->quick_group_count];
    *group = (quick_group){.cells = cells};
    return cells ? group : NULL;
}

/* The cell of a tree; inner groups come before the outer ones. */
static uint32_t add_branch(builder *b, const branch *from) {
    uint32_t inputs[PL_CONDITION_MAX_CHILDREN];
    if (!from->children)
        return (uint32_t)from->clause;
    for (size_t i = 0; i < from->count; i++)
        inputs[i] = add_branch(b, &from->children[i]);
    if (from->count == 1)
        return inputs[0];
    quick_group *group = b->failed ? NULL : new_group(b, from->count);
    if (!group)
        return 0;
    group->any = from->any;
    group->count = from->count;
    memcpy(group->cells, inputs, from->count * sizeof *inputs);
    group->cell = new_cell(b, UNKNOWN);
    b->program->quick_group_count++;
    return group->cell;
}

/* A cell that is YES when there is a value other than null at the feature's place. */
static uint32_t add_presence(builder *b, size_t number) {
    quick_clause *to = new_clause(b);
    uint32_t cell = new_cell(b, UNKNOWN);
    if (to)
        *to = (quick_clause){.kind = QUICK_NONE,
                             .answers = {YES, NO, NO, YES, YES},
                             .slot = b->program->features[number].slot,
                             .cell = cell};
    return cell;
}

static uint32_t add_required(builder *b, const program_rule *rule) {
    if (rule->required_count == 0)
        return (uint32_t)b->yes_cell;
    if (rule->required_count == 1)
        return add_presence(b, rule->required[0]);
    quick_group *group = new_group(b, rule->required_count);
    if (!group)
        return 0;
    for (size_t i = 0; i < rule->required_count; i++)
        group->cells[group->count++] = add_presence(b, rule->required[i]);
    group->cell = new_cell(b, UNKNOWN);
    b->program->quick_group_count++;
    return group->cell;
}

static bool is_quick_rule(const builder *b, const program_rule *rule) {
    bool quick = rule->insufficient.n == 0 && rule->related_count == 0 && rule->condition.children;
    for (size_t i = 0; quick && i < rule->required_count; i++)
        quick = is_plain(b->program, rule->required[i]);
    return quick && is_quick(b, &rule->condition) && (!rule->applies.children || is_quick(b, &rule->applies));
}

static void add_rules(builder *b) {
    pl_program *p = b->program;
    p->quick_rules = pl_new(b->arena, quick_rule, p->rule_count + 1);
    b->failed = b->failed || !p->quick_rules;
    b->yes_cell = new_cell(b, YES);
    for (size_t i = 0; i < p->rule_count && !b->failed; i++) {
        program_rule *rule = &p->rules[i];
        rule->quick = is_quick_rule(b, rule);
        if (!rule->quick)
            continue;
        p->quick_rules[i].applies =
            rule->applies.children ? add_branch(b, &rule->applies) : (uint32_t)b->yes_cell;
        p->quick_rules[i].required = add_required(b, rule);
        p->quick_rules[i].condition = add_branch(b, &rule->condition);
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

bool quick_seal(pl_program *program) {
    builder b = {.program = program, .arena = &program->arena};
    add_clauses(&b);
    if (!b.failed)
        add_rules(&b);
    if (!b.failed)
        list_lazy_features(&b);
    return !b.failed;
}

/* Running. */

static inline unsigned class_of(char tag) {
    switch (tag) {
    case 'r': return CLASS_MISSING; /* slot 0: the word before the root */
    case 'n': return CLASS_NULL;
    case 't': return CLASS_TRUE;
    case 'f': return CLASS_FALSE;
    default: return CLASS_OTHER;
    }
}

/* ASCII capitals of eight bytes to small letters. */
static inline uint64_t fold(uint64_t x) {
    const uint64_t ones = 0x0101010101010101ULL, low = 0x7f * ones;
    uint64_t seven = x & low;
    uint64_t from_a = seven + (0x80 - 'A') * ones, past_z = seven + (0x80 - 'Z' - 1) * ones;
    return x | ((from_a & ~past_z & ~x & 0x80 * ones) >> 2);
}

/* Reads up to seven bytes behind the text, which every tape has. */
static inline bool equals_folded(const uint8_t *bytes, const quick_text *text) {
    uint64_t a, b;
    for (size_t at = 0; at < text->n; at += sizeof a) {
        memcpy(&a, bytes + at, sizeof a);
        memcpy(&b, text->bytes + at, sizeof b);
        size_t left = text->n - at;
        uint64_t mask = left >= sizeof a ? UINT64_MAX : ((uint64_t)1 << left * 8) - 1;
        if ((fold(a) & mask) != b)
            return false;
    }
    return true;
}

static inline bool is_listed(const quick_clause *q, const uint8_t *string) {
    uint32_t n;
    memcpy(&n, string, sizeof n);
    for (size_t i = 0; i < q->text_count; i++)
        if (q->texts[i].n == n && equals_folded(string + sizeof n, &q->texts[i]))
            return true;
    return false;
}

static inline unsigned order_of(int64_t value, int64_t wanted) {
    return value < wanted ? ORDER_LESS : (value > wanted ? ORDER_MORE : ORDER_SAME);
}

static truth test_value(pl_program_state *state, const quick_clause *q, pl_json node) {
    environment env = {state->input->now, &state->text, &state->scratch, &state->error};
    feature value = feature_of(node);
    truth t = operator_apply(q->clause->op, &q->clause->desired, &value, &env);
    if (t == FAILED)
        state->errors[q->cell] = state_keep_error(state);
    return t;
}

/* Size of a value of which it is at hand; false for other values. */
static inline bool size_of(quick_kind kind, const uint8_t *strings, uint64_t word, int64_t *size) {
    enum { SATURATED = 0xffffff };
    char tag = (char)(word >> 56);
    uint32_t n;
    if (tag == '"' && kind != QUICK_LENGTH) {
        memcpy(&n, strings + (word & PL_JSON_PAYLOAD_MASK), sizeof n);
        *size = n;
        return true;
    }
    if ((tag != '[' && tag != '{') || kind == QUICK_TEXT_SIZE || (tag == '{' && kind == QUICK_LENGTH))
        return false;
    *size = (int64_t)(word >> 32 & SATURATED);
    return *size < SATURATED;
}

static inline truth compute(pl_program_state *state, const quick_clause *q, pl_json node) {
    uint64_t word = pl_json_word(node);
    char tag = (char)(word >> 56);
    int64_t size;
    switch (q->kind) {
    case QUICK_EQUALS:
    case QUICK_IN:
        if (tag == '"')
            return is_listed(q, node.strings + (word & PL_JSON_PAYLOAD_MASK)) ^ q->negated;
        break;
    case QUICK_NUMBER:
        if (tag == 'l')
            return (q->orders & order_of((int64_t)node.tape[node.at + 1], q->number)) != 0;
        break;
    case QUICK_TEXT_SIZE:
    case QUICK_SIZE:
    case QUICK_LENGTH:
        if (size_of(q->kind, node.strings, word, &size))
            return (q->orders & order_of(size, q->number)) != 0;
        break;
    default: break;
    }
    return test_value(state, q, node);
}

static void run_clauses(pl_program_state *state, pl_json root) {
    const pl_program *p = state->program;
    for (size_t i = 0; i < p->quick_clause_count; i++) {
        const quick_clause *q = &p->quick_clauses[i];
        pl_json node = pl_json_move(root, state->slots[q->slot]);
        unsigned answer = q->answers[class_of(pl_json_tag(node))];
        state->truths[q->cell] = (unsigned char)(answer == COMPUTE ? compute(state, q, node) : answer);
    }
}

static void run_groups(const pl_program *p, unsigned char *cells) {
    for (size_t i = 0; i < p->quick_group_count; i++) {
        const quick_group *group = &p->quick_groups[i];
        unsigned all = YES, some = 0;
        for (size_t j = 0; j < group->count; j++) {
            all &= cells[group->cells[j]];
            some |= cells[group->cells[j]];
        }
        cells[group->cell] = (unsigned char)((group->any ? some & YES : all & YES) | (some & ERROR_BIT));
    }
}

/* In the order of evaluate.c: the precondition, then what is required, then the condition. */
static inline pl_verdict verdict_of(unsigned applies, unsigned required, unsigned condition) {
    if (applies != YES)
        return applies & ERROR_BIT ? PL_VERDICT_ERROR : PL_NOT_APPLICABLE;
    if (required != YES)
        return PL_INSUFFICIENT_DATA;
    return condition == YES ? PL_COMPLIANT : (condition & ERROR_BIT ? PL_VERDICT_ERROR : PL_NON_COMPLIANT);
}

void quick_run(pl_program_state *state) {
    const pl_program *p = state->program;
    const unsigned char *cells = state->truths;
    run_clauses(state, state->input->configuration);
    run_groups(p, state->truths);
    for (size_t i = 0; i < p->rule_count; i++) {
        const quick_rule *rule = &p->quick_rules[i];
        state->verdicts[i] = verdict_of(cells[rule->applies], cells[rule->required], cells[rule->condition]);
    }
}
