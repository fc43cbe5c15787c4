/* Zip files, on libzip. Nothing of an archive's names reaches the file system unchecked. */
#include "functions/archive.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

enum { PATH_SIZE = 4096, BLOCK = 64 << 10 };

static int refuse(pl_error *error, const char *reason, const char *name) {
    return pl_fail_code(error, 400, "InvalidArgument", "The code package %s%s%s.", reason, name ? ": " : "",
                        name ? name : "");
}

static zip_t *open_package(pl_str package, pl_error *error) {
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(package.p, package.n, 0, &why);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
    if (source && !zip)
        zip_source_free(source);
    if (!zip)
        refuse(error, "is not a zip file", NULL);
    zip_error_fini(&why);
    return zip;
}

/* Relative, without "..", empty or dot parts, without backslashes and control characters. */
static bool is_sound(const char *name) {
    pl_str rest = pl_str_from(name), part;
    if (rest.n == 0 || rest.n >= PATH_SIZE / 2 || *name == '/')
        return false;
    for (size_t i = 0; i < rest.n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == '\\')
            return false;
    while (pl_str_split(&rest, '/', &part))
        if (pl_str_is(part, "..") || pl_str_is(part, ".") || (part.n == 0 && rest.p))
            return false;
    return true;
}

/* One entry's name, checked; what kind of file it is. */
static int entry_of(zip_t *zip, zip_int64_t index, zip_stat_t *about, mode_t *mode, pl_error *error) {
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    if (zip_stat_index(zip, (zip_uint64_t)index, 0, about) != 0 || !(about->valid & ZIP_STAT_SIZE))
        return refuse(error, "is damaged", NULL);
    if (!is_sound(about->name))
        return refuse(error, "holds a file of a name that is not allowed", about->name);
    zip_file_get_external_attributes(zip, (zip_uint64_t)index, 0, &system, &attributes);
    *mode = system == ZIP_OPSYS_UNIX ? (mode_t)(attributes >> 16) : 0;
    if (S_ISLNK(*mode))
        return refuse(error, "holds a symbolic link", about->name);
    return 0;
}

static int check_entries(zip_t *zip, pl_error *error) {
    zip_int64_t count = zip_get_num_entries(zip, 0);
    uint64_t total = 0;
    if (count > ARCHIVE_FILES_MAX)
        return refuse(error, "holds too many files", NULL);
    for (zip_int64_t i = 0; i < count; i++) {
        zip_stat_t about;
        mode_t mode;
        if (entry_of(zip, i, &about, &mode, error) != 0)
            return -1;
        if (about.size > ARCHIVE_BYTES_MAX || (total += about.size) > ARCHIVE_BYTES_MAX)
            return refuse(error, "is too large when it is unpacked", NULL);
    }
    return 0;
}

int archive_check(pl_str package, pl_error *error) {
    zip_t *zip = open_package(package, error);
    if (!zip)
        return -1;
    int status = check_entries(zip, error);
    zip_discard(zip);
    return status;
}

/* Makes the directories of a path below the root, all but its last part. */
static int make_parents(char *path, size_t root, pl_error *error) {
    for (char *at = path + root + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        int made = mkdir(path, 0755);
        int reason = errno;
        *at = '/';
        if (made != 0 && reason != EEXIST)
            return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerror(reason));
    }
    return 0;
}

/* The declared size is not trusted: what comes out is counted. */
static int copy_out(zip_file_t *from, int to, uint64_t *total, pl_error *error) {
    char block[BLOCK];
    zip_int64_t n;
    while ((n = zip_fread(from, block, sizeof block)) > 0) {
        *total += (uint64_t)n;
        if (*total > ARCHIVE_BYTES_MAX)
            return refuse(error, "is too large when it is unpacked", NULL);
        if (write(to, block, (size_t)n) != n)
            return pl_failf(error, PL_E_ServiceUnavailable, "The code package cannot be unpacked: %s",
                            strerror(errno));
    }
    return n < 0 ? refuse(error, "is damaged", NULL) : 0;
}

static int unpack_file(zip_t *zip, zip_int64_t index, const char *path, mode_t mode, uint64_t *total,
                       pl_error *error) {
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (to < 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerror(errno));
    fchmod(to, mode & S_IXUSR ? 0755 : 0644);
    zip_file_t *from = zip_fopen_index(zip, (zip_uint64_t)index, 0);
    int status = from ? copy_out(from, to, total, error) : refuse(error, "is damaged or encrypted", NULL);
    if (from)
        zip_fclose(from);
    close(to);
    return status;
}

static int unpack_entry(zip_t *zip, zip_int64_t index, const char *directory, uint64_t *total,
                        pl_error *error) {
    char path[PATH_SIZE];
    zip_stat_t about;
    mode_t mode;
    if (entry_of(zip, index, &about, &mode, error) != 0)
        return -1;
    int length = snprintf(path, sizeof path, "%s/%s", directory, about.name);
    if (length < 0 || (size_t)length >= sizeof path)
        return refuse(error, "holds a file of a name that is too long", NULL);
    if (make_parents(path, strlen(directory), error) != 0)
        return -1;
    return path[length - 1] == '/' ? 0 : unpack_file(zip, index, path, mode, total, error);
}

int archive_unpack(pl_str package, const char *directory, pl_error *error) {
    uint64_t total = 0;
    zip_t *zip = open_package(package, error);
    if (!zip)
        return -1;
    int status = check_entries(zip, error);
    zip_int64_t count = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; status == 0 && i < count; i++)
        status = unpack_entry(zip, i, directory, &total, error);
    zip_discard(zip);
    return status;
}

/* --- Packing
 * ------------------------------------------------------------------------------------------------ */

/* nftw gives its callback no context; packing happens on one thread of a command. */
static _Thread_local zip_t *packing;
static _Thread_local size_t packing_root;

static int add_file(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)where;
    if (kind != FTW_F)
        return 0;
    zip_source_t *source = zip_source_file(packing, path, 0, -1);
    zip_int64_t index = source ? zip_file_add(packing, path + packing_root, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        zip_source_free(source);
        return -1;
    }
    return zip_file_set_external_attributes(packing, (zip_uint64_t)index, 0, ZIP_OPSYS_UNIX,
                                            (zip_uint32_t)about->st_mode << 16);
}

static int read_back(zip_source_t *target, pl_buf *out) {
    char block[BLOCK];
    zip_int64_t n;
    if (zip_source_open(target) != 0)
        return -1;
    while ((n = zip_source_read(target, block, sizeof block)) > 0)
        pl_buf_add(out, pl_str_of(block, (size_t)n));
    zip_source_close(target);
    return n < 0 || out->failed ? -1 : 0;
}

int archive_pack(pl_buf *out, const char *directory, pl_error *error) {
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, &why);
    packing = target ? zip_open_from_source(target, ZIP_TRUNCATE, &why) : NULL;
    if (!packing)
        return pl_failf(error, PL_E_ServiceUnavailable, "A zip file cannot be made: %s",
                        zip_error_strerror(&why));
    zip_source_keep(target);
    packing_root = strlen(directory) + 1;
    int status = nftw(directory, add_file, 16, FTW_PHYS);
    if (status == 0 && (status = zip_close(packing)) == 0)
        status = read_back(target, out);
    else
        zip_discard(packing);
    zip_source_free(target);
    zip_error_fini(&why);
    return status == 0 ? 0
                       : pl_failf(error, PL_E_InvalidParameter, "%s: its files cannot be packed", directory);
}
