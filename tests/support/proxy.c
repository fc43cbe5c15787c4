/* The proxy: one thread accepts, one thread for each connection passes bytes on. */
#include "support/proxy.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct proxy_link {
    test_proxy *proxy;
    int client, server;
} proxy_link;

static int open_socket(const char *path, struct sockaddr_un *address) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Passes on what there is; false at the end of the connection. */
static int pass(int from, int to) {
    char bytes[8192];
    ssize_t n = read(from, bytes, sizeof bytes);
    return n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

/* As pass, from the client; false when the commit has been lost. */
static int pass_request(proxy_link *l) {
    char bytes[8192];
    ssize_t n = read(l->client, bytes, sizeof bytes);
    int commit = n > 0 && memmem(bytes, (size_t)n, "COMMIT", 7) != NULL;
    int mode = commit ? atomic_exchange(&l->proxy->mode, TEST_PROXY_PASS) : TEST_PROXY_PASS;
    if (n <= 0 || mode == TEST_PROXY_LOSE_COMMIT)
        return 0;
    if (send(l->server, bytes, (size_t)n, MSG_NOSIGNAL) != n)
        return 0;
    return mode != TEST_PROXY_LOSE_ANSWER || read(l->server, bytes, sizeof bytes) < 0;
}

static void *run_link(void *argument) {
    proxy_link *l = argument;
    struct pollfd ends[2] = {{.fd = l->client, .events = POLLIN}, {.fd = l->server, .events = POLLIN}};
    int going = l->server >= 0;
    while (going && poll(ends, 2, -1) > 0) {
        if (ends[0].revents)
            going = pass_request(l);
        if (going && ends[1].revents)
            going = pass(l->server, l->client);
    }
    close(l->client);
    if (l->server >= 0)
        close(l->server);
    free(l);
    return NULL;
}

static void start_link(test_proxy *proxy, int client) {
    struct sockaddr_un address;
    pthread_t thread;
    proxy_link *l = malloc(sizeof *l);
    int server = open_socket(proxy->server, &address);
    if (server >= 0 && connect(server, (struct sockaddr *)&address, sizeof address) != 0) {
        close(server);
        server = -1;
    }
    *l = (proxy_link){proxy, client, server};
    pthread_create(&thread, NULL, run_link, l);
    pthread_detach(thread);
}

static void *run_proxy(void *argument) {
    test_proxy *proxy = argument;
    int client;
    while ((client = accept(proxy->listening, NULL, NULL)) >= 0)
        start_link(proxy, client);
    return NULL;
}

int test_proxy_start(test_proxy *proxy, const char *server_directory) {
    struct sockaddr_un address;
    char path[128];
    *proxy = (test_proxy){0};
    snprintf(proxy->server, sizeof proxy->server, "%s/.s.PGSQL.5432", server_directory);
    snprintf(proxy->directory, sizeof proxy->directory, "/tmp/plumbline-proxy-XXXXXX");
    if (!mkdtemp(proxy->directory))
        return -1;
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", proxy->directory);
    proxy->listening = open_socket(path, &address);
    if (bind(proxy->listening, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(proxy->listening, 16) != 0)
        return -1;
    return pthread_create(&proxy->thread, NULL, run_proxy, proxy) == 0 ? 0 : -1;
}

void test_proxy_stop(test_proxy *proxy) {
    char path[128];
    shutdown(proxy->listening, SHUT_RDWR);
    pthread_join(proxy->thread, NULL);
    close(proxy->listening);
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", proxy->directory);
    unlink(path);
    rmdir(proxy->directory);
}
