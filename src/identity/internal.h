/*
 * What the files of the identity room share: the room itself, its memory of keys and compiled policies, the
 * key that seals secrets.
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
    pl_str access_key_id, account_id, user_name, user_id, arn, secret;
    bool active;
    atomic_llong used_at;      /* Unix milliseconds, 0: not since it was read */
    atomic_llong used_written; /* what the store knows */
} identity_known_key;

/* Where a policy of a set comes from. */
typedef struct identity_origin {
    pl_str version;     /* "v2"; empty for shipped policies */
    const char *entity; /* RamUser, RamGroup, RamRole */
} identity_origin;

/* Compiled policies with one scope; `origins` runs along the set's policies. */
typedef struct identity_scoped_set {
    pl_str resource_group_id; /* empty: the whole account */
    pl_policy_set *set;       /* NULL: no policy */
    const identity_origin *origins;
} identity_scoped_set;

/* The compiled policies of one user or role: immutable, counted. */
typedef struct identity_principal {
    atomic_uint references;
    uint64_t generation;
    pl_arena arena; /* of all that is below */
    pl_str key;     /* "account NL kind NL name NL id" */
    bool exists;    /* false: the user or role is gone, or is another one of the same name */
    identity_scoped_set account_wide;
    identity_scoped_set *groups;
    size_t group_count;
} identity_principal;

struct identity {
    identity_config config; /* key_file points to key_path */
    char key_path[4096];
    uint64_t seed; /* of maps whose keys come from strangers */
    atomic_ullong generation;
    pthread_rwlock_t lock; /* guards the two maps and the seal key */
    unsigned char seal_key[PL_SEAL_KEY_SIZE];
    pthread_mutex_t calls_lock; /* guards the map of gathered calls */
    pl_map calls;
    size_t calls_bytes; /* of their keys */
    pl_map keys;        /* access key id -> identity_known_key */
    pl_map principals;  /* key -> identity_principal */
};

/* --- Changes -----------------------------------------------------------------------------------------------
 */

/* From now on every identity_changed that is committed, here or elsewhere, raises the generation. */
int identity_changes_listen(identity *room, pl_error *error);

/* --- The key that seals secrets --------------------------------------------------------------------------
 */

/* Reads a key file. 1 read, 0 there is none, -1 error. */
int identity_key_file_read(const char *path, unsigned char key[static PL_SEAL_KEY_SIZE], pl_error *error);

/* Writes a key file durably; an old one is replaced as a whole. */
int identity_key_file_write(const char *path, const unsigned char key[static PL_SEAL_KEY_SIZE],
                            pl_error *error);

/* Takes the key file that belongs to the store, or makes the first one. */
int identity_seal_open(identity *room, pl_error *error);

/*
 * Inside a work that seals: makes sure that the key in memory is the store's, reading the file again when
 * another process has rotated it.
 */
int identity_seal_ready(identity *room, store_session *session, pl_error *error);

/*
 * Outside of works: true when the key in memory is the store's, after looking for it. `reload` looks only
 * when the key file differs from what is in memory, which costs no statement: for what strangers send.
 */
bool identity_seal_refresh(identity *room);
bool identity_seal_reload(identity *room);

/* pl_seal and pl_unseal with the room's key. */
int identity_seal(identity *room, pl_buf *out, pl_str plain, pl_str bound);
int identity_unseal(identity *room, pl_buf *out, pl_str sealed, pl_str bound);

/* What an access key's secret is bound to, so that it cannot be moved to another key; a view of `buffer`. */
pl_str identity_key_bound(char *buffer, size_t size, pl_str account_id, pl_str access_key_id);

/* --- Policies and calls in memory --------------------------------------------------------------------------
 */

/* Drops all compiled policies; who holds some keeps them until it lets go. */
void identity_principals_forget(identity *room);

/* The compiled policies of a user or role (name and id as the caller carries them), counted. */
int identity_principal_open(identity *room, const identity_caller *caller, identity_principal **principal,
                            pl_error *error);
void identity_principal_close(identity_principal *known); /* NULL is fine */

/* The policies scoped to the resource group that the ARN names; NULL when there are none. */
const identity_scoped_set *identity_principal_group(const identity_principal *principal, pl_str resource);

/* How many resources of one call are logged. */
enum { IDENTITY_RESOURCES_LOGGED = 16 };

/* The tags of a resource that a decision saw, as acs:ResourceTag/<key>; not `known`: no policy asked. */
typedef struct identity_seen_tags {
    const identity_fact *facts;
    size_t count;
    bool known;
} identity_seen_tags;

/*
 * Counts a call on what `owner_id` owns; writes what was counted; forgets it. `tags` are those of the first
 * IDENTITY_RESOURCES_LOGGED resources, in their order.
 */
void identity_calls_note(identity *room, const identity_caller *caller, pl_str owner_id,
                         const identity_request *request, const identity_seen_tags *tags);
int identity_calls_flush(identity *room, pl_error *error);
void identity_calls_forget(identity *room);

/* --- Sessions, keys and accounts ---------------------------------------------------------------------------
 */

/* Opens a session token of `access_key_id`; fills the caller and the secret. */
int identity_session_open(identity *room, pl_arena *arena, pl_str access_key_id, pl_str token, int64_t now,
                          identity_key *key, pl_error *error);

/* Drops all keys that are remembered, and wipes their secrets. */
void identity_keys_forget(identity *room);
int identity_keys_flush(identity *room, pl_error *error); /* writes when keys were used last */

struct identity_scope;

/* The role by which the management account enters a member. */
int identity_access_role_create(const struct identity_scope *in, pl_str management_id, pl_error *error);

#endif
