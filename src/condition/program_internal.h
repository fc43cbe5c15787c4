/* The compiled form of a program and a thread's state. Only the files of this room include this. */
#ifndef PL_CONDITION_PROGRAM_INTERNAL_H
#define PL_CONDITION_PROGRAM_INTERNAL_H

#include "base/map.h"
#include "condition/columns.h"
#include "condition/condition_internal.h"
#include "condition/program.h"
#include "json/index.h"

#include <stdatomic.h>

/*
 * A text that is compared with the bytes of a tape word by word, up to seven bytes behind its end, which
 * every string buffer has.
 */
typedef struct word_text {
    const uint8_t *bytes; /* readable up to a multiple of eight */
    size_t whole;         /* bytes in whole words */
    uint64_t mask;        /* of the last, incomplete word; 0: there is none */
} word_text;

/* Copies a text into the arena in whole words. False without memory. */
bool word_text_make(pl_arena *arena, pl_str text, word_text *out);

/* True when the bytes are the same; the lengths are known to be. */
static inline bool word_text_is(const word_text *text, const uint8_t *bytes) {
    uint64_t a, b;
    size_t at = 0;
    for (; at < text->whole; at += sizeof a) {
        memcpy(&a, bytes + at, sizeof a);
        memcpy(&b, text->bytes + at, sizeof b);
        if (a != b)
            return false;
    }
    memcpy(&a, bytes + at, sizeof a);
    memcpy(&b, text->bytes + at, sizeof b);
    return ((a ^ b) & text->mask) == 0;
}

typedef struct trie_node trie_node;

/* A member name that is asked for. Free table entries have no child. */
typedef struct trie_name {
    uint64_t head;  /* length and first bytes of the name, as they stand in the string buffer */
    word_text tail; /* the bytes behind the first four */
    pl_str name;
    const trie_node *child;
} trie_name;

typedef struct trie_index {
    int64_t index;
    const trie_node *child;
} trie_index;

/* A place that some path names. Its position on the tape is captured in its slot (0: not there). */
struct trie_node {
    uint32_t slot;
    bool whole;     /* the value is asked for, not only something below it */
    unsigned shift; /* 64 minus the binary logarithm of the table's size */
    trie_name *table;
    size_t names;
    const trie_name *only; /* the name when there is one only */
    trie_index *indices;
    size_t index_count;
    size_t name_capacity, index_capacity; /* while building: `table` is then a plain list */
};

/* One walk over one document: all plain paths of the program that start at its root. */
typedef struct trie {
    trie_node *root;
    uint32_t slots;
} trie;

/*
 * What a thread has seen of the objects at one node: documents of one type nearly always have the same
 * members in the same order, so the next member is predicted and only verified. A wrong prediction costs a
 * look into the node's table and changes no result.
 */
typedef struct trie_member {
    uint64_t head, mask; /* the mask hides what stands behind a name of less than four bytes */
    uint32_t width;      /* words of the key and its value; 0: the value tells where it ends */
} trie_member;

/* A wanted name among the members of a shape. */
typedef struct trie_wanted {
    const trie_name *name;
    uint32_t member; /* number in the shape */
    uint32_t slot;
    bool inner; /* something below is wanted, too */
} trie_wanted;

typedef struct trie_shape {
    trie_member *members; /* one more behind the last, which equals nothing */
    trie_wanted *wanted;
    uint32_t count, wanted_count, capacity; /* of members */
} trie_shape;

/*
 * The same for objects that are read from their text (guided.c): the bytes from a key's opening quote to its
 * colon, as eight-byte words. `name` is what the member is wanted for, or NULL. A leaf is wanted itself, and
 * nothing below it apart.
 */
enum { TEXT_WORDS = 4 };

typedef struct text_member {
    uint64_t words[TEXT_WORDS], masks[TEXT_WORDS];
    bool more; /* the last words are not empty */
    enum text_role { TEXT_UNWANTED, TEXT_LEAF, TEXT_INNER } role;
    uint32_t slot; /* of what is wanted */
    const trie_name *name;
} text_member;

typedef struct text_shape {
    text_member *members; /* one more behind the last, which equals nothing */
    uint32_t count, capacity;
} text_shape;

/* The node for the first `steps` steps of a path, made when missing; NULL without memory. */
trie_node *trie_add(pl_arena *arena, trie *t, const pl_path *path, size_t steps);

/* The node for a member below a node. */
trie_node *trie_add_name(pl_arena *arena, trie *t, trie_node *node, pl_str name);

/* Turns the lists of names into tables. False without memory. */
bool trie_seal(pl_arena *arena, trie_node *node);

/*
 * Captures every wanted place; `slots` holds `t->slots` zeros, `shapes` as many entries, zeroed before the
 * first walk and freed with trie_forget.
 */
void trie_walk(const trie *t, pl_json root, uint32_t *slots, trie_shape *shapes);
void trie_forget(const trie *t, trie_shape *shapes);

