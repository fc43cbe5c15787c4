/*
 * What the program does as the first process inside a sandbox (`plumbline function-instance`, never called by
 * people): it opens the sandbox's port 80 and hands that socket to the server, gives up all privileges,
 * starts the function's runtime under its limits, and makes sockets for the server, which cannot reach into
 * the sandbox's network by itself.
 *
 * INVARIANT: the runtime gets neither the control socket nor any privilege, and nothing that the function's
 * owner has chosen, its environment least of all, takes effect before the system call filter does.
 */
#ifndef FUNCTIONS_INSIDE_H
#define FUNCTIONS_INSIDE_H

enum { INSIDE_CONTROL = 3 }; /* the control socket's descriptor, SOCK_SEQPACKET */

/* The first message to this process: the runtime's environment, each NAME=value with its closing NUL. */
enum { INSIDE_ENVIRONMENT = 32 << 10, INSIDE_VARIABLES = 160 };

/*
 * Then messages of one byte each: to the server INSIDE_LISTENING with the socket of port 80, INSIDE_SOCKET
 * with a fresh TCP socket for each INSIDE_SOCKET asked for.
 */
enum { INSIDE_LISTENING = 'L', INSIDE_SOCKET = 'S' };

/* argv: name, data MB, disk MB, processes, CPU seconds, then the runtime's command. The exit status. */
int inside_main(int argc, char **argv);

#endif
