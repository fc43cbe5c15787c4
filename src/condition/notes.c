/* Notes: what annotations have around their values. Made when a program is sealed, written by annotation.c.
 */
#include "condition/program_internal.h"

static void write_member(pl_buf *out, pl_str before, pl_str value) {
    pl_buf_add(out, before);
    pl_json_write_string(out, value);
}

static bool keep_text(pl_program *program, pl_buf *text, pl_str *out) {
    *out = text->failed ? PL_STR_NONE : pl_arena_copy_padded(&program->arena, pl_buf_str(text), PL_BUF_BLOCK);
    pl_buf_free(text);
    return out->p != NULL;
}

static bool make_behind(pl_program *program, const clause *one, pl_str instead, pl_str *out) {
    pl_buf text;
    pl_buf_init(&text, (size_t)1 << 25);
    write_member(&text, PL_STR(",\"desiredValue\":"), one->desired.text);
    write_member(&text, PL_STR(",\"operator\":"), instead.n ? instead : pl_operator_info_of(one->op)->name);
    write_member(&text, PL_STR(",\"property\":"), pl_path_text(one->path));
    pl_buf_add_char(&text, '}');
    return keep_text(program, &text, out);
}

static bool make_fixed(pl_program *program, const clause *one, pl_str *out) {
    pl_buf text, json;
    pl_buf_init(&text, (size_t)1 << 24);
    pl_buf_init(&json, (size_t)1 << 25);
    feature_write_text(&text, &one->fixed);
    pl_json_write_string(&json, pl_buf_str(&text));
    json.failed = json.failed || text.failed;
    pl_buf_free(&text);
    return keep_text(program, &json, out);
}

/* The slot of a clause whose value is that of its group. */
static uint32_t slot_of(const pl_program *p, const program_clause *one) {
    const program_feature *f = &p->features[one->feature];
    bool whole = f->source == SOURCE_CONFIGURATION && f->plain && one->group != NO_GROUP;
    return whole && p->groups[one->group].node->slot == f->slot ? f->slot : 0;
}

/* `instead`: the operator that the rule's annotations name, or absent. */
static bool make_notes(pl_program *program, branch *b, pl_str instead) {
    for (size_t i = 0; b->children && i < b->count; i++)
        if (!make_notes(program, &b->children[i], instead))
            return false;
    if (b->children)
        return true;
    const program_clause *one = &program->clauses[b->clause];
    const feature *fixed = &one->clause->fixed;
    program_note *note = pl_new(&program->arena, program_note, 1);
    b->note = note;
    if (!note || !make_behind(program, one->clause, instead, &note->behind))
        return false;
    note->slot = slot_of(program, one);
    note->group = one->group;
    if (one->clause->source != SOURCE_PARAMETER || (!fixed->items && !pl_json_exists(fixed->node)))
        return true;
    return make_fixed(program, one->clause, &note->fixed);
}

/* The note of a condition with one clause only; NULL for others. */
static const program_note *only_note(const branch *b) {
    while (b->children && b->count == 1)
        b = &b->children[0];
    return b->children ? NULL : b->note;
}

bool notes_seal(pl_program *program) {
    program->only_notes = pl_new(&program->arena, const program_note *, program->rule_count + 1);
    for (size_t i = 0; program->only_notes && i < program->rule_count; i++) {
        program_rule *rule = &program->rules[i];
        if (!rule->condition.children)
            continue;
        if (!make_notes(program, &rule->condition, rule->annotation_operator))
            return false;
        program->only_notes[i] = only_note(&rule->condition);
    }
    return program->only_notes != NULL;
}
