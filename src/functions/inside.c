/* The first process inside a sandbox. Owns the control socket; ends with the runtime. */
#include "functions/inside.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAILED = 120, ARGUMENTS = 5, FILES = 1024, BACKLOG = 32 };

/* Also under the runtime's limits, where nothing can be allocated any more. */
static int complain(const char *what) {
    const char *reason = strerrordesc_np(errno);
    const struct iovec parts[] = {
        {(void *)(uintptr_t) "function instance: ", 19},
        {(void *)(uintptr_t)what, strlen(what)},
        {(void *)(uintptr_t) ": ", 2},
        {(void *)(uintptr_t)(reason ? reason : "unknown"), strlen(reason ? reason : "unknown")},
        {(void *)(uintptr_t) "\n", 1}};
    ssize_t written = writev(STDERR_FILENO, parts, 5);
    (void)written;
    return -1;
}

static int send_descriptor(int descriptor, char kind) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    struct iovec data = {&kind, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return sendmsg(INSIDE_CONTROL, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Port 80 of the loopback: the vendor's host names resolve to it. */
static int open_front(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int front = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (front < 0 || bind(front, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(front, BACKLOG) != 0 || send_descriptor(front, INSIDE_LISTENING) != 0)
        return complain("port 80");
    close(front);
    return 0;
}

static int drop_privileges(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    for (int capability = 0; capability < 64; capability++)
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_capset, &header, none) != 0)
        return complain("privileges");
    /* The runtime has the same user: it must not be able to look into this process. */
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : complain("privileges");
}

/* Fills `names` with views into `block`; false when the server sent none that is whole. */
static bool receive_environment(char block[static INSIDE_ENVIRONMENT], char *names[static INSIDE_VARIABLES]) {
    ssize_t n = recv(INSIDE_CONTROL, block, INSIDE_ENVIRONMENT, 0);
    size_t count = 0;
    if (n < 1 || block[n - 1] != '\0')
        return false;
    for (char *at = block; at < block + n; at += strlen(at) + 1) {
        if (count == INSIDE_VARIABLES - 1)
            return false;
        if (*at)
            names[count++] = at;
    }
    names[count] = NULL;
    return true;
}

/* --- The runtime ------------------------------------------------------------------------------------------
 */

static int limit(int resource, uint64_t value) {
    struct rlimit both = {value, value};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0 ? 0 : complain("limits");
}

static int set_limits(char **argv) {
    uint64_t values[ARGUMENTS - 1];
    for (int i = 0; i < ARGUMENTS - 1; i++)
        if (!pl_str_to_u64(pl_str_from(argv[i + 1]), &values[i]))
            return -1;
    if (limit(RLIMIT_DATA, values[0] << 20) != 0 || limit(RLIMIT_FSIZE, values[1] << 20) != 0 ||
        limit(RLIMIT_NPROC, values[2]) != 0 || limit(RLIMIT_CPU, values[3]) != 0)
        return -1;
    return limit(RLIMIT_CORE, 0) != 0 || limit(RLIMIT_NOFILE, FILES) != 0 || limit(RLIMIT_MEMLOCK, 0) != 0 ||
                   limit(RLIMIT_MSGQUEUE, 0) != 0
               ? -1
               : 0;
}

/*
 * What no function needs and what has been a way out of sandboxes; also memory that belongs to no process, so
 * that nobody would see how much of it there is.
 */
static int add_refusals(scmp_filter_ctx filter) {
    static const int calls[] = {
        SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(mount),
        SCMP_SYS(umount2),
        SCMP_SYS(pivot_root),
        SCMP_SYS(chroot),
        SCMP_SYS(setns),
        SCMP_SYS(unshare),
        SCMP_SYS(open_tree),
        SCMP_SYS(move_mount),
        SCMP_SYS(fsopen),
        SCMP_SYS(fsconfig),
        SCMP_SYS(fsmount),
        SCMP_SYS(fspick),
        SCMP_SYS(mount_setattr),
        SCMP_SYS(keyctl),
        SCMP_SYS(add_key),
        SCMP_SYS(request_key),
        SCMP_SYS(bpf),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(io_uring_setup),
        SCMP_SYS(io_uring_enter),
        SCMP_SYS(kexec_load),
        SCMP_SYS(kexec_file_load),
        SCMP_SYS(init_module),
        SCMP_SYS(finit_module),
        SCMP_SYS(delete_module),
        SCMP_SYS(open_by_handle_at),
        SCMP_SYS(reboot),
        SCMP_SYS(swapon),
        SCMP_SYS(swapoff),
        SCMP_SYS(settimeofday),
        SCMP_SYS(clock_settime),
        SCMP_SYS(clock_adjtime),
        SCMP_SYS(adjtimex),
        SCMP_SYS(acct),
        SCMP_SYS(quotactl),
        SCMP_SYS(personality),
        SCMP_SYS(kcmp),
        SCMP_SYS(fanotify_init),
        SCMP_SYS(syslog),
        SCMP_SYS(iopl),
        SCMP_SYS(ioperm),
        SCMP_SYS(lookup_dcookie),
        SCMP_SYS(vhangup),
        SCMP_SYS(mbind),
        SCMP_SYS(migrate_pages),
        SCMP_SYS(move_pages),
        SCMP_SYS(set_mempolicy),
        SCMP_SYS(pidfd_getfd),
        SCMP_SYS(process_madvise),
        SCMP_SYS(process_mrelease),
        SCMP_SYS(io_uring_register),
        SCMP_SYS(name_to_handle_at),
        SCMP_SYS(quotactl_fd),
        SCMP_SYS(sethostname),
        SCMP_SYS(setdomainname),
        SCMP_SYS(memfd_create),
        SCMP_SYS(memfd_secret),
        SCMP_SYS(shmget),
        SCMP_SYS(shmat),
        SCMP_SYS(msgget),
        SCMP_SYS(semget),
        SCMP_SYS(mq_open),
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0) != 0)
            return -1;
    return 0;
}

