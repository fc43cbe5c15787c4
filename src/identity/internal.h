/*
 * What the files of the identity room share: the room itself, its memory of keys and compiled policies.
 *
 * INVARIANT: what is remembered carries the generation it was read under; a change of any identity raises the
 * generation after its commit, so that nothing older is used afterwards.
 */
#ifndef IDENTITY_INTERNAL_H
#define IDENTITY_INTERNAL_H

#include "base/digest.h"
#include "base/map.h"
#include "identity/identity.h"
#include "policy/decide.h"

#include <pthread.h>
#include <stdatomic.h>

enum { IDENTITY_REMEMBERED_MAX = 20000, IDENTITY_NAME_MAX = 128 };

/* An access key in memory. Freed as one block; views point behind it. */
typedef struct identity_known_key {
    uint64_t generation;
    pl_str access_key_id, account_id, user_name, user_id, secret;
    bool active;
    atomic_llong used_at; /* Unix milliseconds, 0: not since it was read */
    int64_t used_written; /* what the store knows */
} identity_known_key;

/* Compiled policies of one principal. */
typedef struct identity_known_principal {
    uint64_t generation;
    char *key; /* "account NL kind NL name" */
    pl_policy_set *account_wide;
    pl_policy_set *by_group; /* policies scoped to resource groups, named "<group>/<policy>"; NULL: none */
    bool exists;
} identity_known_principal;

struct identity {
    identity_config config;
    unsigned char seal_key[PL_SEAL_KEY_SIZE];
    uint64_t seed; /* of maps whose keys come from strangers */
    atomic_ullong generation;
    pthread_rwlock_t lock; /* guards both maps */
    pl_map keys;           /* access key id -> identity_known_key */
    pl_map principals;     /* key -> identity_known_principal */
};

/* Reads, or makes, the key file. */
int identity_key_file_open(const char *path, const pl_random *random,
                           unsigned char key[static PL_SEAL_KEY_SIZE], pl_error *error);
int identity_key_file_replace(const char *path, const unsigned char key[static PL_SEAL_KEY_SIZE],
                              pl_error *error);

void identity_keys_forget(identity *room);
void identity_principals_forget(identity *room);

/* Opens a session token of `access_key_id`; fills the caller and the secret. */
int identity_session_open(identity *room, pl_arena *arena, pl_str access_key_id, pl_str token, int64_t now,
                          identity_key *key, pl_error *error);

/*
 * The principal's compiled policies, counted for the caller (either may come back NULL). `*exists` tells
 * whether the user or role is still there.
 */
int identity_principal_sets(identity *room, const identity_caller *caller, pl_policy_set **account_wide,
                            pl_policy_set **by_group, bool *exists, pl_error *error);

#endif
