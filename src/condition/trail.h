/*
 * The trail of former documents: what stands between two scalar values of a text, as bytes.
 *
 * Between the end of one scalar and the beginning of the next a document has brackets, commas, keys and
 * colons only, and documents of one type have the same there. A step is such a stretch, learned from a
 * document that the member by member walk (guided.c) accepted, together with what has to be done there and
 * with the value behind it. While a new document follows known steps, a comparison of bytes replaces the
 * proof of its grammar and the search for its keys; only its scalars are looked at.
 *
 * INVARIANT: a step belongs to the containers that are open before it (its place), and is followed there
 * only. As it was sound there once, it is sound there always: brackets, keys and what is wanted depend on the
 * open containers and on the bytes alone. Members that occur twice leave the trail.
 */
#ifndef PL_CONDITION_TRAIL_H
#define PL_CONDITION_TRAIL_H

#include "condition/program_internal.h"

enum { TRAIL_HEAD = 32, TRAIL_EDGES = 6 };

/* What is done on the way to a value, in order. */
typedef enum trail_deed {
    TRAIL_TAKE,  /* marks the place of an object that is walked into */
    TRAIL_BEGIN, /* begins to copy a wanted container */
    TRAIL_OPEN,  /* a container within a copied one */
    TRAIL_KEY,   /* a key of a copied object */
    TRAIL_CLOSE, /* the end of a container within a copied one */
    TRAIL_END,   /* the end of the wanted container */
    TRAIL_DONE
} trail_deed;

typedef struct trail_op {
    trail_deed deed;
    char bracket;         /* of what is opened or closed: the opening one */
    uint32_t from, count; /* TRAIL_KEY: the bytes of the step; TRAIL_CLOSE, TRAIL_END: unused */
    const trie_node *child;
} trail_op;

/* What the value behind a step is, and what is done with it. */
typedef enum trail_want {
    TRAIL_SKIP_TEXT,
    TRAIL_SLOT_TEXT,
    TRAIL_SKIP_BARE, /* a number or a word */
    TRAIL_SLOT_BARE,
    TRAIL_COPY_TEXT, /* of a container that is copied */
    TRAIL_COPY_BARE,
    TRAIL_PLACE, /* there should have been an object that is walked into */
    TRAIL_LAST   /* nothing follows */
} trail_want;

typedef struct trail_place trail_place; /* the containers that are open, the innermost last */
typedef struct trail_step trail_step;

typedef uint64_t trail_block __attribute__((vector_size(16)));

struct trail_step {
    trail_block head[2], mask[2]; /* the first bytes, and which of them count */
    uint32_t entries;             /* of the structural index, from the first byte to the value's */
    uint32_t length;              /* of all bytes; a text's opening quote is the last one */
    trail_want want;
    uint32_t slot;

    const trail_op *op;            /* up to TRAIL_DONE; NULL: there are none */
    trail_step *next[TRAIL_EDGES]; /* what was seen behind the value */
    const uint8_t *bytes;          /* all of them */
    trail_step *sibling;           /* the next step of the same place */
};

typedef struct trail {
    pl_arena arena;
    trail_place *root;
    trail_step *first;
    size_t steps, places;
    int credit;       /* rises with documents that follow, falls with others */
    uint32_t rest;    /* documents that are not tried */
    uint32_t holiday; /* how long the last rest was */
    bool started;     /* the first document is not learned: there may be no other */
} trail;

/* NULL without memory. */
trail *trail_new(void);
void trail_free(trail *t);

/* The entry behind the object at `entry`, or 0: slots and excerpt are then of no use. */
uint32_t trail_follow(trail *t, guide *g, uint32_t entry);

/* Learns an object that the walk has accepted. */
void trail_learn(trail *t, const pl_json_index *x, const trie_node *root, uint32_t entry);

#endif
