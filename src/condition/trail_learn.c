/*
 * Learning the trail of a document that the walk accepted (trail.h): its stretches between scalars become
 * steps, joined to those that are known. All memory is the trail's arena, which has a maximum; what does not
 * fit is not learned.
 */
#include "condition/memo.h"
#include "condition/trail.h"

enum { MAX_STEPS = 2048, MAX_LENGTH = 1024, MAX_OPS = 24, MAX_JOINS = 16 };

struct trail_place {
    trail_place *inner, *sibling; /* the first place within, the next one beside */
    const trie_node *node;        /* of an object that is walked into, or of an array that is counted */
    const trie_node *copied;      /* within a wanted container: its node */
    bool object;
    trail_step *steps; /* that leave from here */
};

/* A document being learned. `failed` ends it. */
typedef struct learner {
    trail *trail;
    const pl_json_index *x;
    trail_place *place;
    trail_place *from;  /* the place of the step that is being made */
    uint32_t begin;     /* offset of its first byte */
    trail_step *before; /* the step behind which it stands; NULL at the beginning */
    trail_op ops[MAX_OPS];
    uint32_t op_count;
    bool failed;
} learner;

static uint32_t offset(const learner *l, uint32_t entry) {
    return l->x->at[entry] - l->begin;
}

static void add_op(learner *l, trail_op op) {
    l->failed = l->failed || l->op_count == MAX_OPS;
    if (!l->failed)
        l->ops[l->op_count++] = op;
}

/* With the same bytes in one place the same is to be done. */
static bool is_same(const trail_step *s, const trail_step *draft, const uint8_t *bytes) {
    return s->length == draft->length && s->value == draft->value && s->slot == draft->slot &&
           memcmp(s->bytes, bytes, s->length) == 0;
}

static trail_step *find_step(const learner *l, const trail_step *draft, const uint8_t *bytes) {
    for (trail_step *s = l->from->steps; s; s = s->sibling)
        if (is_same(s, draft, bytes))
            return s;
    return NULL;
}

void trail_fill_head(trail_step *s) {
    uint32_t head = s->length < TRAIL_HEAD ? s->length : TRAIL_HEAD;
    memcpy(s->head, s->bytes, head);
    memset(s->mask, 0xff, head);
}

static trail_step *new_step(learner *l, const trail_step *draft, const uint8_t *bytes) {
    trail *t = l->trail;
    trail_step *s = t->steps < MAX_STEPS ? pl_new(&t->arena, trail_step, 1) : NULL;
    trail_op *ops = pl_new(&t->arena, trail_op, l->op_count + 1);
    uint8_t *copy = pl_arena_alloc(&t->arena, draft->length);
    if (!s || !ops || !copy)
        return NULL;
    *s = *draft;
    memcpy(ops, l->ops, l->op_count * sizeof *ops);
    ops[l->op_count] = (trail_op){.deed = TRAIL_DONE};
    memcpy(copy, bytes, draft->length);
    s->op = l->op_count ? ops : NULL;
    s->bytes = copy;
    trail_fill_head(s);
    s->sibling = l->from->steps;
    l->from->steps = s;
    s->older = t->all;
    t->all = s;
    t->steps++;
    if (t->joins < MAX_JOINS)
        t->calm = 0;
    return s;
}

