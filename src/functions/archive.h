/* Code packages: zip files. */
#ifndef FUNCTIONS_ARCHIVE_H
#define FUNCTIONS_ARCHIVE_H

#include "base/buf.h"
#include "base/error.h"

enum { ARCHIVE_FILES_MAX = 20000, ARCHIVE_BYTES_MAX = 256 << 20 };

/* Checks that the bytes are a zip whose files may be unpacked: sound relative names, within the limits. */
int archive_check(pl_str package, pl_error *error);

/* Unpacks into an existing directory: files 0644 (0755 when marked executable), directories 0755. */
int archive_unpack(pl_str package, const char *directory, pl_error *error);

/* Appends the zip of a directory's files (hidden ones, too; links are followed nowhere). */
int archive_pack(pl_buf *out, const char *directory, pl_error *error);

#endif
