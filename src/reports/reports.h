/*
 * The reports room: files that are made on request (reference/reports.md) and searches over recorded
 * resources. It owns the tables of migration 0026, the threads that make files, and a scratch directory.
 *
 * A request stores a row and wakes the makers of all nodes; one of them claims it under a lease, writes the
 * file to its scratch directory, puts the bytes into the store piece by piece and completes the row. What a
 * killed node had claimed is made again by another. INVARIANT: a file shows what its account may see at the
 * moment it is made, never what it might have seen when it was asked for.
 */
#ifndef REPORTS_REPORTS_H
#define REPORTS_REPORTS_H

#include "engine/engine.h"
#include "search/search.h"

typedef struct reports reports;

enum {
    REPORTS_CHUNK = 256 << 10,   /* bytes of a stored piece */
    REPORTS_RULES_KEPT = 10,     /* rules reports of one owner that stay, by their ids */
    REPORTS_TEMPLATES_MAX = 100, /* of an account */
    REPORTS_ID = 40,
};

/* Whom a group call is for, decided anew whenever a file is made. */
typedef struct reports_owner {
    engine_group group;     /* aggregator id absent: the account itself */
    const pl_str *accounts; /* whose resources the account may see, sorted */
    size_t account_count;
} reports_owner;

typedef struct reports_config {
    store *store;
    engine *engine;
    const catalogue *catalogue;
    pl_clock clock;
    pl_random random;
    const pl_log *log;   /* may be NULL */
    const char *scratch; /* directory for unfinished files; emptied when opened */
    const char *outbox;  /* directory for reports that are sent */
    bool threads;        /* false: reports_work is called by hand */
    int64_t file_bytes;  /* largest file; 0: 512 MiB */
    /*
     * The group as the account sees it: all members for those who manage it, the account alone for a member.
     * `*found` false: the account has no such group. NULL: there are no groups.
     */
    int (*find_group)(void *context, store_session *session, pl_arena *arena, pl_str account_id,
                      pl_str aggregator_id, reports_owner *out, bool *found, pl_error *error);
    void *context;
} reports_config;

/* Opens the room; takes up what an earlier run left. Everything in `config` but its
 * directories outlives it. */
int reports_open(reports **out, const reports_config *config, pl_error *error);

/* Ends the threads. NULL is fine for both; the store is closed between the two. */
void reports_stop(reports *r);
void reports_close(reports *r);

/*
 * Starts the subscribed reports that are due, forgets files older than 30 days, makes one file; `*worked`
 * false: there was nothing to do.
 */
int reports_work(reports *r, bool *worked, pl_error *error);

/* --- Searches --------------------------------------------------------------------------------------------
 */

/*
 * Shows a run every live resource of the accounts that may match, one by one. `deadline_ns` (monotonic) ends
 * it with ServiceUnavailable; 0: none.
 */
int reports_scan(store_session *session, const catalogue *known, const pl_str *accounts, size_t count,
                 const search_plan *plan, search_run *run, int64_t deadline_ns, pl_error *error);

/* --- Files -----------------------------------------------------------------------------------------------
 */

/* Values are stored and must not change. */
typedef enum reports_kind {
    REPORTS_INVENTORY = 1,
    REPORTS_SEARCH = 2,
    REPORTS_PACK = 3,
    REPORTS_RULES = 4,
    REPORTS_TEMPLATE = 5
} reports_kind;

typedef enum reports_state { REPORTS_CREATING = 1, REPORTS_COMPLETE = 2, REPORTS_FAILED = 3 } reports_state;

typedef struct reports_file {
    pl_str account_id, file_id; /* of rules reports crp-..., of template reports crtr-... */
    reports_kind kind;
    pl_str aggregator_id; /* empty: of the account */
    pl_str object_id;     /* pack or template; empty: none */
    pl_str request;       /* JSON object: what produce.c reads */
    bool send;            /* to the outbox, too */
    reports_state state;
    int64_t started, ended; /* Unix milliseconds; ended 0: not yet */
    pl_str name, content_type;
    int64_t size;
} reports_file;

