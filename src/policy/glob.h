/*
 * Wildcard patterns: `*` any run of characters, `?` one character; the whole subject must match
 * (reference/policy-language.md, section 2.1).
 *
 * No pattern makes matching explode: the head and the tail are compared in place, every part between two
 * stars is searched once, in time proportional to the subject (parts with `?`: times one per 64 characters of
 * the part). A character is a UTF-8 sequence.
 */
#ifndef PL_POLICY_GLOB_H
#define PL_POLICY_GLOB_H

#include "base/str.h"

enum { PL_GLOB_MAX_SUBJECT = 4096 }; /* bytes */

typedef struct pl_glob {
    pl_str text;    /* not owned */
    size_t head;    /* bytes before the first star; all of them when there is none */
    size_t tail;    /* bytes behind the last star */
    size_t minimum; /* bytes that every match has at least */
    bool star;
    bool question;
} pl_glob;

/* The pattern of a text, which must outlive it. */
pl_glob pl_glob_of(pl_str text);

/* False also for a subject above PL_GLOB_MAX_SUBJECT: callers keep such subjects out. */
bool pl_glob_match(const pl_glob *glob, pl_str subject);

/* True only when everything that `narrow` matches, `wide` matches too; may be false when unsure. */
bool pl_glob_covers(pl_str wide, pl_str narrow);

/* False only when no subject matches both; may be true when unsure. */
bool pl_glob_overlap(pl_str a, pl_str b);

#endif
