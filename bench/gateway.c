/*
 * Signed GetConfigRule calls a second, over 64 kept connections, beside a bare libmicrohttpd server that
 * answers the same requests with a constant. Both are driven by the same client in turns; the medians, and
 * the median of the ratios of neighbouring rounds, are printed.
 *
 * usage: bench_gateway PLUMBLINE [REQUESTS_PER_ROUND]
 */
#include "signed.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { CONNECTIONS = 64, ROUNDS = 21, REQUEST_BYTES = 1024, THREADS = 2 };

typedef struct bench {
    char directory[64];
    pid_t server, hello;
    uint16_t port, hello_port;
    pl_arena arena;
    signed_key key;
    pl_str rule;
    size_t count; /* requests in a round */
    char *texts;  /* count times REQUEST_BYTES */
    size_t *lengths;
} bench;

static void die(const char *what) {
    perror(what);
    _exit(1);
}

/* ---- servers ---- */

static enum MHD_Result hello(void *context, struct MHD_Connection *c, const char *url, const char *method,
                             const char *version, const char *data, size_t *size, void **state) {
    static char answer[1200];
    (void)context, (void)url, (void)method, (void)version, (void)data, (void)size;
    if (!*state) {
        *state = answer;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof answer, answer, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(c, 200, response);
    MHD_destroy_response(response);
    return result;
}

/* The bare server in a process of its own, so that its time is measured as ours is. */
static void start_hello(bench *b) {
    int out[2];
    if (pipe(out) != 0 || (b->hello = fork()) < 0)
        die("fork");
    if (b->hello == 0) {
        struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, hello,
                                                     NULL, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
                                                     MHD_OPTION_CONNECTION_LIMIT, 1024u, MHD_OPTION_END);
        uint16_t port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
        if (write(out[1], &port, sizeof port) != sizeof port)
            die("write");
        pause();
    }
    if (read(out[0], &b->hello_port, sizeof b->hello_port) != sizeof b->hello_port)
        die("read");
}

