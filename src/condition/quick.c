/* Deciding quick clauses, groups and rules of a document (quick_internal.h). */
#include "condition/quick_internal.h"

enum { SATURATED = 0xffffff };

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
        state->errors[q->error] = state_keep_error(state);
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

static inline __attribute__((always_inline)) truth run_one(pl_program_state *state, const quick_clause *q,
                                                           pl_json node, taker take) {
    uint64_t word = pl_json_word(node);
    truth t = (truth)q->answers[classes[word >> 56]];
    return t == UNKNOWN && !take(q, node, word, &t) ? test_value(state, q, node) : t;
}

/* Inlined once for each kind. */
static inline __attribute__((always_inline)) void run_kind(pl_program_state *state, quick_kind kind,
                                                           taker take) {
    const pl_program *p = state->program;
    const uint32_t *slots = state->slots;
    unsigned char *cells = state->truths;
    pl_json root = state->input->configuration;
    const quick_clause *end = p->quick_clauses + p->quick_ends[kind];
    for (const quick_clause *q = p->quick_clauses + (kind ? p->quick_ends[kind - 1] : 0); q < end; q++)
        cells[q->cell] = (unsigned char)run_one(state, q, pl_json_move(root, slots[q->slot]), take);
}

void quick_run_clauses(pl_program_state *state) {
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

void quick_run_group(pl_program_state *state, const program_group *group) {
    static const taker takers[QUICK_KINDS] = {
        [QUICK_NONE] = take_none,           [QUICK_TEST] = take_none,
        [QUICK_EQUALS] = take_text,         [QUICK_IN] = take_list,
        [QUICK_NUMBER] = take_number,       [QUICK_LENGTH] = take_length,
        [QUICK_TEXT_SIZE] = take_text_size, [QUICK_SIZE] = take_size,
        [QUICK_SHARES] = take_shared};
    for (uint32_t i = 0; i < group->quick_count; i++) {
        const quick_clause *q = &state->program->quick_clauses[group->quick[i]];
        pl_json node = pl_json_move(state->input->configuration, state->slots[q->slot]);
        state->truths[q->cell] = (unsigned char)run_one(state, q, node, takers[q->kind]);
    }
}

static void run_pairs(const pl_program *p, unsigned char *cells) {
    for (size_t i = 0, n = p->quick_pair_count; i < n; i++) {
        const quick_pair *pair = &p->quick_pairs[i];
        cells[pair->cell] = (unsigned char)quick_join(cells[pair->a], cells[pair->b], pair->either);
    }
}

/* Each of these decides the rules of one form, and gives all bits of their verdicts. */

static unsigned run_simple(const pl_program *p, const unsigned char *cells, pl_verdict *verdicts) {
    const uint8_t *verdict_of = p->quick_verdicts;
    const quick_simple *rule = p->quick_simple, *end = rule + p->quick_simple_count;
    unsigned seen = 0;
#pragma GCC unroll 4
    for (; rule < end; rule++) {
        unsigned verdict = verdict_of[cells[rule->condition]];
        verdicts[rule->rule] = (pl_verdict)verdict;
        seen |= verdict;
    }
    return seen;
}

static unsigned run_joined(const pl_program *p, const unsigned char *cells, pl_verdict *verdicts) {
    const uint8_t *verdict_of = p->quick_verdicts;
    const quick_joined *rule = p->quick_joined, *end = rule + p->quick_joined_count;
    unsigned seen = 0;
#pragma GCC unroll 4
    for (; rule < end; rule++) {
        size_t a = cells[rule->a], b = cells[rule->b];
        unsigned verdict = verdict_of[rule->table + a * CELL_VALUES + b];
        verdicts[rule->rule] = (pl_verdict)verdict;
        seen |= verdict;
    }
    return seen;
}

static unsigned run_others(const pl_program *p, const unsigned char *cells, pl_verdict *verdicts) {
    const uint8_t *verdict_of = p->quick_verdicts + VERDICTS_RULE;
    const quick_rule *rule = p->quick_rules, *end = rule + p->quick_rule_count;
    unsigned seen = 0;
    for (; rule < end; rule++) {
        size_t at = ((size_t)cells[rule->applies] * CELL_VALUES + cells[rule->required]) * CELL_VALUES;
        unsigned verdict = verdict_of[at + cells[rule->condition]];
        verdicts[rule->rule] = (pl_verdict)verdict;
        seen |= verdict;
    }
    return seen;
}

bool quick_run_rules(pl_program_state *state) {
    const pl_program *p = state->program;
    const unsigned char *cells = state->truths;
    run_pairs(p, state->truths);
    unsigned seen = run_simple(p, cells, state->verdicts) | run_joined(p, cells, state->verdicts) |
                    run_others(p, cells, state->verdicts);
    return (seen & QUICK_PENDING) == 0;
}
