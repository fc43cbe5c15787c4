/*
 * What sandboxes need on this machine: the programs, a directory with what all of them share, and whether the
 * kernel lets them be made. The directory is locked while its process lives; one that nobody holds any more,
 * left behind by a process that was killed, is removed at the next start.
 */
#include "functions/sandbox.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRY_SECONDS = 10, DIRECTORY_TRIES = 8 };

static const char prefix[] = "plumbline-functions-";

extern const char pl_pack_runtimes[];
extern const char pl_pack_runtimes_end[];

static const char *find_program(const char *name) {
    static const char *const places[] = {"/usr/bin/", "/usr/local/bin/"};
    static const struct {
        const char *name, *paths[2];
    } known[] = {{"bwrap", {"/usr/bin/bwrap", "/usr/local/bin/bwrap"}},
                 {"python3", {"/usr/bin/python3", "/usr/local/bin/python3"}},
                 {"node", {"/usr/bin/node", "/usr/local/bin/node"}}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (size_t n = 0; n < sizeof places / sizeof *places; n++)
            if (strcmp(known[i].name, name) == 0 && access(known[i].paths[n], X_OK) == 0)
                return known[i].paths[n];
    return NULL;
}

static int write_file(const char *directory, const char *name, pl_str content, pl_error *error) {
    char path[SANDBOX_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool written = file >= 0 && write(file, content.p, content.n) == (ssize_t)content.n;
    if (file >= 0) {
        fchmod(file, 0644);
        close(file);
    }
    return written ? 0 : pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", path, strerror(errno));
}

static int write_bridges(const char *directory, pl_error *error) {
    for (const char *at = pl_pack_runtimes; at < pl_pack_runtimes_end;) { // cppcheck-suppress comparePointers
        pl_str name = pl_str_from(at), digits = pl_str_from(at + name.n + 1);
        uint64_t length = 0;
        const char *bytes = digits.p + digits.n + 1;
        if (!pl_str_to_u64(digits, &length) || length > (uint64_t)(pl_pack_runtimes_end - bytes))
            return pl_failf(error, PL_E_InternalError, "The embedded runtimes are damaged.");
        if (write_file(directory, name.p, pl_str_of(bytes, (size_t)length), error) != 0)
            return -1;
        at = bytes + length + 1;
    }
    return 0;
}

/* The names by which vendor code calls the vendor. */
static int write_hosts(const char *directory, pl_error *error) {
    static const char *const products[] = {"config", "ram", "sts", "resourcemanager", "fc", "fcv3"};
    static const char *const regions[] = {
        "cn-hangzhou",    "cn-shanghai",    "cn-qingdao",     "cn-beijing",     "cn-zhangjiakou",
        "cn-huhehaote",   "cn-wulanchabu",  "cn-shenzhen",    "cn-heyuan",      "cn-guangzhou",
        "cn-chengdu",     "cn-nanjing",     "cn-fuzhou",      "cn-wuhan-lr",    "cn-hongkong",
        "ap-northeast-1", "ap-northeast-2", "ap-south-1",     "ap-southeast-1", "ap-southeast-2",
        "ap-southeast-3", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "eu-central-1",
        "eu-west-1",      "us-east-1",      "us-west-1",      "me-east-1",      "me-central-1"};
    pl_buf text;
    pl_buf_init(&text, 64 << 10);
    pl_buf_add(&text, PL_STR("127.0.0.1 localhost function\n"));
    for (size_t p = 0; p < sizeof products / sizeof *products; p++) {
        pl_buf_printf(&text, "127.0.0.1 %s.aliyuncs.com\n", products[p]);
        for (size_t r = 0; r < sizeof regions / sizeof *regions; r++)
            pl_buf_printf(&text, "127.0.0.1 %s.%s.aliyuncs.com\n127.0.0.1 %s-vpc.%s.aliyuncs.com\n",
                          products[p], regions[r], products[p], regions[r]);
    }
    int status = text.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                             : write_file(directory, "hosts", pl_buf_str(&text), error);
    pl_buf_free(&text);
    if (status != 0 ||
        write_file(directory, "nsswitch.conf", PL_STR("hosts: files\npasswd: files\n"), error) != 0)
        return -1;
    return write_file(directory, "passwd", PL_STR("function:x:1000:1000::/tmp:/bin/false\n"), error);
}

static int copy_program(sandbox_host *host, const char *program, pl_error *error) {
    struct stat about;
    snprintf(host->program, sizeof host->program, "%.480s/plumbline", host->base);
    int from = open(program, O_RDONLY | O_CLOEXEC);
    int to = open(host->program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    bool copied = from >= 0 && to >= 0 && fstat(from, &about) == 0;
    for (off_t left = copied ? about.st_size : 0; copied && left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);
        copied = n > 0;
        left -= n;
    }
    if (copied)
        fchmod(to, 0755);
    int reason = errno;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return copied ? 0
                  : pl_failf(error, PL_E_ServiceUnavailable, "%s cannot be copied to %s: %s", program,
                             host->program, strerror(reason));
}

static void try_sandbox(sandbox_host *host) {
    static const char *const command[] = {"/bin/true", NULL};
    static const char *const environment[] = {NULL};
    pl_error error = {0};
    sandbox box;
    int status;
    if (!host->bubblewrap) {
        snprintf(host->refusal, sizeof host->refusal, "bubblewrap is not installed");
        return;
    }
    sandbox_order order = {.directory = host->base,
                           .command = command,
                           .environment = environment,
                           .memory_mb = 64,
                           .disk_mb = 1,
                           .cpu_seconds = TRY_SECONDS};
    if (sandbox_start(host, &order, &box, &error) != 0) {
        snprintf(host->refusal, sizeof host->refusal, "%.250s", error.message);
        return;
    }
    close(box.control);
    close(box.front);
    close(box.log);
    kill(box.pid, SIGKILL);
    waitpid(box.pid, &status, 0);
    host->available = true;
}

/* --- The directory ---------------------------------------------------------------------------------------
 */

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about, (void)kind, (void)where;
    return remove(path);
}

void sandbox_remove(const char *directory) {
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *temporary_directory(void) {
    const char *directory = getenv("TMPDIR");
    return directory && *directory ? directory : "/tmp";
}

/* True when the descriptor holds the lock of what the path names now. */
static bool is_locked(int descriptor, const char *path) {
    struct stat held, named;
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &held) == 0 &&
           lstat(path, &named) == 0 && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/* A directory of this user that no process holds. */
static void remove_stale(int parent, const char *name) {
    char path[SANDBOX_PATH];
    struct stat about;
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int length = snprintf(path, sizeof path, "%s/%s", temporary_directory(), name);
    bool mine = directory >= 0 && fstat(directory, &about) == 0 && about.st_uid == geteuid();
    if (mine && length > 0 && (size_t)length < sizeof path && is_locked(directory, path))
        sandbox_remove(path);
    if (directory >= 0)
        close(directory);
}

static void remove_all_stale(void) {
    DIR *parent = opendir(temporary_directory());
    for (struct dirent *entry; parent && (entry = readdir(parent));)
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) == 0)
            remove_stale(dirfd(parent), entry->d_name);
    if (parent)
        closedir(parent);
}