/* Processor microseconds a request of a server that is ended now. */
static double end_server(const bench *b, pid_t pid) {
    struct rusage use;
    kill(pid, SIGTERM);
    if (wait4(pid, NULL, 0, &use) != pid)
        die("wait");
    double seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                     (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    return seconds * 1e6 / (double)(b->count * ROUNDS);
}

static void start_server(bench *b, const char *program) {
    int out[2];
    char line[256] = "";
    if (pipe(out) != 0 || (b->server = fork()) < 0)
        die("fork");
    if (b->server == 0) {
        dup2(out[1], STDOUT_FILENO);
        execl(program, program, "serve", "--data", b->directory, "--listen", "127.0.0.1:0", "--threads", "2",
              "--log-level", "warning", (char *)NULL);
        die(program);
    }
    close(out[1]);
    FILE *in = fdopen(out[0], "r");
    if (!in || !fgets(line, sizeof line, in) || !strrchr(line, ':'))
        die("serve");
    b->port = (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10);
}

/* ---- requests ---- */

static pl_str single(bench *b, const char *method, const char *action, const char *query) {
    char text[4096], in[16384];
    signed_call call = {method, action, "2020-09-07", pl_str_from(query), PL_STR("")};
    size_t n = signed_write(&b->key, &b->arena, &call, text, sizeof text), got = 0;
    int fd = signed_dial(b->port);
    if (write(fd, text, n) != (ssize_t)n)
        die("write");
    while (signed_answer_size(pl_str_of(in, got)) == 0) {
        ssize_t more = read(fd, in + got, sizeof in - got);
        if (more <= 0)
            die("read");
        got += (size_t)more;
    }
    close(fd);
    return pl_arena_copy(&b->arena, pl_str_of(in, got));
}

static void make_rule(bench *b) {
    pl_json root;
    pl_error error;
    pl_str answer =
        single(b, "POST", "CreateConfigRule",
               "ConfigRuleName=bench&SourceOwner=ALIYUN&SourceIdentifier=oss-bucket-public-read-prohibited&"
               "ConfigRuleTriggerTypes=ConfigurationItemChangeNotification&RiskLevel=1&"
               "ResourceTypesScope=ACS%3A%3AOSS%3A%3ABucket&Description=A%20rule%20to%20be%20read");
    pl_str body = pl_str_skip(answer, pl_str_find(answer, PL_STR("\r\n\r\n")) + 4);
    if (pl_json_parse_in(&b->arena, body, &root, &error) != 0 ||
        !(b->rule = pl_json_str(pl_json_get(root, PL_STR("ConfigRuleId")))).n) {
        fprintf(stderr, "%.*s\n", PL_FMT(answer));
        _exit(1);
    }
}

static void sign_round(bench *b) {
    char query[128];
    pl_arena saved = b->arena;
    snprintf(query, sizeof query, "ConfigRuleId=%.*s", PL_FMT(b->rule));
    pl_arena_init(&b->arena, 0);
    signed_call call = {"GET", "GetConfigRule", "2020-09-07", pl_str_from(query), PL_STR("")};
    for (size_t i = 0; i < b->count; i++) {
        b->lengths[i] = signed_write(&b->key, &b->arena, &call, b->texts + i * REQUEST_BYTES, REQUEST_BYTES);
        pl_arena_reset(&b->arena);
    }
    pl_arena_free(&b->arena);
    b->arena = saved;
}

/* ---- the client ---- */

typedef struct flow {
    int fd;
    size_t got;
    char in[16384];
} flow;

static bool send_next(bench *b, flow *f, size_t *sent) {
    if (*sent == b->count)
        return false;
    size_t i = (*sent)++;
    if (write(f->fd, b->texts + i * REQUEST_BYTES, b->lengths[i]) != (ssize_t)b->lengths[i])
        die("write");
    return true;
}

/* Takes what came; true when an answer is whole. Anything but status 200 ends the run. */
static bool take(flow *f) {
    ssize_t n = read(f->fd, f->in + f->got, sizeof f->in - f->got);
    if (n <= 0)
        die("read");
    f->got += (size_t)n;
    size_t size = signed_answer_size(pl_str_of(f->in, f->got));
    if (size && memcmp(f->in + 9, "200", 3) != 0) {
        fprintf(stderr, "%.*s\n", (int)f->got, f->in);
        _exit(1);
    }
    if (size)
        f->got = 0;
    return size > 0;
}

static double round_of(bench *b, uint16_t port) {
    static flow flows[CONNECTIONS];
    struct epoll_event events[CONNECTIONS];
    int poll = epoll_create1(0);
    size_t sent = 0, done = 0;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        flows[i].fd = signed_dial(port);
        flows[i].got = 0;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &flows[i]};
        epoll_ctl(poll, EPOLL_CTL_ADD, flows[i].fd, &event);
    }
    int64_t began = pl_monotonic_ns();
    for (size_t i = 0; i < CONNECTIONS; i++)
        send_next(b, &flows[i], &sent);
    while (done < b->count) {
        int n = epoll_wait(poll, events, CONNECTIONS, -1);
        for (int i = 0; i < n; i++) {
            if (take(events[i].data.ptr)) {
                done++;
                send_next(b, events[i].data.ptr, &sent);
            }
        }
    }
    double seconds = (double)(pl_monotonic_ns() - began) / 1e9;
    for (size_t i = 0; i < CONNECTIONS; i++)
        close(flows[i].fd);
    close(poll);
    return (double)b->count / seconds;
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv) {
    static bench b;
    double ours[ROUNDS], bare[ROUNDS], ratios[ROUNDS];
    if (argc < 2) {
        fputs("usage: bench_gateway PLUMBLINE [REQUESTS_PER_ROUND]\n", stderr);
        return 2;
    }
    b.count = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
    b.texts = calloc(b.count, REQUEST_BYTES);
    b.lengths = calloc(b.count, sizeof *b.lengths);
    strcpy(b.directory, "/tmp/plumbline-bench-XXXXXX");
    if (!b.texts || !b.lengths || !mkdtemp(b.directory))
        die("bench");
    pl_arena_init(&b.arena, 0);
    start_server(&b, argv[1]);
    if (!signed_read_key(&b.key, &b.arena, b.directory))
        die("credentials");
    make_rule(&b);
    start_hello(&b);
    for (int i = 0; i < ROUNDS; i++) {
        sign_round(&b);
        bare[i] = round_of(&b, b.hello_port);
        ours[i] = round_of(&b, b.port);
        ratios[i] = ours[i] / bare[i];
    }
    double our_time = end_server(&b, b.server), bare_time = end_server(&b, b.hello);
    qsort(ours, ROUNDS, sizeof *ours, by_value);
    qsort(bare, ROUNDS, sizeof *bare, by_value);
    qsort(ratios, ROUNDS, sizeof *ratios, by_value);
    printf("signed GetConfigRule: %.0f/s, bare server: %.0f/s, ratio %.2f; %.2f to %.2f in %d rounds\n",
           ours[ROUNDS / 2], bare[ROUNDS / 2], ratios[ROUNDS / 2], ratios[ROUNDS / 4], ratios[ROUNDS * 3 / 4],
           ROUNDS);
    printf("processor time a request: %.1f us, bare server: %.1f us, ratio %.2f\n", our_time, bare_time,
           bare_time / our_time);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", b.directory);
    return system(command) == 0 ? 0 : 1;
}