/* As trie_walk for what is wanted below a node, at a value whose place is captured. */
void trie_walk_below(const trie_node *node, pl_json value, uint32_t *slots, trie_shape *shapes);

static inline bool trie_is_inner(const trie_node *node) {
    return node->names || node->index_count;
}

/* An object there is passed on the way to its members, and nothing else is wanted of it. */
static inline bool trie_is_walked(const trie_node *node) {
    return !node->whole && node->index_count == 0;
}

/*
 * The entry for a name of `n` bytes, or NULL; `*shared` tells that a wanted name has the same length and
 * first four bytes. Seven bytes behind the name must be readable.
 */
const trie_name *trie_find(const trie_node *node, const uint8_t *name, uint32_t n, bool *shared);

/* A document that has to be made during evaluation: JSON text in a property, or related resources. */
typedef struct derived {
    source_kind source; /* SOURCE_FIELD or SOURCE_RELATED */
    pl_str key;         /* text of the source; equal sources share one document */
    const pl_path *field;
    uint32_t slot; /* SOURCE_FIELD: of the plain beginning of `field` */
    size_t from;   /* SOURCE_FIELD: segments of `field` that the slot stands for */
    pl_str type;   /* SOURCE_RELATED */
} derived;

/* A value that clauses look at. */
typedef struct program_feature {
    source_kind source;
    const pl_path *path;
    bool plain; /* the slot is the value */
    uint32_t slot;
    size_t from;
    size_t derived;
    feature fixed;
    uint32_t *any_slots; /* the path ends in a union of names: where each of them is captured */
    size_t any_count;
} program_feature;

/* The JSON texts are what an evaluated clause has around its value and its result: they never change. */
typedef struct program_clause {
    const clause *clause;
    size_t feature;
    uint32_t cell, group;
    pl_str json_source, json_rest;
} program_clause;

/*
 * Clauses and required places that look at one value, or into it (groups.c). Where they see the size of an
 * array only, those that look into its first element have groups of their own.
 */
#define NO_GROUP UINT32_MAX
#define NO_CELL UINT32_MAX

typedef struct program_group {
    const trie_node *node; /* the place of the value */
    uint32_t cell, width;  /* the first of its cells; all of them, in bytes, a multiple of eight */
    bool timed;            /* a clause depends on the time of evaluation */
    const uint32_t *quick; /* numbers of its quick clauses */
    uint32_t quick_count;
} program_group;

/*
 * What the annotations of a clause under a rule have around their value. Lies together, as one is needed for
 * each deviation. The texts have PL_BUF_BLOCK bytes behind them.
 */
struct program_note {
    pl_str behind;  /* what follows the value, the closing brace included */
    pl_str fixed;   /* the value of a parameter as JSON; absent: there is none */
    uint32_t slot;  /* of a value of the configuration that is looked at as a whole; 0: it is no such value */
    uint32_t group; /* of that value */
};

/* Numbers of cells, and what they decide (quick_internal.h). */
typedef struct quick_clause quick_clause;
typedef struct quick_pair quick_pair;
typedef struct quick_simple quick_simple;
typedef struct quick_joined quick_joined;
typedef struct quick_rule quick_rule;

typedef struct program_rule {
    branch condition;
    branch applies;    /* no children: always */
    branch sufficient; /* no children: nothing is asked besides the required places */
    size_t *required;  /* features */
    size_t required_count;
    size_t *related; /* derived documents that must not be empty */
    size_t related_count;
    pl_str insufficient; /* not empty: the reason why nothing is ever decided */
    pl_str annotation_operator;
    uint32_t *columns; /* numbers of those that decide, ascending */
    size_t column_count;
} program_rule;

struct pl_program {
    atomic_uint references;
    pl_arena arena;
    bool sealed, broken; /* broken: memory ended while a rule was linked */
    bool whole;          /* a path looks at the whole document: it must be on a tape */
    program_rule *rules;
    size_t rule_count, rule_capacity;
    program_clause *clauses;
    size_t clause_count, clause_capacity;
    program_feature *features;
    size_t feature_count, feature_capacity;
    derived *derived;
    size_t derived_count, derived_capacity;
    pl_map known; /* keys of clauses, features and derived documents: number + 1; empty once sealed */
    trie configuration, item;
    pl_condition_needs needs;
    program_group *groups;
    size_t group_count;
    uint32_t *group_of, *presence; /* by slot: the group; the cell that tells whether there is a value */
    unsigned char *sights;         /* by slot: what clauses see of the value (operator_sight) */
    unsigned char *cells;  /* truths before a document is seen: UNKNOWN, or what no document can change */
    unsigned char *absent; /* the same for a document in which nothing is there */
    size_t cell_count;     /* the clauses by group, those without one, then what quick rules need besides */
    const program_note **only_notes; /* by rule: of its clause, when there is one only, or NULL */
    quick_clause *quick_clauses;
    size_t quick_clause_count;
    size_t quick_ends[QUICK_KINDS]; /* the clauses of a kind begin where those of the kind before end */
    quick_pair *quick_pairs;
    size_t quick_pair_count;
    quick_simple *quick_simple; /* together with the two below all rules that are quick */
    size_t quick_simple_count;
    quick_joined *quick_joined;
    size_t quick_joined_count;
    quick_rule *quick_rules;
    size_t quick_rule_count;
    const uint8_t *quick_verdicts; /* tables by cells (quick_internal.h) */
    size_t *slow_rules;            /* the others */
    size_t slow_rule_count;
    size_t *lazy_features; /* those that are found by more than the walk */
    size_t lazy_feature_count;
    pl_column *columns; /* sorted by name */
    size_t column_count;
    bool reads_whole; /* the columns do not suffice */
    bool forgoes_columns;
};

