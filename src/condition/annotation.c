/*
 * Annotations: what is said of a deviation (reference/evaluation-semantics.md, section 5).
 *
 * A check writes more annotations than it reads documents. So all of one but the value is made when a program
 * is sealed (notes.c), and the value is mostly copied from the document's text as it stands there: a text
 * without escapes, a short integer or a word needs nothing but quotes.
 *
 * INVARIANT: what is copied is what pl_json_write_text would make of the value, escaped; whatever this is not
 * sure of goes that way.
 */
#include "condition/memo.h"
#include "condition/program_internal.h"
#include "json/scalar.h"

/* --- The value, as it stands in a text that was followed without being copied: it is known to be JSON */

/* Bytes of a text that begins with the quote at `p`, both quotes included; 0: it is not all plain. */
static size_t plain_text(const uint8_t *p) {
    uint32_t stops, from = 1;
    while ((stops = pl_json_stops(p + from)) == 0)
        from += PL_JSON_GLANCE;
    const uint8_t *stop = p + from + __builtin_ctz(stops);
    return *stop == '"' ? (size_t)(stop - p) + 1 : 0;
}

/* Bytes of a scalar that needs no more than quotes, which a text has; 0: it is none. */
static inline size_t plain_scalar(const uint8_t *p) {
    if (*p != '"')
        return *p == 'n' ? 0 : pl_json_short_bare(p);
    uint32_t n = pl_json_short_text(p);
    return __builtin_expect(n != 0, 1) ? n : plain_text(p);
}

/* A part of a list or object as a piece of a text; the byte behind it, or NULL when it is none of these. */
static const uint8_t *write_part(const uint8_t *p, pl_buf *out) {
    if (memchr("[]{},:", *p, 6)) {
        pl_buf_add_char(out, (char)*p);
        return p + 1;
    }
    bool text = *p == '"';
    size_t n = text ? plain_text(p) : pl_json_short_bare(p);
    if (n == 0)
        return NULL;
    if (text)
        pl_buf_add(out, PL_STR("\\\""));
    pl_buf_add_blocks(out, pl_str_of((const char *)p + text, n - 2 * (size_t)text));
    if (text)
        pl_buf_add(out, PL_STR("\\\""));
    return p + n;
}

/* A list or object of plain texts, short integers and words, without blanks; false for another value. */
static bool write_container(const uint8_t *p, pl_buf *out) {
    size_t before = out->n, depth = 0;
    if (*p != '[' && *p != '{')
        return false;
    pl_buf_add_char(out, '"');
    do {
        depth += *p == '[' || *p == '{';
        depth -= *p == ']' || *p == '}';
        p = write_part(p, out);
    } while (p && depth);
    if (p)
        pl_buf_add_char(out, '"');
    else
        out->n = before;
    return p != NULL;
}

/* --- Writing */

/* Most clauses are decided already. */
static inline truth truth_of(pl_program_state *state, const branch *b) {
    unsigned char cell = b->children ? UNKNOWN : state->truths[state->program->clauses[b->clause].cell];
    return cell == UNKNOWN ? state_branch(state, b) : (truth)cell;
}

static bool is_parameter(const pl_program_state *state, const branch *b) {
    return state->program->clauses[b->clause].clause->source == SOURCE_PARAMETER;
}

/*
 * Walks into the first false child of each group (reference/condition-rules.md, section 6); NULL: there is
 * none. A clause about a parameter says nothing about the resource: it is told only when no other is false.
 */
static const branch *deviating_clause(pl_program_state *state, const branch *b) {
    const branch *parameter = NULL;
    if (!b->children)
        return b;
    for (size_t i = 0; i < b->count; i++) {
        if (truth_of(state, &b->children[i]) != NO)
            continue;
        const branch *found = deviating_clause(state, &b->children[i]);
        if (found && !is_parameter(state, found))
            return found;
        parameter = parameter ? parameter : found;
    }
    return parameter;
}

static const pl_str before_value = PL_STR_INIT("{\"configuration\":");

/* The whole annotation around a value; false when there is no room yet. */
static inline bool put_annotation(pl_buf *out, pl_str value, bool quoted, pl_str behind) {
    if (out->failed || out->capacity - out->n < before_value.n + value.n + behind.n + 2 + PL_BUF_BLOCK)
        return false;
    char *to = out->p + out->n;
    memcpy(to, before_value.p, sizeof "{\"configuration\":" - 1);
    to += before_value.n;
    *to = '"';
    to = pl_buf_put_blocks(to + !quoted, value);
    *to = '"';
    to = pl_buf_put_blocks(to + !quoted, behind);
    out->n = (size_t)(to - out->p);
    return true;
}

/* Where the value of a note stands in a text that was followed; NULL when it is not there. */
static inline const uint8_t *text_of(const pl_program_state *state, const program_note *note) {
    bool known = note->slot && state->followed && state->slots[note->slot];
    return known ? state->memos->each[note->group].text : NULL;
}

/* Nearly all annotations; false for others. */
static inline __attribute__((always_inline)) bool write_quickly(const pl_program_state *state,
                                                                const program_note *note, pl_buf *out) {
    const uint8_t *text = text_of(state, note);
    if (!text)
        return note->fixed.p && put_annotation(out, note->fixed, true, note->behind);
    size_t n = plain_scalar(text);
    return n && put_annotation(out, pl_str_of((const char *)text, n), *text == '"', note->behind);
}

/* False when there is no value. */
static bool write_any_value(pl_program_state *state, const branch *b, pl_buf *out) {
    const program_note *note = b->note;
    const uint8_t *text = text_of(state, note);
    if (text && write_container(text, out))
        return true;
    feature value = note->slot && !state->slots[note->slot]
                        ? feature_of(PL_JSON_NONE)
                        : state_feature(state, state->program->clauses[b->clause].feature);
    state_write_value(state, &value, out);
    return value.items || pl_json_exists(value.node);
}

static void write_slowly(pl_program_state *state, const branch *b, pl_buf *out) {
    pl_str behind = b->note->behind;
    pl_buf_add(out, before_value);
    if (write_any_value(state, b, out)) {
        pl_buf_add_blocks(out, behind);
        return;
    }
    pl_buf_add(out, pl_str_head(behind, behind.n - 1));
    pl_buf_add(out, PL_STR(",\"reason\":\"No property contains.\"}"));
}

/* Conditions of several clauses, and values that are changed when they are shown. */
static __attribute__((noinline)) void write_otherwise(pl_program_state *state, size_t rule, pl_buf *out) {
    const branch *b = deviating_clause(state, &state->program->rules[rule].condition);
    if (b && (state->program->only_notes[rule] || !write_quickly(state, b->note, out)))
        write_slowly(state, b, out);
}

void pl_program_write_annotation(pl_program_state *state, size_t rule, pl_buf *out) {
    if (state->verdicts[rule] != PL_NON_COMPLIANT)
        return;
    const program_note *note = state->program->only_notes[rule];
    if (!note || !write_quickly(state, note, out))
        write_otherwise(state, rule, out);
}
