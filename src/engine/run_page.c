/*
 * Evaluating a page of kept columns. A rule is judged once for each combination of values that it meets in
 * the page (engine/combined.h); what it says is kept, annotation included, for all records of the
 * combination.
 */
#include "engine/combined.h"
#include "engine/gathering.h"
#include "engine/seals.h"

enum {
    MARKS_MAX = ENGINE_BATCH / 8, /* a page with more marks is made anew */
    MOST_ALONE = 4, /* a record for which more than this part of the rules is undecided is evaluated whole */
};

static int out_of_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

/* One slot of the program over the page. */
struct paged_slot {
    const engine_bound *bound; /* NULL: the rule covers every record */
    const uint16_t *of;        /* the combination of each record */
    size_t count;              /* of combinations */
    bool sums;                 /* what it says of the records is added up when all are decided */
    unsigned char *known;      /* by combination: UNDECIDED, PLAIN or as in `said` */
    engine_said *said;         /* by combination; NULL: none was needed yet */
};

enum { UNDECIDED, PLAIN, DEVIATING, DUE };

/* A record that is the first of its combination to a rule. */
struct due {
    uint16_t record, slot;
};

struct paging {
    engine_gathering *g;
    engine_kept_page page;
    uint32_t *map, *places;
    struct paged_slot *slots;
    size_t apart;               /* slots that are not added up */
    uint16_t *due;              /* slots to be decided, record by record */
    uint32_t *begin;            /* where each record's begin */
    const pl_verdict *verdicts; /* of all rules for the current record; NULL: they are judged one by one */
    bool taken;                 /* the program's state holds the current record */
    bool marked;                /* the current record is not believed */
    uint64_t outside[2];        /* hash of not being covered */
    int64_t marks[MARKS_MAX];
    size_t mark_count, mark_at;
};

static void read_scope(const struct paging *p, inventory_resource *r, engine_scope_subject *scope) {
    const uint32_t *extra = p->places + p->g->type->asked.program;
    r->region_id = engine_kept_text(&p->page, extra[KEPT_REGION]);
    r->resource_id = engine_kept_text(&p->page, extra[KEPT_ID]);
    r->group_id = engine_kept_text(&p->page, extra[KEPT_GROUP]);
    r->name = engine_kept_text(&p->page, extra[KEPT_NAME]);
    *scope = (engine_scope_subject){r->resource_type, r->region_id, r->resource_id,
                                    r->group_id,      r->name,      PL_JSON_NONE};
    if (extra[KEPT_TAGS])
        scope->tags = pl_json_move(p->page.root, extra[KEPT_TAGS]);
}

/* Rules that no record before this one has decided. */
static size_t count_undecided(const struct paging *p, size_t record) {
    size_t count = p->begin[record + 1] - p->begin[record];
    for (size_t i = 0; p->apart && i < p->g->type->program->count; i++)
        count += p->slots[i].known[p->slots[i].of[record]] == UNDECIDED;
    return count;
}

/* Most records are like others to nearly all rules, and the few that are left are judged alone. */
static void take_record(struct paging *p, size_t record) {
    engine_gathering *g = p->g;
    pl_program_input input = {.configuration = PL_JSON_NONE, .places = p->places, .now = g->c.writing.now};
    engine_kept_places(&p->page, record, p->map, g->type->asked.count, p->places);
    if (p->places[g->type->asked.program + KEPT_CONFIGURATION])
        input.configuration = p->page.root;
    p->taken = true;
    p->verdicts = NULL;
    if (count_undecided(p, record) > g->type->program->count / MOST_ALONE)
        p->verdicts = pl_program_evaluate(g->typed->state, &input);
    else
        pl_program_take(g->typed->state, &input);
}

static int decide_slot(struct paging *p, size_t record, size_t number, const engine_subject *s) {
    engine_gathering *g = p->g;
    struct paged_slot *slot = &p->slots[number];
    int index = g->type->program->slots[number].index;
    if (!p->taken)
        take_record(p, record);
    const pl_verdict *verdicts = p->verdicts;
    if (!verdicts && index >= 0)
        verdicts = pl_program_judge(g->typed->state, (size_t)index);
    slot->known[slot->of[record]] = PLAIN;
    if (index >= 0 && verdicts[index] == PL_COMPLIANT)
        return 0;
    if (!slot->said)
        slot->said = pl_new(g->c.writing.arena, engine_said, slot->count);
    if (!slot->said)
        return out_of_memory(g->c.error);
    engine_said made = {.deviates = true};
    if (engine_judge(&g->c, g->typed, number, verdicts, s, &made.compliance, &made.annotation) != 0)
        return -1;
    made.annotation = made.annotation.n ? pl_arena_copy(g->c.writing.arena, made.annotation) : PL_STR("");
    if (!made.annotation.p)
        return out_of_memory(g->c.error);
    engine_seal_hash(true, made.compliance, made.annotation, made.hash);
    slot->said[slot->of[record]] = made;
    slot->known[slot->of[record]] = DEVIATING;
    return 0;
}