/* Another process that starts now may take the new directory for a stale one, until it is locked. */
static int make_base(sandbox_host *host, pl_error *error) {
    for (int i = 0; i < DIRECTORY_TRIES; i++) {
        snprintf(host->base, sizeof host->base, "%.400s/%sXXXXXX", temporary_directory(), prefix);
        if (!mkdtemp(host->base))
            break;
        host->lock = open(host->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (host->lock >= 0 && is_locked(host->lock, host->base))
            return 0;
        if (host->lock >= 0)
            close(host->lock);
        host->lock = -1;
    }
    int reason = errno;
    host->base[0] = '\0';
    return pl_failf(error, PL_E_ServiceUnavailable, "%s: a directory for functions cannot be made: %s",
                    temporary_directory(), strerror(reason));
}

int sandbox_prepare(sandbox_host *host, const char *program, bool unsafe, pl_error *error) {
    char code[SANDBOX_PATH + 16];
    *host = (sandbox_host){.lock = -1,
                           .bubblewrap = find_program("bwrap"),
                           .python = find_program("python3"),
                           .node = find_program("node"),
                           .root = geteuid() == 0};
    remove_all_stale();
    if (make_base(host, error) != 0)
        return -1;
    snprintf(code, sizeof code, "%s/code", host->base);
    if (chmod(host->base, 0711) != 0 || mkdir(code, 0755) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", code, strerror(errno));
    if (write_bridges(host->base, error) != 0 || write_hosts(host->base, error) != 0 ||
        copy_program(host, program, error) != 0)
        return -1;
    try_sandbox(host);
    host->unsafe = unsafe && !host->available;
    return 0;
}

void sandbox_clean(sandbox_host *host) {
    if (!host->base[0])
        return;
    sandbox_remove(host->base);
    close(host->lock);
}
