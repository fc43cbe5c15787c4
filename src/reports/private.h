/* Inside the reports room: files in the making. */
#ifndef REPORTS_PRIVATE_H
#define REPORTS_PRIVATE_H

#include <pthread.h>
#include <stdio.h>

#include "engine/packs.h"
#include "reports/reports.h"
#include "store/workers.h"

enum { REPORTS_PATH = 4096 };

struct reports {
    reports_config config;
    char scratch[REPORTS_PATH], outbox[REPORTS_PATH];
    char node[PL_UUID_TEXT];
    store_workers *maker, *minder;
    pthread_mutex_t lock;    /* guards what follows */
    char making[REPORTS_ID]; /* what this node makes now; empty: nothing */
    char making_account[REPORTS_ID];
};

/* --- Rows (files.c) ------------------------------------------------------------------------------------- */

/* Takes the next file that waits, under a lease; `*found` false: none does. */
int files_claim(store_session *session, pl_arena *arena, pl_str node, int64_t now, reports_file *file,
                bool *found, pl_error *error);
int files_renew(store_session *session, pl_str account_id, pl_str file_id, pl_str node, int64_t now,
                pl_error *error);

/* Gives back what an earlier run of the sole process on this store had claimed; with several, leases end. */
int files_release(store_session *session, pl_error *error);

/*
 * Whether the file is still this node's to make; it stays so until the transaction ends. The lease may have
 * ended, or another request may have taken the file's place: whoever does not hold a file may not touch its
 * pieces.
 */
int files_hold(store_session *session, const reports_file *file, pl_str node, bool *held, pl_error *error);

/* Forgets the pieces of a file; stores one; completes the row of a held file and drops what it replaces. */
int files_drop_chunks(store_session *session, const reports_file *file, pl_error *error);
int files_put_chunk(store_session *session, const reports_file *file, int64_t position, pl_str bytes,
                    pl_error *error);
int files_complete(store_session *session, const reports_file *file, pl_error *error);

/* A try to make a held file has failed: tried again later, or given up. */
int files_fail(store_session *session, const reports_file *file, int64_t now, bool final, pl_error *error);

/* Drops files that ended before `before`, a few at a time. */
int files_sweep(store_session *session, int64_t before, pl_error *error);

/* Starts the subscribed reports that are due. */
int templates_start_due(store_session *session, pl_arena *arena, const pl_random *random, int64_t now,
                        bool *any, pl_error *error);

/* --- Content -------------------------------------------------------------------------------------------- */

/* A finished file in the scratch directory. */
typedef struct made_file {
    pl_str path, name, content_type;
} made_file;

/* Makes the file; everything it leaves lies in `directory`. */
int produce(reports *r, pl_arena *arena, const char *directory, const reports_file *file, made_file *out,
            pl_error *error);

/* CSV: UTF-8 with a byte order mark, RFC 4180. Errors of the file are told by csv_end. */
void csv_begin(FILE *file);
void csv_cell(FILE *file, bool first, pl_str text);
void csv_row_end(FILE *file);
int csv_end(FILE *file, int64_t limit, pl_error *error); /* closes it */

/* --- Books (book.c): an overview of rules, and their non-compliant resources ---------------------------- */

typedef struct book book;

typedef struct book_look {
    bool csv;     /* two CSV files; else one workbook */
    bool chinese; /* headings */
} book_look;

/* Facts at the head of the overview; empty ones are left out. */
typedef struct book_head {
    pl_str title, pack_id, account_id, aggregator_id;
    int64_t time;
} book_head;

/* Begins a book `directory`/`name`.*; the caller ends it. NULL with the error filled. */
book *book_new(pl_arena *arena, const char *directory, pl_str name, const book_look *look,
               const book_head *head, pl_error *error);
int book_rule(book *b, const engine_rule *rule, const engine_counts *counts, pl_error *error);
int book_result(book *b, const engine_result *result, pl_error *error);

/* Closes the files (also after an error) and names them; at most two. */
int book_end(book *b, bool sound, made_file files[static 2], size_t *count, pl_error *error);

/* Packs files into `directory`/`name`. */
int zip_files(pl_arena *arena, const char *directory, pl_str name, const made_file *files, size_t count,
              made_file *out, pl_error *error);

#endif