/* What a record gives is found, unless it is marked; the digest is about all that the page says. */
static int take_outcome(struct paging *p, size_t record, size_t number, engine_found found,
                        const uint64_t hash[2]) {
    engine_gathering *g = p->g;
    engine_seal_add(g->batch->rules[g->type->rules[number]].digest, p->page.keys[record], hash);
    return p->marked ? 0 : engine_gather_found(g, number, found);
}

static int judge_record_slot(struct paging *p, size_t record, size_t number, const engine_subject *s) {
    struct paged_slot *slot = &p->slots[number];
    engine_found found = {.item = (uint32_t)p->g->batch->count, .annotation = PL_STR("")};
    if (slot->bound && !engine_bound_covers(slot->bound, &s->scope))
        return take_outcome(p, record, number, found, p->outside);
    if (slot->known[slot->of[record]] == UNDECIDED && decide_slot(p, record, number, s) != 0)
        return -1;
    if (slot->known[slot->of[record]] == PLAIN)
        return 0;
    const engine_said *made = &slot->said[slot->of[record]];
    found.covered = true;
    found.compliance = made->compliance;
    found.annotation = made->annotation;
    return take_outcome(p, record, number, found, made->hash);
}

/* Nothing is to be noted, as of most records by most rules. */
static bool is_settled(const struct paged_slot *slot, size_t record) {
    return slot->sums || (!slot->bound && slot->known[slot->of[record]] == PLAIN);
}

static int judge_slots(struct paging *p, size_t record, inventory_resource *r) {
    engine_gathering *g = p->g;
    engine_subject s = {.resource = r, .configuration = PL_JSON_NONE, .seen = true};
    p->taken = false;
    pl_arena_reset(&g->c.document);
    if (!g->type->whole) {
        engine_kept_places(&p->page, record, p->map, g->type->asked.count, p->places);
        read_scope(p, r, &s.scope);
    }
    for (uint32_t i = p->begin[record]; i < p->begin[record + 1]; i++)
        if (decide_slot(p, record, p->due[i], &s) != 0)
            return -1;
    for (size_t i = 0, n = p->apart ? g->type->program->count : 0; i < n; i++)
        if (!is_settled(&p->slots[i], record) && judge_record_slot(p, record, i, &s) != 0)
            return -1;
    return 0;
}

static int judge_record(struct paging *p, size_t record) {
    engine_gathering *g = p->g;
    inventory_resource r = {.account_id = g->run->account_id,
                            .resource_type = g->type->name,
                            .resource_key = p->page.keys[record],
                            .capture_time = p->page.captures[record]};
    if ((p->apart || p->begin[record] < p->begin[record + 1]) && judge_slots(p, record, &r) != 0)
        return -1;
    if (!p->marked)
        g->batch->items[g->batch->count++] =
            (engine_batch_item){.resource_key = r.resource_key, .capture_time = r.capture_time};
    return 0;
}

static int judge_marked(struct paging *p, store_session *session, int64_t key, pl_error *error) {
    inventory_resource r;
    bool found;
    if (inventory_find_key(session, p->g->c.writing.arena, p->g->run->account_id, key, &r, &found, error) !=
        0)
        return -1;
    return found && !r.deleted ? engine_gather_resource(p->g, &r, error) : 0;
}

static int judge_page(struct paging *p, store_session *session, pl_error *error) {
    for (size_t i = 0; i < p->page.count; i++) {
        p->marked = false;
        for (; p->mark_at < p->mark_count && p->marks[p->mark_at] <= p->page.keys[i]; p->mark_at++) {
            p->marked = p->marked || p->marks[p->mark_at] == p->page.keys[i];
            if (judge_marked(p, session, p->marks[p->mark_at], error) != 0)
                return -1;
        }
        if (judge_record(p, i) != 0)
            return -1;
    }
    for (; p->mark_at < p->mark_count; p->mark_at++)
        if (judge_marked(p, session, p->marks[p->mark_at], error) != 0)
            return -1;
    return 0;
}

/* What the rule says of all records; they are the batch's items, one by one, where nothing is marked. */
static void add_up(struct paging *p, size_t number) {
    const struct paged_slot *slot = &p->slots[number];
    engine_batch_rule *to = &p->g->batch->rules[p->g->type->rules[number]];
    uint64_t digest[2] = {0, 0};
    if (!slot->sums || !slot->said)
        return;
    for (size_t i = 0; i < p->page.count; i++) {
        const engine_said *said = &slot->said[slot->of[i]];
        if (!said->deviates)
            continue;
        engine_seal_add(digest, p->page.keys[i], said->hash);
        to->said_by[said->compliance]++;
    }
    memcpy(to->digest, digest, sizeof digest);
    to->of = slot->of;
    to->said = slot->said;
}

/* Notes the records that are the first of their combinations; how many. */
static size_t note_due(struct paging *p, size_t number, struct due *to) {
    struct paged_slot *slot = &p->slots[number];
    size_t count = 0;
    for (size_t i = 0; count < slot->count && i < p->page.count; i++)
        if (slot->known[slot->of[i]] == UNDECIDED) {
            slot->known[slot->of[i]] = DUE;
            p->begin[i + 1]++;
            to[count++] = (struct due){(uint16_t)i, (uint16_t)number};
        }
    return count;
}

