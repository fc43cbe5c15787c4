/*
 * Starting one sandboxed process tree: bubblewrap with namespaces of its own for everything, the code
 * read-only, a private /tmp, two harmless devices, no other files, no privileges, a network that leads to
 * this server only. Knows nothing of functions: what is to run is told.
 */
#ifndef FUNCTIONS_SANDBOX_H
#define FUNCTIONS_SANDBOX_H

#include "base/arena.h"
#include "base/error.h"

#include <sys/types.h>

enum { SANDBOX_UID_FIRST = 61184, SANDBOX_SLOTS_MAX = 256, SANDBOX_PATH = 512, SANDBOX_PROCESSES = 64 };

/* How sandboxes are made on this machine; found out once. */
typedef struct sandbox_host {
    char base[SANDBOX_PATH];    /* directory of this process for all sandboxes; removed at the end */
    int lock;                   /* held on it */
    char program[SANDBOX_PATH]; /* a copy of this program that every sandbox user may read */
    const char *bubblewrap, *python, *node; /* paths; NULL: not installed */
    bool root;                              /* each sandbox gets a user id of its own */
    bool available;
    bool unsafe;       /* no sandbox: the operator has allowed that */
    char refusal[512]; /* why there are none */
} sandbox_host;

/*
 * Makes the base directory, writes the runtimes' bridges there, and tries a sandbox. `program`: path of this
 * program. -1 only when the directory cannot be made.
 */
int sandbox_prepare(sandbox_host *host, const char *program, bool unsafe, pl_error *error);
void sandbox_clean(sandbox_host *host);

/* What to run, how far it may go. */
typedef struct sandbox_order {
    const char *directory; /* the instance's own, holds code/ */
    unsigned slot;         /* below SANDBOX_SLOTS_MAX, of nobody else */
    const char *const *command;
    const char *const *environment; /* NAME=value; NULL at the end */
    int64_t memory_mb, disk_mb, cpu_seconds;
    bool generous; /* a runtime that maps much more than it uses */
} sandbox_order;

/* A running one. The caller closes the descriptors and waits for the process. */
typedef struct sandbox {
    pid_t pid;   /* kill it and the whole tree is gone */
    int control; /* functions/inside.h; -1 when unsafe */
    int front;   /* listening socket of the sandbox's port 80; -1 when unsafe */
    int log;     /* standard output and error, for reading, not blocking */
} sandbox;

/* Starts the command in a sandbox of its own. */
int sandbox_start(const sandbox_host *host, const sandbox_order *order, sandbox *out, pl_error *error);

/* A fresh TCP socket in the sandbox's network; -1 when it is gone. */
int sandbox_socket(const sandbox *box);

/* What the process tree uses: resident memory, and processor time since its start. */
typedef struct sandbox_usage {
    int64_t memory_mb, cpu_ms;
} sandbox_usage;

/* What the processes of a sandbox use; 0 of what cannot be read. */
sandbox_usage sandbox_measure(pid_t pid);

/* Connections to the sandbox's port 80 that are open now. */
unsigned sandbox_connections(pid_t pid);

/* Removes a directory with all that is in it. */
void sandbox_remove(const char *directory);

#endif