/* "CREATING", "COMPLETE", "FAILED". */
pl_str reports_state_name(reports_state state);

/*
 * Asks for a file; account, kind, aggregator, object, request and send are given, the id is filled in (texts
 * in the arena). Of the same subject, a file that is being made from the same request is left to itself
 * (`*busy` true, `file` is that one); one from another request gives way, but for reports on packages and
 * rules, which are refused while one is made. Inside a write transaction.
 */
int reports_start(store_session *session, pl_arena *arena, const pl_random *random, int64_t now,
                  reports_file *file, bool *busy, pl_error *error);

/* The newest file of the subject that account, kind, aggregator and object name. */
int reports_find(store_session *session, pl_arena *arena, pl_str account_id, reports_kind kind,
                 pl_str aggregator_id, pl_str object_id, reports_file *out, bool *found, pl_error *error);

/* The file with this id; in the arena. */
int reports_find_id(store_session *session, pl_arena *arena, pl_str account_id, pl_str file_id,
                    reports_file *out, bool *found, pl_error *error);

/* One piece of a complete file; absent when the file is gone. */
int reports_read(store_session *session, pl_arena *arena, pl_str account_id, pl_str file_id, int64_t position,
                 pl_str *bytes, pl_error *error);

/* All files and templates of an account that goes. */
int reports_delete_account(store_session *session, pl_str account_id, pl_error *error);

/* --- Templates -------------------------------------------------------------------------------------------
 */

/* Texts as sent and checked; empty, never absent. */
typedef struct reports_template {
    pl_str account_id, template_id;
    pl_str name, description;
    pl_str file_formats; /* excel, csv */
    pl_str granularity;  /* AllInOne, GroupByAggregator, GroupByCompliancePack, GroupByRule */
    pl_str language;     /* en-US, zh-CN */
    pl_str scope;        /* JSON array of {Key, MatchType, Value} */
    pl_str frequency;    /* Quartz expression in UTC+8; empty: no subscription */
    int64_t created, next_due;
} reports_template;

/* The template with this id; in the arena. */
int reports_template_find(store_session *session, pl_arena *arena, pl_str account_id, pl_str template_id,
                          reports_template *out, bool *found, pl_error *error);

/* The template that a page ended with; it may be gone when the next page is asked for. */
typedef struct reports_template_marker {
    int64_t created;
    pl_str template_id;
} reports_template_marker;

typedef struct reports_template_query {
    pl_str account_id;
    pl_str keyword;                       /* part of name or description, letter case aside; empty: all */
    const reports_template_marker *after; /* NULL: from the first */
    size_t limit;
} reports_template_query;

typedef struct reports_template_page {
    reports_template *items;
    size_t count;
    int64_t total; /* that match, wherever they stand */
    bool more;     /* behind the page */
} reports_template_page;

/* A page of an account's templates in the order of creation, in the arena. */
int reports_template_list(store_session *session, pl_arena *arena, const reports_template_query *query,
                          reports_template_page *page, pl_error *error);

/* Stores a new one (its id is filled in) or a changed one, and plans its subscription. */
int reports_template_put(store_session *session, pl_arena *arena, const pl_random *random, int64_t now,
                         reports_template *t, pl_error *error);
int reports_template_delete(store_session *session, pl_str account_id, pl_str template_id, bool *found,
                            pl_error *error);

/* Asks for the template's report. */
int reports_template_start(store_session *session, pl_arena *arena, const pl_random *random, int64_t now,
                           const reports_template *t, bool send, bool *busy, pl_error *error);

/* --- Subscriptions ---------------------------------------------------------------------------------------
 */

/*
 * The first time after `after` (both Unix milliseconds) at which a Quartz expression in UTC+8 fires: seconds,
 * minutes, hours, day of month, month, day of week, and a year when given. 0: never again. False (with the
 * reason in `*why`) when it is none.
 */
bool reports_cron_next(pl_str expression, int64_t after, int64_t *next, const char **why);

#endif
