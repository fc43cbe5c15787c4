/* Between the files that make reports: what is made, and what makes it. */
#ifndef REPORTS_PRODUCE_H
#define REPORTS_PRODUCE_H

#include "reports/private.h"

enum { PRODUCE_PARTS_MAX = 4096 }; /* files in an archive */

/* One file in the making. */
typedef struct making {
    reports *r;
    pl_arena *arena;
    const char *directory;
    const reports_file *file;
    pl_json request;
    store_session *session;
    reports_owner owner;
    pl_str stamp;
    FILE *out;
    made_file *parts; /* of an archive */
    size_t part_count;
    bool archive;
    made_file made;
} making;

/* One rule with whose resources it is looked at. */
typedef struct judged {
    const engine_rule *rule;
    const reports_owner *owner;
} judged;

typedef struct book_plan {
    pl_str name;
    book_look look;
    book_head head;
    const judged *rules;
    size_t rule_count;
    const pl_str *accounts; /* NULL: all of the rule's owner */
    size_t account_count;
} book_plan;

/* PL_E_ServiceUnavailable. */
int produce_no_memory(pl_error *error);

/* The texts of a list in the request. */
int produce_list(making *m, const char *name, pl_str **items, size_t *count, pl_error *error);
bool produce_has(const pl_str *items, size_t count, pl_str text);

/* The owner as the account sees it now; `*found` false: there is no such group any more. */
int produce_owner(making *m, pl_str aggregator_id, reports_owner *out, bool *found, pl_error *error);

/* Fails when the room is being closed: what is being made ends early and is made again later. */
int produce_check_stop(making *m, pl_error *error);

/* Makes one book and adds its files to the parts. */
int produce_book(making *m, const book_plan *plan, pl_error *error);

/* The parts as the file that was asked for: one as it is, several (or with m->archive) as `name`.zip. */
int produce_bind(making *m, pl_str name, pl_error *error);

/* The makers of reports on a package, on rules, and from a template. */
int produce_pack(making *m, pl_error *error);
int produce_rules(making *m, pl_error *error);
int produce_template(making *m, pl_error *error);

#endif
