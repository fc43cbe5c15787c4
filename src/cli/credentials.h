/* credentials.json of a data directory: the root key of the management account, for the clients on this
 * machine. */
#ifndef CLI_CREDENTIALS_H
#define CLI_CREDENTIALS_H

#include "identity/identity.h"

/*
 * What PLUMBLINE_ACCOUNT_ID, PLUMBLINE_ACCESS_KEY_ID and PLUMBLINE_ACCESS_KEY_SECRET preset. -1 when a value
 * is too long.
 */
int credentials_wanted(identity_root *wanted, pl_error *error);

/* Renames a file that is there to credentials.json.former; `*done` tells whether there was one. */
int credentials_set_aside(const char *directory, bool *done, pl_error *error);

/* Writes the file (mode 0600) anew, whole or not at all. */
int credentials_write(const char *directory, const identity_root *root, pl_str endpoint, pl_error *error);

/* Brings the endpoint in the file up to date; nothing happens when there is no file. */
int credentials_set_endpoint(const char *directory, pl_str endpoint, pl_error *error);

#endif