/* True when the bytes of `a` are the beginning of those of `b`: the longer one must be looked at first. */
static bool begins(const trail_step *a, const trail_step *b) {
    return a->length < b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* Joins a step to the one before it; of too many the last gives way. */
static void join(trail_step *before, trail_step *s) {
    for (size_t i = 0; i < TRAIL_EDGES; i++) {
        trail_step *there = before->next[i];
        if (there && there != s && !begins(there, s))
            continue;
        before->next[i] = s;
        if (!there || there == s)
            return;
        s = there;
    }
}

/* Offset of the byte behind the scalar at `entry`. */
static uint32_t behind_scalar(const pl_json_index *x, uint32_t entry) {
    if (pl_json_index_byte(x, entry) == '"') {
        pl_str raw = pl_json_index_raw(x, entry);
        return (uint32_t)((const uint8_t *)raw.p + raw.n + 1 - x->text);
    }
    uint32_t end = x->at[entry + 1];
    while (x->text[end - 1] <= ' ')
        end--;
    return end;
}

/* Ends the step before the value at `entry`, or behind the document. */
static void end_step(learner *l, uint32_t entry, trail_step draft) {
    const uint8_t *bytes = l->x->text + l->begin;
    bool last = draft.value == TRAIL_LAST;
    draft.before = last ? offset(l, entry - 1) + 1 : offset(l, entry);
    draft.length = draft.before + (draft.value == TRAIL_TEXT);
    l->failed = l->failed || draft.length > MAX_LENGTH || memchr(bytes, '\\', draft.length);
    trail_step *s = l->failed ? NULL : find_step(l, &draft, bytes);
    if (!s && !l->failed)
        s = new_step(l, &draft, bytes);
    l->failed = !s;
    if (!s)
        return;
    if (l->before)
        join(l->before, s);
    else if (!l->trail->first)
        l->trail->first = s;
    else
        l->failed = l->trail->first != s; /* all documents begin alike */
    l->before = s;
    l->from = l->place;
    l->begin = last ? 0 : behind_scalar(l->x, entry);
    l->op_count = 0;
}

static trail_place *enter(learner *l, bool object, const trie_node *node, const trie_node *copied) {
    trail_place *outer = l->place, *p = outer->inner;
    while (p && (p->object != object || p->node != node || p->copied != copied))
        p = p->sibling;
    if (p)
        return p;
    p = pl_new(&l->trail->arena, trail_place, 1);
    if (!p)
        return NULL;
    *p = (trail_place){.sibling = outer->inner, .node = node, .copied = copied, .object = object};
    outer->inner = p;
    return p;
}

static uint32_t learn_value(learner *l, uint32_t entry, const trie_node *child);

/* The memo of a wanted place. */
static memo *memo_of(const learner *l, const trie_node *child) {
    return &l->trail->memos[l->trail->program->group_of[child->slot]];
}

/* An element of an array; the first of one that is counted may be wanted itself. */
static uint32_t learn_element(learner *l, uint32_t entry, bool first) {
    const trie_node *node = l->place->node;
    if (node)
        add_op(l, (trail_op){.deed = TRAIL_COUNT, .memo = memo_of(l, node)});
    return learn_value(l, entry, node && first && node->index_count ? node->indices[0].child : NULL);
}

/* A member of an object; the entry behind it. */
static uint32_t learn_member(learner *l, uint32_t entry) {
    const trail_place *p = l->place;
    pl_str key = pl_json_index_raw(l->x, entry);
    const trie_name *name = NULL;
    bool shared;
    if (p->node)
        name = trie_find(p->node, (const uint8_t *)key.p, (uint32_t)key.n, &shared);
    return learn_value(l, entry + 2, name ? name->child : NULL);
}

static uint32_t learn_children(learner *l, uint32_t entry) {
    uint8_t c = pl_json_index_byte(l->x, ++entry);
    if (c == '}' || c == ']')
        return entry + 1;
    for (bool first = true; first || c == ','; first = false) {
        entry = l->place->object ? learn_member(l, entry) : learn_element(l, entry, first);
        c = l->failed ? ']' : pl_json_index_byte(l->x, entry++);
    }
    return entry;
}

/* What clauses see of the value of a wanted place. */
static operator_sight sight_of(const learner *l, const trie_node *child) {
    return (operator_sight)l->trail->program->sights[child->slot];
}

static uint32_t learn_container(learner *l, uint32_t entry, const trie_node *child) {
    trail_place *outer = l->place;
    bool object = pl_json_index_byte(l->x, entry) == '{';
    bool begins = child && !trie_is_walked(child), walked = child && !begins && object;
    bool counted = begins && !object && sight_of(l, child) == SEES_SIZE;
    if (begins)
        add_op(l, (trail_op){.deed = TRAIL_BEGIN,
                             .slot = child->slot,
                             .from = offset(l, entry),
                             .memo = memo_of(l, child)});
    else if (child)
        add_op(l, (trail_op){.deed = TRAIL_TAKE, .slot = child->slot});
    l->place = enter(l, object, walked || counted ? child : NULL, begins && !counted ? child : outer->copied);
    l->failed = l->failed || !l->place;
    if (!l->failed)
        entry = learn_children(l, entry);
    l->place = outer;
    if (begins && !l->failed && !(counted && memo_of(l, child)->width == 0))
        add_op(l, (trail_op){.deed = counted ? TRAIL_CLOSE : TRAIL_END,
                             .slot = child->slot,
                             .from = offset(l, entry - 1) + 1,
                             .memo = memo_of(l, child)});
    return entry;
}

static uint32_t learn_value(learner *l, uint32_t entry, const trie_node *child) {
    uint8_t c = pl_json_index_byte(l->x, entry);
    if (l->failed)
        return entry;
    if (c == '{' || c == '[')
        return learn_container(l, entry, child);
    trail_step draft = {.value = c == '"' ? TRAIL_TEXT : TRAIL_BARE, .slot = child ? child->slot : 0};
    if (child && !trie_is_walked(child)) {
        draft.memo = memo_of(l, child);
        draft.sized = c == '"' && sight_of(l, child) <= SEES_LISTS;
    }
    end_step(l, entry, draft);
    return entry + 1;
}

void trail_learn(trail *t, const pl_json_index *x, const trie_node *root, uint32_t entry) {
    if (t->rest || !t->started) {
        t->started = true;
        return;
    }
    if (!t->root)
        t->root = pl_new(&t->arena, trail_place, 1);
    learner l = {.trail = t, .x = x, .place = t->root, .from = t->root, .failed = !t->root};
    if (l.failed)
        return;
    l.begin = x->at[entry];
    l.place = enter(&l, true, root, NULL);
    l.failed = !l.place;
    if (l.failed)
        return;
    entry = learn_children(&l, entry);
    l.place = t->root;
    if (!l.failed)
        end_step(&l, entry, (trail_step){.value = TRAIL_LAST});
    trail_refresh(t);
}

void trail_refresh(trail *t) {
    for (trail_step *s = t->joined; s; s = s->older)
        memcpy(s->next, s->joined->next, sizeof s->next);
}
