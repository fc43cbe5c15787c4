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

#include <stdlib.h>

enum { ERROR_BIT = 2, SATURATED = 0xffffff };

_Static_assert(NO == 0 && YES == 1 && (FAILED & ERROR_BIT) != 0, "cells are combined bit by bit");

/* Values that need no look: the tape's type characters by class. */
enum { CLASS_OTHER, CLASS_MISSING, CLASS_NULL, CLASS_TRUE, CLASS_FALSE, CLASSES };

typedef struct quick_text {
    word_text words;
    uint32_t n;
} quick_text;

struct quick_clause {
    quick_kind kind;
    uint8_t orders;           /* of QUICK_NUMBER and the sizes */
    uint8_t negated;          /* of the kinds with texts */
    uint8_t answers[CLASSES]; /* UNKNOWN: it has to be looked at */
    uint32_t slot, cell;
    int64_t number;
    const quick_text *texts;
    size_t text_count;
    const clause *clause;
};

/* Joins two cells into one; larger groups are chains of pairs. */
struct quick_pair {
    uint32_t a, b, cell;
    uint32_t either; /* bits that one of the two suffices for */
};

/* A rule without precondition and required places, and any other. */
struct quick_simple {
    uint32_t rule, condition;
};

struct quick_rule {
    uint32_t rule, applies, required, condition;
};

/* Building. */

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
                         .cell = (uint32_t)number,
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
    p->quick_pairs[p->quick_pair_count++] = (quick_pair){one, other, cell, ERROR_BIT | (any ? YES : NO)};
    return cell;
}

/* The cell of a tree; what is inside comes before what is outside. */
static uint32_t add_branch(builder *b, const branch *from) {
    if (!from->children)
        return (uint32_t)from->clause;
    if (from->count == 0)
        return new_cell(b, from->any ? NO : YES);
    uint32_t cell = add_branch(b, &from->children[0]);
    for (size_t i = 1; i < from->count && !b->failed; i++)
        cell = add_pair(b, cell, add_branch(b, &from->children[i]), from->any);
    return cell;
}

/* A cell that is YES when there is a value other than null in the slot. */
static uint32_t add_presence(builder *b, uint32_t slot) {
    quick_clause *to = new_clause(b);
    uint32_t cell = new_cell(b, UNKNOWN);
    if (to)
        *to = (quick_clause){
            .kind = QUICK_NONE, .answers = {YES, NO, NO, YES, YES}, .slot = slot, .cell = cell};
    return cell;
}

/* One of the names of a union suffices. */
static uint32_t add_required_place(builder *b, const program_feature *f) {
    uint32_t cell = add_presence(b, f->any_count ? f->any_slots[0] : f->slot);
    for (size_t i = 1; i < f->any_count && !b->failed; i++)
        cell = add_pair(b, cell, add_presence(b, f->any_slots[i]), true);
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
    bool quick = rule->insufficient.n == 0 && rule->related_count == 0 && rule->condition.children;
    for (size_t i = 0; quick && i < rule->required_count; i++)
        quick =
            is_plain(b->program, rule->required[i]) || b->program->features[rule->required[i]].any_count > 0;
    return quick && is_quick(b, &rule->condition) && (!rule->applies.children || is_quick(b, &rule->applies));
}

static void add_rule(builder *b, uint32_t number) {
    pl_program *p = b->program;
    const program_rule *rule = &p->rules[number];
    uint32_t applies = rule->applies.children ? add_branch(b, &rule->applies) : (uint32_t)b->yes_cell;
    uint32_t required = add_required(b, rule), condition = add_branch(b, &rule->condition);
    if (applies == b->yes_cell && required == b->yes_cell)
        p->quick_simple[p->quick_simple_count++] = (quick_simple){number, condition};
    else
        p->quick_rules[p->quick_rule_count++] = (quick_rule){number, applies, required, condition};
}

