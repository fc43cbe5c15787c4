/* Packing finished files into an archive. */
#include "reports/private.h"

#include <unistd.h>
#include <zip.h>

static int broken(pl_error *error, const char *why) {
    return pl_failf(error, PL_E_ServiceUnavailable, "The archive could not be written: %s.", why);
}

static int add(zip_t *archive, const made_file *file, pl_error *error) {
    zip_source_t *source = zip_source_file(archive, file->path.p, 0, -1);
    if (!source)
        return broken(error, zip_strerror(archive));
    if (zip_file_add(archive, file->name.p, source, ZIP_FL_ENC_UTF_8) < 0) {
        zip_source_free(source);
        return broken(error, zip_strerror(archive));
    }
    return 0;
}

int zip_files(pl_arena *arena, const char *directory, pl_str name, const made_file *files, size_t count,
              made_file *out, pl_error *error) {
    int code = 0, result = 0;
    *out = (made_file){pl_arena_printf(arena, "%s/%.*s", directory, PL_FMT(name)), pl_arena_copy(arena, name),
                       PL_STR("application/zip")};
    if (!out->path.p || !out->name.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    zip_t *archive = zip_open(out->path.p, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (!archive)
        return broken(error, "it cannot be opened");
    for (size_t i = 0; result == 0 && i < count; i++)
        result = add(archive, &files[i], error);
    if (result != 0)
        zip_discard(archive);
    else if (zip_close(archive) != 0) {
        result = broken(error, zip_strerror(archive));
        zip_discard(archive);
    }
    for (size_t i = 0; i < count; i++)
        unlink(files[i].path.p);
    return result;
}
