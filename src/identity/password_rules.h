/*
 * What the passwords of an account's users must be: SetPasswordPolicy of RAM. Length and kinds of characters
 * are asked of every new password. There is no console here whose logins could expire or fail, so the rest is
 * kept and told only.
 */
#ifndef IDENTITY_PASSWORD_RULES_H
#define IDENTITY_PASSWORD_RULES_H

#include "identity/entities.h"

typedef struct identity_password_rules {
    int64_t least;                      /* characters, IDENTITY_PASSWORD_MIN to IDENTITY_PASSWORD_MAX */
    bool small, capital, digit, symbol; /* one at least of each that is set */
    bool hard_expiry;
    int64_t days;     /* 0 to 1095; 0: a password does not expire */
    int64_t previous; /* 0 to 24 former passwords that may not be taken again */
    int64_t attempts; /* 0 to 32 in an hour; 0: any number */
} identity_password_rules;

/* What holds until the account sets others. */
extern const identity_password_rules identity_password_rules_initial;

/* The account's rules; writing them does not look at passwords that exist. */
int identity_password_rules_get(const identity_scope *in, identity_password_rules *rules, pl_error *error);
int identity_password_rules_set(const identity_scope *in, const identity_password_rules *rules,
                                pl_error *error);

/* Printable characters out of at least two of small, capital, digit and other, and what the rules ask for. */
bool identity_password_fits(pl_str password, const identity_password_rules *rules);

#endif