static void add_rules(builder *b) {
    pl_program *p = b->program;
    p->quick_rules = pl_new(b->arena, quick_rule, p->rule_count + 1);
    p->quick_simple = pl_new(b->arena, quick_simple, p->rule_count + 1);
    p->slow_rules = pl_new(b->arena, size_t, p->rule_count + 1);
    b->failed = b->failed || !p->quick_rules || !p->quick_simple || !p->slow_rules;
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

bool quick_seal(pl_program *program) {
    builder b = {.program = program, .arena = &program->arena};
    add_clauses(&b);
    if (!b.failed)
        add_rules(&b);
    if (!b.failed)
        list_lazy_features(&b);
    sort_clauses(program);
    return !b.failed;
}

/* Running. */

/* By the tape's type characters. Slot 0 is the word before the root, which has the type 'r'. */
static const uint8_t classes[256] = {
    ['r'] = CLASS_MISSING, ['n'] = CLASS_NULL, ['t'] = CLASS_TRUE, ['f'] = CLASS_FALSE};

/* ASCII capitals of eight bytes to small letters. */
static inline uint64_t fold(uint64_t x) {
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t seven = x & 0x7f * ones;
    uint64_t from_a = seven + (0x80 - 'A') * ones, past_z = seven + (0x80 - 'Z' - 1) * ones;
    return x | ((from_a & ~past_z & ~x & 0x80 * ones) >> 2);
}

static inline uint64_t word_at(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static bool equals_folded(const word_text *text, const uint8_t *bytes) {
    size_t at = 0;
    for (; at < text->whole; at += sizeof(uint64_t))
        if (fold(word_at(bytes + at)) != fold(word_at(text->bytes + at)))
            return false;
    return ((fold(word_at(bytes + at)) ^ fold(word_at(text->bytes + at))) & text->mask) == 0;
}

/*
 * Equality without a branch on what the document holds: which of a few values a property has is as good as
 * random. Only texts that differ in nothing but the bit of the case are looked at again.
 */
static inline bool is_text(const quick_text *text, const uint8_t *string) {
    const uint64_t but_case = 0xdfdfdfdfdfdfdfdfULL;
    uint32_t n = (uint32_t)word_at(string);
    const uint8_t *bytes = n == text->n ? string + sizeof n : text->words.bytes;
    uint64_t differing = 0;
    size_t at = 0;
    for (; at < text->words.whole; at += sizeof(uint64_t))
        differing |= word_at(bytes + at) ^ word_at(text->words.bytes + at);
    differing |= (word_at(bytes + at) ^ word_at(text->words.bytes + at)) & text->words.mask;
    if (__builtin_expect(differing && (differing & but_case) == 0, 0))
        return equals_folded(&text->words, bytes);
    return (n == text->n) & (differing == 0);
}

static inline unsigned order_of(int64_t value, int64_t wanted) {
    return (unsigned)(value < wanted) * ORDER_LESS + (unsigned)(value == wanted) * ORDER_SAME +
           (unsigned)(value > wanted) * ORDER_MORE;
}

static truth test_value(pl_program_state *state, const quick_clause *q, pl_json node) {
    environment env = {state->input->now, &state->text, &state->scratch, &state->error};
    feature value = feature_of(node);
    truth t = operator_apply(q->clause->op, &q->clause->desired, &value, &env);
    if (t == FAILED)
        state->errors[q->cell] = state_keep_error(state);
    return t;
}

/* Each of these decides the clauses of one kind for the values that it is made for. */

static inline bool take_text(const quick_clause *q, pl_json node, uint64_t word, truth *t) {
    const uint8_t *string = node.strings + (word & PL_JSON_PAYLOAD_MASK);
    if ((char)(word >> 56) != '"')
        return false;
    *t = is_text(q->texts, string) ^ q->negated;
    return true;
}

static inline bool take_list(const quick_clause *q, pl_json node, uint64_t word, truth *t) {
    const uint8_t *string = node.strings + (word & PL_JSON_PAYLOAD_MASK);
    bool listed = false;
    if ((char)(word >> 56) != '"')
        return false;
    for (size_t i = 0; i < q->text_count; i++)
        listed |= is_text(&q->texts[i], string);
    *t = listed ^ q->negated;
    return true;
}

static inline bool take_number(const quick_clause *q, pl_json node, uint64_t word, truth *t) {
    if ((char)(word >> 56) != 'l')
        return false;
    *t = (q->orders & order_of((int64_t)node.tape[node.at + 1], q->number)) != 0;
    return true;
}

static inline bool take_text_size(const quick_clause *q, pl_json node, uint64_t word, truth *t) {
    if ((char)(word >> 56) != '"')
        return false;
    uint32_t n = (uint32_t)word_at(node.strings + (word & PL_JSON_PAYLOAD_MASK));
    *t = (q->orders & order_of(n, q->number)) != 0;
    return true;
}

static inline bool take_length(const quick_clause *q, pl_json node, uint64_t word, truth *t) {
    (void)node;
    int64_t count = (int64_t)(word >> 32 & SATURATED);
    if ((char)(word >> 56) != '[' || count == SATURATED)
        return false;
    *t = (q->orders & order_of(count, q->number)) != 0;
    return true;
}

static inline bool take_size(const quick_clause *q, pl_json node, uint64_t word, truth *t) {
    return take_text_size(q, node, word, t) || take_length(q, node, word, t);
}

/* True when an element is one of the texts, letter for letter; `*strange` when one is no text. */
static inline bool shares(const quick_clause *q, pl_json array, uint32_t end, bool *strange) {
    for (uint32_t at = array.at + 1; at < end; at++) {
        uint64_t word = array.tape[at];
        const uint8_t *string = array.strings + (word & PL_JSON_PAYLOAD_MASK);
        if ((char)(word >> 56) != '"') {
            *strange = true;
            return false;
        }
        for (size_t i = 0; i < q->text_count; i++)
            if ((uint32_t)word_at(string) == q->texts[i].n &&
                word_text_is(&q->texts[i].words, string + sizeof(uint32_t)))
                return true;
    }
    return false;
}

static inline bool take_shared(const quick_clause *q, pl_json node, uint64_t word, truth *t) {
    bool strange = false;
    if ((char)(word >> 56) != '[')
        return false;
    *t = shares(q, node, (uint32_t)word - 1, &strange) ^ q->negated;
    return !strange;
}

static inline bool take_none(const quick_clause *q, pl_json node, uint64_t word, truth *t) {
    (void)q, (void)node, (void)word, (void)t;
    return false;
}

typedef bool (*taker)(const quick_clause *q, pl_json node, uint64_t word, truth *t);

/* Inlined once for each kind. */
static inline __attribute__((always_inline)) void run_kind(pl_program_state *state, quick_kind kind,
                                                           taker take) {
    const pl_program *p = state->program;
    const uint32_t *slots = state->slots;
    unsigned char *cells = state->truths;
    pl_json root = state->input->configuration;
    const quick_clause *end = p->quick_clauses + p->quick_ends[kind];
    for (const quick_clause *q = p->quick_clauses + (kind ? p->quick_ends[kind - 1] : 0); q < end; q++) {
        pl_json node = pl_json_move(root, slots[q->slot]);
        uint64_t word = pl_json_word(node);
        truth t = (truth)q->answers[classes[word >> 56]];
        if (t == UNKNOWN && !take(q, node, word, &t))
            t = test_value(state, q, node);
        cells[q->cell] = (unsigned char)t;
    }
}

static void run_clauses(pl_program_state *state) {
    if (state->program->quick_clause_count == 0)
        return;
    run_kind(state, QUICK_NONE, take_none);
    run_kind(state, QUICK_EQUALS, take_text);
    run_kind(state, QUICK_IN, take_list);
    run_kind(state, QUICK_NUMBER, take_number);
    run_kind(state, QUICK_TEXT_SIZE, take_text_size);
    run_kind(state, QUICK_LENGTH, take_length);
    run_kind(state, QUICK_SIZE, take_size);
    run_kind(state, QUICK_SHARES, take_shared);
    run_kind(state, QUICK_TEST, take_none);
}

static void run_pairs(const pl_program *p, unsigned char *cells) {
    for (size_t i = 0, n = p->quick_pair_count; i < n; i++) {
        const quick_pair *pair = &p->quick_pairs[i];
        unsigned a = cells[pair->a], b = cells[pair->b];
        cells[pair->cell] = (unsigned char)((a & b) | ((a | b) & pair->either));
    }
}

/*
 * By truth of precondition, required places and condition, in this order of weight as in evaluate.c. Both
 * values with the error bit mean the same.
 */
#define QUICK_ROW(a, b, c, d) [(a) << 4 | (b) << 2] = c, d, PL_VERDICT_ERROR, PL_VERDICT_ERROR
#define QUICK_SAME(a, v) [(a) << 4] = v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v
static const uint8_t verdicts_of[64] = {
    QUICK_SAME(NO, PL_NOT_APPLICABLE),
    [YES << 4] = PL_INSUFFICIENT_DATA,
    PL_INSUFFICIENT_DATA,
    PL_INSUFFICIENT_DATA,
    PL_INSUFFICIENT_DATA,
    QUICK_ROW(YES, YES, PL_NON_COMPLIANT, PL_COMPLIANT),
    QUICK_ROW(YES, ERROR_BIT, PL_VERDICT_ERROR, PL_VERDICT_ERROR),
    QUICK_ROW(YES, ERROR_BIT | 1, PL_VERDICT_ERROR, PL_VERDICT_ERROR),
    QUICK_SAME(ERROR_BIT, PL_VERDICT_ERROR),
    QUICK_SAME(ERROR_BIT | 1, PL_VERDICT_ERROR),
};

static void run_rules(const pl_program *p, const unsigned char *cells, pl_verdict *verdicts) {
    static const pl_verdict simple[] = {PL_NON_COMPLIANT, PL_COMPLIANT, PL_VERDICT_ERROR, PL_VERDICT_ERROR};
    for (size_t i = 0, n = p->quick_simple_count; i < n; i++)
        verdicts[p->quick_simple[i].rule] = simple[cells[p->quick_simple[i].condition]];
    for (size_t i = 0, n = p->quick_rule_count; i < n; i++) {
        const quick_rule *rule = &p->quick_rules[i];
        unsigned index = (unsigned)cells[rule->applies] << 4 | (unsigned)cells[rule->required] << 2 |
                         cells[rule->condition];
        verdicts[rule->rule] = (pl_verdict)verdicts_of[index];
    }
}

void quick_run(pl_program_state *state) {
    run_clauses(state);
    run_pairs(state->program, state->truths);
    run_rules(state->program, state->truths, state->verdicts);
}
