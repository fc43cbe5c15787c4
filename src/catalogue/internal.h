/*
 * Inside the catalogue room: the index over the packed files and the readers of their JSON.
 *
 * INVARIANT: an entry's text has PL_JSON_PADDING readable bytes behind it; a shelf's entries do not change
 * after catalogue_open; `objects` is filled under the lock and does not change once `ready` is set. Before
 * that a rule that is asked for by its name is there alone, in its entry's place.
 */
#ifndef CATALOGUE_INTERNAL_H
#define CATALOGUE_INTERNAL_H

#include "catalogue/catalogue.h"

#include "base/map.h"
#include "json/parser.h"

#include <pthread.h>
#include <stdatomic.h>

/* One file: its name without folder and ending, and its JSON text. */
typedef struct catalogue_entry {
    pl_str name, text;
    pl_str file; /* of the user's own files: the path, for messages; absent for embedded ones */
} catalogue_entry;

/* Where a reader is, for its messages. */
typedef struct catalogue_reader {
    pl_arena *arena; /* what is kept */
    const catalogue_entry *entry;
    pl_error *error;
} catalogue_reader;

/* Makes the object of one entry; the JSON dies afterwards. */
typedef int (*catalogue_read)(catalogue_reader *reader, pl_json root, void **object);

/* One folder of the catalogue. Objects are sorted by `key` once they are loaded. */
typedef struct catalogue_shelf {
    pl_str folder; /* "rules/" */
    catalogue_read read;
    size_t key_offset; /* of the pl_str that sorts the objects */
    catalogue_entry *entries;
    size_t count, capacity;
    void **objects;
    _Atomic(bool) ready;
} catalogue_shelf;

enum {
    CATALOGUE_RULES,
    CATALOGUE_PACKS,
    CATALOGUE_TYPES,
    CATALOGUE_TERRAFORM,
    CATALOGUE_ORCHESTRATION,
    CATALOGUE_REMEDIATIONS,
    CATALOGUE_SHELVES
};

struct catalogue {
    catalogue_shelf shelves[CATALOGUE_SHELVES];
    pl_map types;         /* lower-case names and aliases of types, filled with the types */
    pl_arena arena;       /* all that lives as long as the catalogue; under the lock */
    pthread_mutex_t lock; /* loading */
};

/* file.c: entries of the embedded pack and of a directory. Only before the catalogue is shared. */
int catalogue_index_pack(catalogue *c, bool with_rules, pl_error *error);
int catalogue_index_file(catalogue *c, const char *path, pl_error *error);
int catalogue_index_directory(catalogue *c, const char *directory, pl_error *error);

/* read.c: values with their place in messages. `path` is a JSONPath such as "$.parameters[0]". */
int catalogue_no_memory(pl_error *error);
int catalogue_wrong(catalogue_reader *r, const char *path, const char *reason);
int catalogue_take_text(catalogue_reader *r, pl_json node, const char *path, pl_str *text);
int catalogue_take_bool(catalogue_reader *r, pl_json node, const char *path, bool *value);
int catalogue_take_list(catalogue_reader *r, pl_json node, const char *path, catalogue_list *list);
int catalogue_take_json(catalogue_reader *r, pl_json node, pl_str *text); /* compact text */

/* The readers of the folders. */
int catalogue_read_rule(catalogue_reader *r, pl_json root, void **object);
int catalogue_read_template(catalogue_reader *r, pl_json root, void **object);
int catalogue_read_type(catalogue_reader *r, pl_json root, void **object);
int catalogue_read_remediation(catalogue_reader *r, pl_json root, void **object);

/* check.c: what an own rule file must also satisfy: compiling conditions, well-formed cases. */
int catalogue_check_rule(catalogue_reader *r, const catalogue_rule *rule, pl_json root);

#endif
