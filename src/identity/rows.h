/* Small helpers that the tables of the identity room share. */
#ifndef IDENTITY_ROWS_H
#define IDENTITY_ROWS_H

#include "identity/entities.h"
#include "identity/internal.h"

#define IDENTITY_DIGITS "0123456789"
#define IDENTITY_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Takes a change over when it is present. */
static inline void identity_change(pl_str *value, pl_str change) {
    if (change.p)
        *value = change;
}

/* A text column, copied into the scope's arena. */
static inline pl_str identity_column(const identity_scope *in, store_statement *row, int column) {
    return pl_arena_copy(in->arena, store_column_text(row, column));
}

/* 0, or ServiceUnavailable when the arena could not hold what was read. */
static inline int identity_done(const identity_scope *in, pl_error *error) {
    return in->arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

/* Fails with `code` when the count of the statement ($1 the account) has reached `max`. */
int identity_check_count(const identity_scope *in, const char *sql, int64_t max, pl_error_code code,
                         pl_error *error);

/* What stands in the way of deleting something: a statement ($1 account, $2 name) that finds a row. */
typedef struct identity_obstacle {
    const char *sql;
    pl_error_code code;
} identity_obstacle;

/* Fails with the code of the first obstacle whose statement finds a row for the name. */
int identity_check_free(const identity_scope *in, pl_str name, const identity_obstacle *obstacles,
                        size_t count, pl_error *error);

/* A fresh id: prefix and `length` characters of the alphabet. */
int identity_new_id(const identity_scope *in, const char *prefix, size_t length, const char *alphabet,
                    pl_str *id, pl_error *error);

#endif
