/* Starting sandboxes. No state but the host's description, which its owner keeps. */
#include "functions/sandbox.h"

#include "base/buf.h"
#include "functions/inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 128, TRY_SECONDS = 10, START_MS = 20000, SLACK_MB = 256, GENEROUS_SLACK_MB = 2048 };

extern const char pl_pack_runtimes[];
extern const char pl_pack_runtimes_end[];

/* --- The host
 * ----------------------------------------------------------------------------------------------- */

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
    for (const char *at = pl_pack_runtimes; at < pl_pack_runtimes_end;) {
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
    return write_file(directory, "passwd", PL_STR("function:x:0:0::/tmp:/bin/false\n"), error);
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

int sandbox_prepare(sandbox_host *host, const char *program, bool unsafe, pl_error *error) {
    const char *directory = getenv("TMPDIR");
    char base[SANDBOX_PATH], code[SANDBOX_PATH + 16];
    *host = (sandbox_host){.bubblewrap = find_program("bwrap"),
                           .python = find_program("python3"),
                           .node = find_program("node"),
                           .root = geteuid() == 0};
    snprintf(base, sizeof base, "%.400s/plumbline-functions-XXXXXX",
             directory && *directory ? directory : "/tmp");
    if (!mkdtemp(base))
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", base, strerror(errno));
    memcpy(host->base, base, sizeof base);
    snprintf(code, sizeof code, "%s/code", base);
    if (chmod(host->base, 0711) != 0 || mkdir(code, 0755) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s: %s", code, strerror(errno));
    if (write_bridges(host->base, error) != 0 || write_hosts(host->base, error) != 0 ||
        copy_program(host, program, error) != 0)
        return -1;
    try_sandbox(host);
    host->unsafe = unsafe && !host->available;
    return 0;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about, (void)kind, (void)where;
    return remove(path);
}

void sandbox_remove(const char *directory) {
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void sandbox_clean(sandbox_host *host) {
    if (host->base[0])
        sandbox_remove(host->base);
}

/* --- One sandbox
 * --------------------------------------------------------------------------------------------- */

typedef struct arguments {
    const char *items[ARGUMENTS_MAX];
    size_t count;
} arguments;

static void add(arguments *a, const char *argument) {
    if (a->count < ARGUMENTS_MAX - 1)
        a->items[a->count++] = argument;
}

static void add_all(arguments *a, const char *const *items) {
    for (; *items; items++)
        add(a, *items);
}

static void bind_file(arguments *a, pl_arena *arena, const char *directory, const char *name,
                      const char *to) {
    add(a, "--ro-bind");
    add(a, pl_arena_printf(arena, "%s/%s", directory, name).p);
    add(a, to);
}

/* The system's programs and libraries; on merged systems the others are links into /usr. */
static void bind_system(arguments *a) {
    static const char *const roots[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
    static const char *const targets[] = {"usr/bin",   "usr/sbin",  "usr/lib",
                                          "usr/lib32", "usr/lib64", "usr/libx32"};
    struct stat about;
    static const char *const usr[] = {"--ro-bind", "/usr", "/usr", NULL};
    add_all(a, usr);
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        if (lstat(roots[i], &about) != 0)
            continue;
        add(a, S_ISLNK(about.st_mode) ? "--symlink" : "--ro-bind");
        add(a, S_ISLNK(about.st_mode) ? targets[i] : roots[i]);
        add(a, roots[i]);
    }
}

static void add_sandbox(arguments *a, pl_arena *arena, const sandbox_host *host, const sandbox_order *order) {
    static const char *const walls[] = {"--unshare-user",
                                        "--unshare-ipc",
                                        "--unshare-pid",
                                        "--unshare-net",
                                        "--unshare-uts",
                                        "--unshare-cgroup-try",
                                        "--die-with-parent",
                                        "--new-session",
                                        "--uid",
                                        "0",
                                        "--gid",
                                        "0",
                                        "--cap-drop",
                                        "ALL",
                                        "--cap-add",
                                        "CAP_NET_BIND_SERVICE",
                                        "--hostname",
                                        "function",
                                        NULL};
    static const char *const places[] = {"--proc",       "/proc",         "--dir",        "/dev",
                                         "--dev-bind",   "/dev/null",     "/dev/null",    "--dev-bind",
                                         "/dev/zero",    "/dev/zero",     "--dev-bind",   "/dev/urandom",
                                         "/dev/urandom", "--dev-bind",    "/dev/urandom", "/dev/random",
                                         "--symlink",    "/proc/self/fd", "/dev/fd",      NULL};
    static const char *const end[] = {"--remount-ro", "/",          "--chdir",           "/code",
                                      "--",           "/plumbline", "function-instance", NULL};
    add(a, host->bubblewrap);
    add_all(a, walls);
    bind_system(a);
    add_all(a, places);
    add(a, "--size");
    add(a, pl_arena_printf(arena, "%lld", (long long)order->disk_mb << 20).p);
    add(a, "--tmpfs");
    add(a, "/tmp");
    bind_file(a, arena, order->directory, "code", "/code");
    bind_file(a, arena, host->base, "plumbline", "/plumbline");
    bind_file(a, arena, host->base, "bridge.py", "/runtime/bridge.py");
    bind_file(a, arena, host->base, "bridge.mjs", "/runtime/bridge.mjs");
    bind_file(a, arena, host->base, "hosts", "/etc/hosts");
    bind_file(a, arena, host->base, "nsswitch.conf", "/etc/nsswitch.conf");
    bind_file(a, arena, host->base, "passwd", "/etc/passwd");
    add_all(a, end);
    int64_t slack = order->generous ? GENEROUS_SLACK_MB : SLACK_MB;
    add(a, pl_arena_printf(arena, "%lld", (long long)(order->memory_mb + slack)).p);
    add(a, pl_arena_printf(arena, "%lld", (long long)order->disk_mb).p);
    add(a, pl_arena_printf(arena, "%d", SANDBOX_PROCESSES).p);
    add(a, pl_arena_printf(arena, "%lld", (long long)order->cpu_seconds).p);
}

/* In the child between fork and exec: only calls that are safe there. */
static void become(const sandbox_host *host, const sandbox_order *order, char *const *argv, int control,
                   int log) {
    sigset_t none;
    uid_t user = SANDBOX_UID_FIRST + order->slot;
    int nothing = open("/dev/null", O_RDONLY);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    control = control < 0 ? -1 : fcntl(control, F_DUPFD, 16);
    log = fcntl(log, F_DUPFD, 16);
    nothing = fcntl(nothing, F_DUPFD, 16);
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (control >= 0)
        dup2(control, INSIDE_CONTROL);
    if (syscall(SYS_close_range, control >= 0 ? INSIDE_CONTROL + 1 : INSIDE_CONTROL, ~0U, 0) != 0)
        _exit(127);
    setpgid(0, 0);
    if (host->root && control >= 0 &&
        (setgroups(0, NULL) != 0 || setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0))
        _exit(127);
    if (control < 0 && chdir(order->directory) == 0 && chdir("code") != 0)
        _exit(127);
    execve(argv[0], argv, (char *const *)(uintptr_t)order->environment);
    _exit(127);
}

/* The descriptor that comes with the next message of this kind; -1. */
static int receive_descriptor(int control, char kind, int milliseconds) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } ancillary;
    char seen = 0;
    int descriptor = -1;
    struct pollfd ready = {control, POLLIN, 0};
    struct iovec data = {&seen, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = ancillary.space,
                             .msg_controllen = sizeof ancillary.space};
    if (poll(&ready, 1, milliseconds) != 1 || recvmsg(control, &message, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    if (seen == kind)
        return descriptor;
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

int sandbox_socket(const sandbox *box) {
    char kind = INSIDE_SOCKET;
    if (send(box->control, &kind, 1, MSG_NOSIGNAL) != 1)
        return -1;
    return receive_descriptor(box->control, INSIDE_SOCKET, START_MS);
}

static int fail_start(sandbox *out, pl_error *error) {
    char said[200] = "";
    int status;
    kill(out->pid, SIGKILL);
    waitpid(out->pid, &status, 0);
    ssize_t n = read(out->log, said, sizeof said - 1);
    close(out->log);
    close(out->control);
    return pl_failf(error, PL_E_ServiceUnavailable, "the sandbox cannot be started: %.*s",
                    n > 0 ? (int)(said[n - 1] == '\n' ? n - 1 : n) : 26,
                    n > 0 ? said : "the process said nothing..");
}

static int launch(const sandbox_host *host, const sandbox_order *order, const arguments *a, sandbox *out,
                  pl_error *error) {
    int control[2] = {-1, -1}, log[2];
    if (pipe2(log, O_CLOEXEC) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "pipe: %s", strerror(errno));
    if (!host->unsafe && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0) {
        close(log[0]);
        close(log[1]);
        return pl_failf(error, PL_E_ServiceUnavailable, "socketpair: %s", strerror(errno));
    }
    fcntl(log[0], F_SETFL, O_NONBLOCK);
    pid_t pid = fork();
    if (pid == 0)
        become(host, order, (char *const *)(uintptr_t)a->items, control[1], log[1]);
    close(log[1]);
    if (control[1] >= 0)
        close(control[1]);
    *out = (sandbox){.pid = pid, .control = control[0], .front = -1, .log = log[0]};
    if (pid > 0)
        return 0;
    close(log[0]);
    if (control[0] >= 0)
        close(control[0]);
    return pl_failf(error, PL_E_ServiceUnavailable, "fork: %s", strerror(errno));
}

int sandbox_start(const sandbox_host *host, const sandbox_order *order, sandbox *out, pl_error *error) {
    pl_arena arena;
    arguments a = {.count = 0};
    pl_arena_init(&arena, 1 << 20);
    if (!host->unsafe)
        add_sandbox(&a, &arena, host, order);
    add_all(&a, order->command);
    int status = arena.failed ? pl_fail(error, PL_E_ServiceUnavailable) : launch(host, order, &a, out, error);
    pl_arena_free(&arena);
    if (status != 0 || host->unsafe)
        return status;
    out->front = receive_descriptor(out->control, INSIDE_LISTENING, START_MS);
    return out->front >= 0 ? 0 : fail_start(out, error);
}

/* --- Memory
 * ---------------------------------------------------------------------------------------------------- */

static int64_t resident_pages(pid_t pid) {
    char path[64];
    long long size, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%lld %lld", &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident;
}

static int64_t tree_pages(pid_t pid, unsigned depth) {
    char path[96];
    int64_t total = resident_pages(pid);
    int child;
    if (depth > SANDBOX_PROCESSES)
        return total;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%d", &child) == 1)
        total += tree_pages(child, depth + 1);
    if (file)
        fclose(file);
    return total;
}

int64_t sandbox_memory_mb(pid_t pid) {
    return tree_pages(pid, 0) * (int64_t)sysconf(_SC_PAGESIZE) >> 20;
}