/* Rule by rule to find out, record by record to decide: a record's values are taken once for all its rules.
 */
static int find_due(struct paging *p, pl_error *error) {
    pl_arena *arena = p->g->c.writing.arena;
    size_t slots = p->g->type->program->count, room = 0, count = 0;
    for (size_t i = 0; i < slots; i++)
        room += p->slots[i].sums ? p->slots[i].count : 0;
    struct due *due = pl_arena_take(arena, (room + 1) * sizeof *due);
    uint32_t *at = pl_arena_take(arena, (p->page.count + 1) * sizeof *at);
    p->due = pl_arena_take(arena, (room + 1) * sizeof *p->due);
    p->begin = pl_new(arena, uint32_t, p->page.count + 1);
    if (!due || !at || !p->due || !p->begin)
        return out_of_memory(error);
    for (size_t i = 0; i < slots; i++)
        if (p->slots[i].sums)
            count += note_due(p, i, due + count);
    for (size_t i = 0; i < p->page.count; i++)
        p->begin[i + 1] += p->begin[i];
    memcpy(at, p->begin, (p->page.count + 1) * sizeof *at);
    for (size_t i = 0; i < count; i++)
        p->due[at[due[i].record]++] = due[i].slot;
    return 0;
}

/* Rules without a condition say the same of every record. */
static int prepare_slots(struct paging *p, pl_error *error) {
    const engine_type_program *program = p->g->type->program;
    pl_arena *arena = p->g->c.writing.arena;
    engine_combinations *rules;
    uint16_t *same = pl_new(arena, uint16_t, p->page.count + 1);
    p->slots = pl_new(arena, struct paged_slot, program->count + 1);
    if (!same || !p->slots || engine_combine(arena, program->compiled, &p->page, p->map, &rules, error) != 0)
        return out_of_memory(error);
    for (size_t i = 0; i < program->count; i++) {
        struct paged_slot *slot = &p->slots[i];
        int index = program->slots[i].index;
        slot->bound = program->slots[i].bound->whole ? NULL : program->slots[i].bound;
        slot->sums = !slot->bound && p->mark_count == 0;
        slot->of = index < 0 ? same : rules[index].of;
        slot->count = index < 0 ? 1 : rules[index].count;
        slot->known = pl_new(arena, unsigned char, slot->count + 1);
        if (!slot->known)
            return out_of_memory(error);
        p->apart += !slot->sums;
    }
    return find_due(p, error);
}

/* Marked resources that the page has no record of: they came back after it was made. */
static size_t count_new(const struct paging *p) {
    size_t count = 0, at = 0;
    for (size_t i = 0; i < p->mark_count; i++) {
        while (at < p->page.count && p->page.keys[at] < p->marks[i])
            at++;
        count += at == p->page.count || p->page.keys[at] != p->marks[i];
    }
    return count;
}

/* `*usable` false: the range has to be read from the inventory, and a new page made. */
static int open_page(struct paging *p, store_session *session, bool *usable, bool *declined,
                     pl_error *error) {
    engine_gathering *g = p->g;
    const engine_range *range = &g->batch->range;
    const engine_kept_columns *asked = &g->type->asked;
    pl_arena *arena = g->c.writing.arena;
    *declined = false;
    if (engine_kept_load(session, arena, g->run->account_id, g->type->name, range->after, &p->page, usable,
                         error) != 0 ||
        engine_kept_marks(session, g->run->account_id, g->type->name, range->after, range->until, p->marks,
                          MARKS_MAX, &p->mark_count, error) != 0)
        return -1;
    p->map = pl_new(arena, uint32_t, asked->count);
    p->places = pl_new(arena, uint32_t, asked->count);
    if (!p->map || !p->places)
        return out_of_memory(error);
    bool fresh = *usable && p->mark_count < MARKS_MAX && p->page.count + count_new(p) <= ENGINE_BATCH;
    *usable = fresh && engine_kept_bind(&p->page, asked, p->map);
    *declined = *usable && p->page.count == 0;
    return 0;
}

int engine_gather_page(engine_gathering *g, store_session *session, pl_error *error) {
    struct paging p = {.g = g};
    bool usable = false, declined = false;
    if (!g->type->uses_pages)
        return engine_gather_scanned(g, session, error);
    if (open_page(&p, session, &usable, &declined, error) != 0)
        return -1;
    if (declined)
        return engine_gather_scanned(g, session, error);
    if (!usable)
        return engine_gather_rows(g, session, error);
    engine_seal_hash(false, ENGINE_COMPLIANT, PL_STR(""), p.outside);
    g->batch->page_identity = p.page.identity;
    if (prepare_slots(&p, error) != 0 || judge_page(&p, session, error) != 0)
        return -1;
    for (size_t i = 0; i < g->type->program->count; i++)
        add_up(&p, i);
    return 0;
}