static int add_conditions(scmp_filter_ctx filter) {
    static const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                       CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    for (uint64_t bit = 1; bit <= namespaces; bit <<= 1)
        if (bit & namespaces && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                                 SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)) != 0)
            return -1;
    /* Its flags lie in memory, where no filter can look; the C library falls back to clone. */
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI)) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCLINUX)) != 0)
        return -1;
    /* Shared memory without a file outlives its mapping: it would not count as anybody's. */
    if (seccomp_rule_add(
            filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), 1,
            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS)) != 0)
        return -1;
    /* Of the families of sockets only local ones and the internet's. */
    for (unsigned family = AF_INET + 1; family < AF_INET6; family++)
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_EQ, family, 0)) != 0)
            return -1;
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_GT, AF_INET6, 0)) == 0
               ? 0
               : -1;
}

static int filter_calls(void) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int status = filter ? add_refusals(filter) : -1;
    if (status == 0)
        status = add_conditions(filter);
    if (status == 0 && seccomp_load(filter) != 0)
        status = -1;
    seccomp_release(filter);
    return status == 0 ? 0 : complain("system call filter");
}

static void run_runtime(char **argv, char **environment) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close(INSIDE_CONTROL);
    setpriority(PRIO_PROCESS, 0, 5);
    /* The limits come last: this process itself may already be above them. */
    if (set_limits(argv) == 0) {
        environ = environment; /* the command is looked for in the function's PATH */
        execvp(argv[ARGUMENTS], argv + ARGUMENTS);
        complain(argv[ARGUMENTS]);
    }
    _exit(FAILED);
}

/* --- Serving the server
 * ------------------------------------------------------------------------------------- */

/* False when the server is gone. */
static bool serve_request(void) {
    char kind;
    ssize_t n = recv(INSIDE_CONTROL, &kind, 1, 0);
    if (n != 1 || kind != INSIDE_SOCKET)
        return n < 0 && errno == EINTR;
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool sent = made >= 0 && send_descriptor(made, INSIDE_SOCKET) == 0;
    if (made >= 0)
        close(made);
    return sent;
}

/* Collects the dead; the runtime's exit status when it is among them, else -1. */
static int collect(pid_t runtime) {
    int status;
    pid_t dead;
    while ((dead = waitpid(-1, &status, WNOHANG)) > 0)
        if (dead == runtime)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return -1;
}

static int watch(pid_t runtime, int signals) {
    struct pollfd both[] = {{INSIDE_CONTROL, POLLIN, 0}, {signals, POLLIN, 0}};
    for (;;) {
        struct signalfd_siginfo information;
        if (poll(both, 2, -1) < 0 && errno != EINTR)
            return FAILED;
        if (both[1].revents && read(signals, &information, sizeof information) > 0) {
            int status = collect(runtime);
            if (status >= 0)
                return status;
        }
        if (both[0].revents && !serve_request())
            return 0;
    }
}

int inside_main(int argc, char **argv) {
    static char block[INSIDE_ENVIRONMENT];
    char *environment[INSIDE_VARIABLES];
    sigset_t child;
    if (argc <= ARGUMENTS || !receive_environment(block, environment) || open_front() != 0 ||
        drop_privileges() != 0 || filter_calls() != 0)
        return FAILED;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    pid_t runtime = fork();
    if (runtime == 0)
        run_runtime(argv, environment);
    if (signals < 0 || runtime < 0)
        return FAILED;
    _exit(watch(runtime, signals)); /* handlers at the exit of sanitised builds need calls that are refused */
}
