/*
 * The program put together: store, catalogue, organisation, identities and engine, opened in that order and
 * connected. `serve` runs a gateway on top; `import --data` and `check --data` use it without one.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include "api/call.h"
#include "delivery/delivery.h"
#include "engine/engine.h"
#include "functions/functions.h"
#include "identity/identity.h"
#include "org/org.h"
#include "remediation/remediation.h"
#include "reports/reports.h"

enum { PROGRAM_PATH = 4096 };

typedef struct program_options {
    const char *data;           /* directory; made (mode 0700) when missing */
    const char *store_url;      /* NULL: SQLite in the data directory */
    const char *catalogue;      /* directory with rule files of the user's own; NULL: none */
    unsigned workers;           /* evaluation threads; 0: none */
    bool alone;                 /* refuse to open what another program has opened so: one server at a time */
    bool with_functions;        /* run functions; functions_start follows when the gateway listens */
    functions_config functions; /* its limits; what rooms it uses is filled in */
    delivery_config delivery;   /* addresses and limits; what rooms it uses is filled in */
    remediation_config remediation;
    bool with_reports; /* make files in the background */
    api_limits limits;
    pl_log log;
} program_options;

/* What is open; `services` is what handlers see. Everything lives until program_close. */
typedef struct program {
    program_options options;
    int lock; /* descriptor of the lock file; -1: none */
    api_services services;
    char delivery_directory[PROGRAM_PATH];
    store *store;
    catalogue *catalogue;
    org *org;
    identity *identity;
    engine *engine;
    delivery *delivery;
    functions *functions;     /* NULL unless asked for */
    remediation *remediation; /* the same */
    reports *reports;         /* the same */
} program;

/* The limits of a server: generous, or the vendor's with `strict` (reference/evaluation-semantics.md, section
 * 15). */
api_limits program_limits(bool strict);

/* Opens everything; on -1 nothing stays open. */
int program_open(program *p, const program_options *options, pl_error *error);

/* Ends the evaluation threads and closes everything that is open. */
void program_close(program *p);

/* --store, else PLUMBLINE_STORE, else the SQLite file of the data directory, written into `path`. */
const char *program_store_url(const char *option, const char *data, char *path, size_t size);

/* --data, else PLUMBLINE_DATA, else ./plumbline-data. */
const char *program_data_directory(const char *option);

#endif