/*
 * One walk over the text of a document: proves that it is JSON and captures what the program asks for in an
 * excerpt. `slots` and `shapes` as for trie_walk, `text_shapes` likewise. The entry behind the value at
 * `entry`, or 0 when it is refused; the slots are then of no use.
 */
typedef struct guide {
    const pl_json_index *index;
    pl_json_excerpt *excerpt;
    uint32_t *slots;
    trie_shape *shapes;
    text_shape *text_shapes;
    struct trail *trail; /* trail.h: learns what is walked */
} guide;

/*
 * Walks the object at `entry` of the index along the trie and fills the slots; the entry behind it, or 0 when
 * the text has to be parsed.
 */
uint32_t guide_walk(guide *g, const trie *t, uint32_t entry);
void guide_forget(const trie *t, text_shape *shapes);

/* A slot of a value that is still text (memo.h); what is below it has no slot yet. */
#define SLOT_IS_TEXT UINT32_MAX

typedef struct memo_set memo_set;

typedef enum progress { NOT_YET, DONE, IN_ERROR } progress;

typedef struct feature_result {
    progress progress;
    feature value;
    const pl_error *error;
} feature_result;

typedef struct derived_result {
    progress progress;
    pl_json root;
    const pl_error *error;
    pl_json_parser *parser; /* SOURCE_FIELD; made when first needed */
} derived_result;

struct pl_program_state {
    const pl_program *program;
    const pl_program_input *input;
    pl_program_input kept; /* copy of the last input, for explanations */
    uint32_t *slots, *item_slots;
    trie_shape *shapes, *item_shapes;
    text_shape *text_shapes;
    struct trail *trail;
    memo_set *memos;
    pl_json_parser *parser; /* of the text that slots stand for */
    pl_json_excerpt excerpt;
    feature_result *features;
    derived_result *derived;
    bool followed;           /* along the trail: the memos of slots that are not 0 have the values' texts */
    bool late;               /* a clause of a group that is kept was decided only because a rule asked */
    unsigned char *truths;   /* cells */
    const pl_error **errors; /* of clauses that FAILED */
    pl_verdict *verdicts;
    pl_arena scratch;
    pl_buf text;
    pl_error error, memory_error;
};

/* Lists the columns of a program whose tries are built. False without memory. */
bool columns_seal(pl_program *program);

/* Fills the slots from the input's places instead of by a walk. */
void columns_take(pl_program_state *state);

/* Truth of a clause, by its number, in the document of the last evaluation; found when first asked. */
truth state_clause(pl_program_state *state, size_t number);

/* The value a clause looks at, by its number; missing when it cannot be had. */
feature state_feature(pl_program_state *state, size_t number);

/* The related resources, or the document inside a property. */
const derived_result *state_derived(pl_program_state *state, size_t number);

/* True when a required value is there. */
bool state_has_required(pl_program_state *state, size_t number);

/* The value's text as a JSON string. */
void state_write_value(pl_program_state *state, const feature *value, pl_buf *out);

/* A copy of the state's error that lives as long as the evaluation's results. */
const pl_error *state_keep_error(pl_program_state *state);

/* Numbers the cells of clauses and required places by group. False without memory. */
bool groups_seal(pl_program *program);

/* Makes what annotations have around their values; behind groups_seal. False without memory. */
bool notes_seal(pl_program *program);

/* Finds the clauses and rules that can be decided without looking left or right. False without memory. */
bool quick_seal(pl_program *program);

/* The verdict of a rule that the quick pass could not decide: a bit that no other verdict has. */
enum { QUICK_PENDING = 8 };

/* Decides the cells of all quick clauses, and those of one group. */
void quick_run_clauses(pl_program_state *state);
void quick_run_group(pl_program_state *state, const program_group *group);

/*
 * Decides the quick rules, and what is between them and the clauses. False when some of them (QUICK_PENDING)
 * have to be judged.
 */
bool quick_run_rules(pl_program_state *state);

/* Truth of a tree: NO, YES or FAILED. Every clause is evaluated, so an error is never passed over. */
truth state_branch(pl_program_state *state, const branch *b);

#endif
