/* Reading the inventory for a check. */
#include "cli/check_inventory.h"

#include "cli/file.h"
#include "cli/program.h"

#include "base/memory.h"
#include "inventory/inventory.h"
#include "json/parser.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { PAGE = 256, BLOCK = 1 << 18, LINE_MAX_BYTES = 64 << 20, PATH_SIZE = 4096 };

struct check_inventory {
    store *db;
    int out; /* the pipe's writing end */
    int64_t at;
    pthread_t thread;
    int status;
    pl_error error;

    store_session *session; /* what follows is the thread's */
    pl_arena arena;         /* of one resource */
    pl_buf lines;
    int64_t last_key, seen;
    bool abandoned; /* nobody reads any more */
};

static void add_text(pl_buf *out, const char *name, pl_str value) {
    if (value.n == 0)
        return;
    pl_buf_printf(out, ",\"%s\":", name);
    pl_json_write_string(out, value);
}

static void add_json(pl_buf *out, const char *name, pl_str text) {
    if (text.n)
        pl_buf_printf(out, ",\"%s\":%.*s", name, PL_FMT(text));
}

static void add_line(pl_buf *out, const inventory_resource *r) {
    pl_buf_add(out, PL_STR("{\"resourceType\":"));
    pl_json_write_string(out, r->resource_type);
    add_text(out, "resourceId", r->resource_id);
    add_text(out, "accountId", r->account_id);
    add_text(out, "regionId", r->region_id);
    add_text(out, "resourceName", r->name);
    add_text(out, "resourceStatus", r->status);
    add_text(out, "resourceGroupId", r->group_id);
    add_text(out, "availabilityZone", r->zone);
    pl_buf_printf(out, ",\"resourceCreateTime\":%lld,\"captureTime\":%lld", (long long)r->create_time,
                  (long long)r->capture_time);
    add_json(out, "tags", r->tags);
    add_json(out, "configuration", r->configuration);
    pl_buf_add(out, PL_STR("}\n"));
}

static int flush(check_inventory *c, pl_error *error) {
    if (c->lines.failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    c->abandoned = c->abandoned || cli_write_all(c->out, pl_buf_str(&c->lines)) != 0;
    pl_buf_clear(&c->lines);
    return c->abandoned ? -1 : 0;
}

static int visit(void *context, const inventory_resource *recorded, pl_error *error) {
    check_inventory *c = context;
    inventory_resource r = *recorded;
    bool existed = !r.deleted;
    c->last_key = r.resource_key;
    c->seen++;
    pl_arena_reset(&c->arena);
    if (c->at && inventory_resource_at(c->session, &c->arena, &r, c->at, &existed, error) != 0)
        return -1;
    if (existed)
        add_line(&c->lines, &r);
    return c->lines.n > BLOCK ? flush(c, error) : 0;
}

static int write_account(check_inventory *c, pl_str account_id, pl_error *error) {
    c->last_key = 0;
    do {
        c->seen = 0;
        if (inventory_walk(c->session, account_id, c->last_key, PAGE, visit, c, error) != 0)
            return -1;
    } while (c->seen == PAGE);
    return 0;
}

static int write_work(store_session *session, void *argument, pl_error *error) {
    check_inventory *c = argument;
    pl_arena accounts;
    pl_str account_id = PL_STR("");
    int status;
    pl_arena_init(&accounts, 256 << 20);
    c->session = session;
    while ((status = inventory_next_account(session, &accounts, account_id, &account_id, error)) == 0 &&
           account_id.p)
        if ((status = write_account(c, account_id, error)) != 0)
            break;
    pl_arena_free(&accounts);
    return status == 0 ? flush(c, error) : -1;
}

/* A reader that goes away ends the writing without killing the program. */
static void *write_all(void *argument) {
    check_inventory *c = argument;
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    c->status = store_read(c->db, write_work, c, &c->error);
    close(c->out);
    return NULL;
}

static int open_store(check_inventory *c, const char *data_directory, const char *store_url,
                      pl_error *error) {
    char path[PATH_SIZE];
    store_options options = {.read_only = true};
    const char *url = program_store_url(store_url, data_directory, path, sizeof path);
    return store_open(&c->db, pl_str_from(url), &options, error);
}

static int begin(check_inventory *c, pl_error *error) {
    int ends[2];
    if (pipe(ends) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "a pipe cannot be made: %s", strerror(errno));
    bool taken = dup2(ends[0], STDIN_FILENO) == STDIN_FILENO;
    close(ends[0]);
    c->out = ends[1];
    if (taken && pthread_create(&c->thread, NULL, write_all, c) == 0)
        return 0;
    close(c->out);
    return pl_failf(error, PL_E_ServiceUnavailable, "the inventory cannot be read: %s", strerror(errno));
}

static void free_inventory(check_inventory *c) {
    store_close(c->db);
    pl_arena_free(&c->arena);
    pl_buf_free(&c->lines);
    pl_free(c);
}

int check_inventory_open(check_inventory **out, const char *data_directory, const char *store_url, int64_t at,
                         pl_error *error) {
    check_inventory *c = pl_calloc(1, sizeof *c);
    *out = NULL;
    if (!c)
        return pl_fail(error, PL_E_ServiceUnavailable);
    c->at = at;
    pl_arena_init(&c->arena, LINE_MAX_BYTES);
    pl_buf_init(&c->lines, LINE_MAX_BYTES);
    if (open_store(c, data_directory, store_url, error) != 0 || begin(c, error) != 0) {
        free_inventory(c);
        return -1;
    }
    *out = c;
    return 0;
}

int check_inventory_close(check_inventory *c, pl_error *error) {
    if (!c)
        return 0;
    close(STDIN_FILENO); /* the writer learns that nobody reads */
    pthread_join(c->thread, NULL);
    int status = c->abandoned ? 0 : c->status;
    if (status != 0)
        *error = c->error;
    free_inventory(c);
    return status;
}
