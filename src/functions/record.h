/*
 * Functions as stored: versions, aliases and code packages. The room functions owns the tables of migration
 * 0008 that begin with `function`, except function_events. Every function here works inside the caller's
 * transaction; texts live in the arena.
 */
#ifndef FUNCTIONS_RECORD_H
#define FUNCTIONS_RECORD_H

#include "base/arena.h"
#include "base/error.h"
#include "store/db.h"

enum {
    FUNCTION_NAME_MAX = 64,
    FUNCTION_PACKAGE_MAX = 64 << 20, /* bytes of a code package */
    FUNCTION_TIMEOUT_MAX = 600,      /* seconds; longer runs would outlive what a rule waits for */
    FUNCTION_MEMORY_MIN = 64,        /* MB */
    FUNCTION_MEMORY_MAX = 4096,
    FUNCTION_DISK_MAX = 512, /* MB of /tmp */
    FUNCTION_ENVIRONMENT_MAX = 4096,
    FUNCTIONS_PER_ACCOUNT = 1000,
    FUNCTION_VERSIONS_MAX = 50
};

#define FUNCTION_LATEST PL_STR("LATEST")

typedef struct function_record {
    pl_str account_id, name;
    pl_str version; /* LATEST or a number */
    pl_str function_id;
    pl_str runtime, handler, description;
    pl_str environment; /* JSON object of texts */
    int64_t timeout_seconds, memory_mb, disk_mb;
    pl_str role;           /* ARN; empty: the account's function role */
    pl_str runtime_config; /* customRuntimeConfig as JSON, or empty */
    pl_str endpoint;       /* http(s) URL of a remote function, or empty */
    pl_str members;       /* JSON object of the other members that CreateFunction takes, as they were given */
    pl_str code_checksum; /* SHA-256 in hexadecimal, or empty */
    int64_t code_size;
    pl_str revision;           /* new with every change: instances of another one are ended */
    int64_t created, modified; /* Unix milliseconds */
} function_record;

/* The version that a qualifier (LATEST, a version, an alias; empty: LATEST) stands for. */
int function_find(store_session *session, pl_arena *arena, pl_str account_id, pl_str name, pl_str qualifier,
                  function_record *out, bool *found, pl_error *error);

/* Writes the row of this version, new or changed. */
int function_put(store_session *session, const function_record *record, pl_error *error);

/* Every version, alias and package that no other function needs. */
int function_delete(store_session *session, pl_str account_id, pl_str name, pl_error *error);
int function_delete_version(store_session *session, pl_str account_id, pl_str name, pl_str version,
                            bool *deleted, pl_error *error);

/* LATEST versions by name behind `after`, at most `limit`; names that begin with `prefix`. */
int function_list(store_session *session, pl_arena *arena, pl_str account_id, pl_str prefix, pl_str after,
                  size_t limit, function_record **records, size_t *count, pl_error *error);
int function_count(store_session *session, pl_str account_id, int64_t *count, pl_error *error);

/* Published versions of one function, newest first. */
int function_list_versions(store_session *session, pl_arena *arena, pl_str account_id, pl_str name,
                           function_record **records, size_t *count, pl_error *error);

/* Keeps a package under its checksum; one that is kept already stays. */
int function_put_code(store_session *session, pl_str account_id, pl_str checksum, pl_str package,
                      pl_error *error);
int function_get_code(store_session *session, pl_arena *arena, pl_str account_id, pl_str checksum,
                      pl_str *package, pl_error *error);

typedef struct function_alias {
    pl_str name, version, description;
    int64_t created, modified;
} function_alias;

/* Makes or changes an alias of the function `name`. */
int function_put_alias(store_session *session, pl_str account_id, pl_str name, const function_alias *alias,
                       pl_error *error);
int function_delete_alias(store_session *session, pl_str account_id, pl_str name, pl_str alias, bool *deleted,
                          pl_error *error);
int function_list_aliases(store_session *session, pl_arena *arena, pl_str account_id, pl_str name,
                          function_alias **aliases, size_t *count, pl_error *error);

/* An ARN taken apart: acs:fc:{region}:{account}:functions/... or
 * ...:services/{service}.{qualifier}/functions/... */
typedef struct function_name {
    pl_str region, account_id, name;
    pl_str qualifier; /* LATEST when the ARN names none */
} function_name;

/* False when the text is no function ARN (reference/function-rules.md, section 2). A service is not kept:
 * both generations share one set of names. */
bool function_arn_parse(pl_str arn, function_name *out);

/* instanceLifecycleConfig.initializer: what runs once in every instance, before its first event. */
typedef struct function_initializer {
    pl_str handler; /* empty: there is none */
    int64_t timeout_seconds;
} function_initializer;

enum { FUNCTION_INITIALIZER_SECONDS = 3, FUNCTION_INITIALIZER_MAX = 300 };

/* Reads it from the record's members. */
int function_initializer_of(pl_arena *arena, const function_record *record, function_initializer *out,
                            pl_error *error);

/* Letters, digits, - and _, beginning with a letter or _; at most FUNCTION_NAME_MAX bytes. */
bool function_name_is_sound(pl_str name);

/* All functions of an account that is deleted, with their code and what waits to be invoked. */
int functions_delete_account(store_session *session, pl_str account_id, pl_error *error);

#endif
