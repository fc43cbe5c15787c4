/*
 * The trail of former documents: what stands between two scalar values of a text, as bytes.
 *
 * Between the end of one scalar and the beginning of the next a document has brackets, commas, keys and
 * colons only, and documents of one type have the same there. A step is such a stretch, learned from a
 * document that the member by member walk (guided.c) accepted, together with what begins and ends there and
 * with the value behind it. While a new document follows known steps, a comparison of bytes replaces the
 * proof of its grammar and the search for its keys; only its scalars are looked at, and neither a structural
 * index nor a copy is made. What is wanted is only noted: its text is looked up among the values of former
 * documents (memo.h).
 *
 * INVARIANT: a step belongs to the containers that are open before it (its place), and is followed there
 * only. As it was sound there once, it is sound there always: brackets, keys and what is wanted depend on the
 * open containers and on the bytes alone. Members that occur twice leave the trail.
 */
#ifndef PL_CONDITION_TRAIL_H
#define PL_CONDITION_TRAIL_H

#include "condition/program_internal.h"

struct memo;

enum {
    TRAIL_HEAD = 32,
    TRAIL_EDGES = 8,
    TRAIL_USUAL = 32,
    TRAIL_DOCUMENT = 1 << 16 /* bytes; longer ones are not followed */
};

/* What is done on the way to a value, in order. */
typedef enum trail_deed {
    TRAIL_TAKE,  /* marks a place of which nothing is noted: an object that is walked into */
    TRAIL_BEGIN, /* a wanted container begins */
    TRAIL_COUNT, /* an element of it, where only their number is wanted */
    TRAIL_END,   /* it ends, and all of its text is wanted */
    TRAIL_CLOSE, /* or only the number */
    TRAIL_VALUE, /* a wanted scalar, of which the bytes are known */
    TRAIL_DONE
} trail_deed;

typedef struct trail_op {
    trail_deed deed;
    uint32_t slot;
    uint32_t from;     /* bytes of the step before or with the bracket, or before the scalar */
    struct memo *memo; /* of the container or scalar */
    /* TRAIL_VALUE: what it is looked up by (NULL: by itself), and what was found, in which state of the memo.
     */
    uint32_t n, version;
    const uint8_t *key;
    struct memo_entry *found;
} trail_op;

/* What the value behind a step is. */
typedef enum trail_value {
    TRAIL_TEXT,
    TRAIL_BARE, /* a number or a word */
    TRAIL_LAST  /* nothing follows */
} trail_value;

typedef struct trail_place trail_place; /* the containers that are open, the innermost last */
typedef struct trail_step trail_step;

/* What usually stands behind a step: a scalar of up to TRAIL_USUAL bytes, then another step. */
typedef struct trail_usual {
    uint32_t seen, same, n;
    uint8_t bytes[TRAIL_USUAL];
    trail_step *next;
} trail_usual;

typedef uint64_t trail_block __attribute__((vector_size(16)));

struct trail_step {
    trail_block head[2], mask[2]; /* the first bytes, and which of them count */
    uint32_t length;              /* of all bytes; a text's opening quote is the last one */
    uint32_t before;              /* bytes before the value, or up to the last bracket and with it */
    trail_value value;
    bool sized;                    /* of a text only whether it is empty is wanted */
    uint32_t slot;                 /* of the value; 0: it is not asked for */
    struct memo *memo;             /* of a wanted value */
    trail_op *op;                  /* up to TRAIL_DONE; NULL: there are none */
    trail_step *next[TRAIL_EDGES]; /* what was seen behind the value */
    const uint8_t *bytes;          /* all of them */
    trail_step *sibling;           /* the next step of the same place */
    /* Joining (trail_join.c). */
    trail_step *older; /* the next one of the trail's list */
    const trail_step
        *joined;      /* of a joined step: the last of its parts, which has the same value and edges */
    trail_step *over; /* the joined step that begins with this one, or NULL */
    trail_usual usual;
};

/* What does not change on the way, so that it stays in registers though bytes are written. */
typedef struct trail_follower {
    const uint8_t *const end;
    uint32_t *const slots;
    unsigned char *const cells;
    memo_set *const memos;
    pl_json_parser *const parser;
} trail_follower;

/*
 * The byte behind the object at `at`, or NULL. The wide one is for processors that trail_is_wide tells of;
 * both do the same.
 */
typedef const uint8_t *(*trail_following)(const trail_step *first, const trail_follower *f,
                                          const uint8_t *at);
const uint8_t *trail_follow_plain(const trail_step *first, const trail_follower *f, const uint8_t *at);
const uint8_t *trail_follow_wide(const trail_step *first, const trail_follower *f, const uint8_t *at);
bool trail_is_wide(void);

typedef struct trail {
    trail_following follow;
    pl_arena arena;
    trail_place *root;
    trail_step *first;
    trail_step *all, *joined; /* those that were learned, and those that were made of them */
    pl_arena joints;          /* of those that were made; made anew each time */
    const pl_program *program;
    struct memo *memos; /* by group */
    size_t steps;
    uint32_t patience; /* documents that follow before others are looked at for joining, and of these */
    uint32_t calm;     /* documents that followed since something was learned, up to twice the patience */
    uint32_t joins;    /* how often steps were joined */
    int credit;        /* rises with documents that follow, falls with others */
    uint32_t rest;     /* documents that are not tried */
    uint32_t holiday;  /* how long the last rest was */
    bool started;      /* the first document is not learned: there may be no other */
} trail;

/* Without a trail of its own; NULL without memory. */
trail *trail_new(const pl_program *program, struct memo *memos);
void trail_free(trail *t);

/* False while nothing is learned, and for documents that it rests for, of which this counts as one. */
bool trail_is_open(trail *t);

/*
 * The byte behind the object at `at`, or NULL: slots and cells are then of no use. Wanted places get the slot
 * SLOT_IS_TEXT. Up to `end` is text, PL_JSON_PADDING bytes behind it are readable.
 */
const uint8_t *trail_follow(trail *t, pl_program_state *state, const uint8_t *at, const uint8_t *end);

/* Learns an object that the walk has accepted. */
void trail_learn(trail *t, const pl_json_index *x, const trie_node *root, uint32_t entry);

/* Fills the head of a step from its bytes. */
void trail_fill_head(trail_step *s);

/* Looks at a document that followed for what is usual in it. */
void trail_look(trail *t, pl_json_parser *parser, const uint8_t *at, const uint8_t *end);

/* Joins steps anew by what was seen since the last time. */
void trail_join(trail *t);

/* Gives joined steps the edges that were learned meanwhile. */
void trail_refresh(trail *t);

#endif
