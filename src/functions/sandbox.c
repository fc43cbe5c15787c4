/* Starting one sandbox and measuring it. No state. */
#include "functions/sandbox.h"

#include "base/buf.h"
#include "functions/inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 256, START_MS = 20000, SLACK_MB = 256, GENEROUS_SLACK_MB = 2048 };

/* --- One sandbox
 * --------------------------------------------------------------------------------------------- */

typedef struct arguments {
    const char *items[ARGUMENTS_MAX];
    size_t count;
    bool overflow;
} arguments;

static void add(arguments *a, const char *argument) {
    a->overflow = a->count == ARGUMENTS_MAX - 1;
    if (!a->overflow)
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
                                        "--as-pid-1", /* else a process without the filter is in reach */
                                        "--die-with-parent",
                                        "--new-session",
                                        "--uid", /* root of its namespace would own more of /proc */
                                        "1000",
                                        "--gid",
                                        "1000",
                                        "--cap-drop",
                                        "ALL",
                                        "--cap-add",
                                        "CAP_NET_BIND_SERVICE",
                                        "--hostname",
                                        "function",
                                        NULL};
    /* Not /dev/zero: mapped as shared it is memory that counts as nobody's. */
    static const char *const places[] = {
        "--proc",      "/proc",      "--dir",         "/dev",         "--dev-bind", "/dev/null",
        "/dev/null",   "--dev-bind", "/dev/urandom",  "/dev/urandom", "--dev-bind", "/dev/urandom",
        "/dev/random", "--symlink",  "/proc/self/fd", "/dev/fd",      NULL};
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
    /* What the function's owner has chosen must not reach the loader of the programs that build its walls. */
    static char *const nothing_set[] = {NULL};
    execve(argv[0], argv, control < 0 ? (char *const *)(uintptr_t)order->environment : nothing_set);
    _exit(127);
}

/* The runtime's environment goes where only the sandbox's first process reads it. */
static int send_environment(int control, const char *const *environment) {
    pl_buf block;
    pl_buf_init(&block, INSIDE_ENVIRONMENT);
    pl_buf_add_char(&block, '\0');
    for (; *environment; environment++)
        pl_buf_add(&block, pl_str_of(*environment, strlen(*environment) + 1));
    pl_str text = pl_buf_str(&block);
    bool sent = !block.failed && send(control, text.p, text.n, MSG_NOSIGNAL) == (ssize_t)text.n;
    pl_buf_free(&block);
    return sent ? 0 : -1;
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
    bool whole = !arena.failed && !a.overflow && a.count > 0;
    int status = whole ? launch(host, order, &a, out, error) : pl_fail(error, PL_E_ServiceUnavailable);
    pl_arena_free(&arena);
    if (status != 0 || host->unsafe)
        return status;
    if (send_environment(out->control, order->environment) == 0)
        out->front = receive_descriptor(out->control, INSIDE_LISTENING, START_MS);
    return out->front >= 0 ? 0 : fail_start(out, error);
}

/* --- What it uses
 * ---------------------------------------------------------------------------------------------- */

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

/* Processor time of a process and of its children that have ended, in ticks. */
static int64_t used_ticks(pid_t pid) {
    char path[64], text[1024];
    long long own, kernel, children, children_kernel;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = '\0';
    const char *after = strrchr(text, ')'); /* the name before it may hold anything */
    return after && sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld", &own,
                           &kernel, &children, &children_kernel) == 4
               ? own + kernel + children + children_kernel
               : 0;
}

static void add_tree(pid_t pid, unsigned depth, sandbox_usage *usage);

/* Every thread has children of its own. */
static void add_children(pid_t pid, const char *thread, unsigned depth, sandbox_usage *usage) {
    char path[96];
    int child;
    snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", (int)pid, thread);
    FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%d", &child) == 1)
        add_tree(child, depth + 1, usage);
    if (file)
        fclose(file);
}

static void add_tree(pid_t pid, unsigned depth, sandbox_usage *usage) {
    char path[64];
    usage->memory_mb += resident_pages(pid); /* in pages until the sum is known */
    usage->cpu_ms += used_ticks(pid);
    if (depth > 2 * SANDBOX_PROCESSES)
        return;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    for (struct dirent *entry; threads && (entry = readdir(threads));)
        if (entry->d_name[0] != '.')
            add_children(pid, entry->d_name, depth, usage);
    if (threads)
        closedir(threads);
}

sandbox_usage sandbox_measure(pid_t pid) {
    sandbox_usage usage = {0, 0};
    add_tree(pid, 0, &usage);
    usage.memory_mb = usage.memory_mb * (int64_t)sysconf(_SC_PAGESIZE) >> 20;
    usage.cpu_ms = usage.cpu_ms * 1000 / (int64_t)sysconf(_SC_CLK_TCK);
    return usage;
}

unsigned sandbox_connections(pid_t pid) {
    char path[96], line[512];
    int first = 0;
    unsigned port, state, count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%d", &first) != 1)
        first = 0;
    if (file)
        fclose(file);
    snprintf(path, sizeof path, "/proc/%d/net/tcp", first);
    file = first ? fopen(path, "re") : NULL;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, " %*u: %*x:%x %*x:%*x %x", &port, &state) == 2)
            count += port == 80 && (state == 0x01 || state == 0x08); /* this side has not closed it */
    if (file)
        fclose(file);
    return count;
}
