/* Opening the room, and what its two threads do. Owns the scratch directory. */
#include "reports/private.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 15000,
    FILE_BYTES = 512 << 20,
    ARENA_LIMIT = 512 << 20,
    PATH_SIZE = REPORTS_PATH + 128,
    KEPT_DAYS = 30,
};
#define DAY_MS ((int64_t)86400000)

/* --- Directories -----------------------------------------------------------------------------------------
 */

static int make_directory(const char *path, pl_error *error) {
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "%s cannot be made.", path);
}

/* Removes what lies in a directory and, in it, one level of directories. */
static void empty_directory(const char *path, int depth) {
    char name[PATH_SIZE];
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] == '.' && (entry->d_name[1] == '\0' || entry->d_name[1] == '.'))
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (unlink(name) != 0 && depth > 0) {
            empty_directory(name, depth - 1);
            rmdir(name);
        }
    }
    if (directory)
        closedir(directory);
}

/* --- Storing ---------------------------------------------------------------------------------------------
 */

struct storing {
    reports *r;
    reports_file *file;
    int64_t position;
    pl_str bytes;
    bool lost, final;
    int64_t now;
};

/* Every step first makes sure that the file is still ours. */
static int hold(struct storing *s, store_session *session, pl_error *error) {
    bool held;
    if (files_hold(session, s->file, pl_str_from(s->r->node), &held, error) != 0)
        return -1;
    s->lost = !held;
    return 0;
}

static int drop_work(store_session *session, void *argument, pl_error *error) {
    struct storing *s = argument;
    if (hold(s, session, error) != 0 || s->lost)
        return s->lost ? 0 : -1;
    return files_drop_chunks(session, s->file, error);
}

static int chunk_work(store_session *session, void *argument, pl_error *error) {
    struct storing *s = argument;
    if (hold(s, session, error) != 0 || s->lost)
        return s->lost ? 0 : -1;
    return files_put_chunk(session, s->file, s->position, s->bytes, error);
}

static int complete_work(store_session *session, void *argument, pl_error *error) {
    struct storing *s = argument;
    if (hold(s, session, error) != 0 || s->lost)
        return s->lost ? 0 : -1;
    return files_complete(session, s->file, error);
}

static int fail_work(store_session *session, void *argument, pl_error *error) {
    struct storing *s = argument;
    if (hold(s, session, error) != 0 || s->lost)
        return s->lost ? 0 : -1;
    return files_fail(session, s->file, s->now, s->final, error);
}

static int store_chunks(struct storing *s, FILE *file, char *chunk, pl_error *error) {
    store *db = s->r->config.store;
    if (store_write(db, drop_work, s, error) != 0)
        return -1;
    s->file->size = 0;
    for (s->position = 0; !s->lost; s->position++) {
        size_t n = fread(chunk, 1, REPORTS_CHUNK, file);
        if (ferror(file))
            return pl_failf(error, PL_E_ServiceUnavailable, "The report could not be read back.");
        if (n == 0)
            return 0;
        s->file->size += (int64_t)n;
        if (s->file->size > s->r->config.file_bytes)
            return pl_failf(error, PL_E_InvalidParameter, "The file is larger than %lld MB.",
                            (long long)(s->r->config.file_bytes >> 20));
        s->bytes = pl_str_of(chunk, n);
        if (store_write(db, chunk_work, s, error) != 0)
            return -1;
    }
    return 0;
}

/* A report that is sent appears whole, in the place of the one sent before. */
static int send_file(reports *r, const reports_file *file, const made_file *made, FILE *from, char *chunk,
                     pl_error *error) {
    char path[PATH_SIZE], partial[PATH_SIZE + 8];
    const char *dot = strrchr(made->name.p, '.');
    if (make_directory(r->outbox, error) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/%.*s-%.*s%s", r->outbox, PL_FMT(file->account_id),
             PL_FMT(file->object_id), dot ? dot : "");
    snprintf(partial, sizeof partial, "%s.partial", path);
    FILE *to = fopen(partial, "wb");
    bool sound = to && fseek(from, 0, SEEK_SET) == 0;
    size_t n;
    while (sound && (n = fread(chunk, 1, REPORTS_CHUNK, from)) > 0)
        sound = fwrite(chunk, 1, n, to) == n;
    sound = to && fclose(to) == 0 && sound && !ferror(from) && rename(partial, path) == 0;
    return sound ? 0 : pl_failf(error, PL_E_ServiceUnavailable, "%s cannot be written.", path);
}

static int keep_file(reports *r, reports_file *file, const made_file *made, pl_error *error) {
    struct storing s = {.r = r, .file = file};
    char *chunk = pl_malloc(REPORTS_CHUNK);
    FILE *from = chunk ? fopen(made->path.p, "rb") : NULL;
    int result = from ? store_chunks(&s, from, chunk, error)
                      : pl_failf(error, PL_E_ServiceUnavailable, "The report could not be read back.");
    if (result == 0 && file->send && !s.lost)
        result = send_file(r, file, made, from, chunk, error);
    if (from)
        fclose(from);
    pl_free(chunk);
    file->ended = pl_now(&r->config.clock);
    file->name = made->name;
    file->content_type = made->content_type;
    if (result != 0 || s.lost)
        return result;
    return store_write(r->config.store, complete_work, &s, error);
}

/* --- Making ----------------------------------------------------------------------------------------------
 */

struct claiming {
    reports *r;
    pl_arena *arena;
    reports_file file;
    bool found;
};

static int claim_work(store_session *session, void *argument, pl_error *error) {
    struct claiming *c = argument;
    return files_claim(session, c->arena, pl_str_from(c->r->node), pl_now(&c->r->config.clock), &c->file,
                       &c->found, error);
}

/* Most of the time nothing waits: looking must not write. */
static int any_work(store_session *session, void *argument, pl_error *error) {
    struct claiming *c = argument;
    store_statement *st =
        store_prepare(session, "SELECT 1 FROM report_files WHERE state = 1 AND due <= $1 LIMIT 1", error);
    store_bind_i64(st, 1, pl_now(&c->r->config.clock));
    return store_any(st, &c->found, error);
}

static void set_making(reports *r, const reports_file *file) {
    pthread_mutex_lock(&r->lock);
    snprintf(r->making, sizeof r->making, "%.*s", PL_FMT(file ? file->file_id : PL_STR("")));
    snprintf(r->making_account, sizeof r->making_account, "%.*s",
             PL_FMT(file ? file->account_id : PL_STR("")));
    pthread_mutex_unlock(&r->lock);
}

static void report(reports *r, const char *what, const pl_error *error) {
    if (r->config.log)
        pl_log_write(r->config.log, PL_LOG_WARNING, "%s: %s: %s", what, error->code, error->message);
}

/* What a request got wrong stays wrong; what the server lacked may be there later. */
static int give_up(reports *r, reports_file *file, const pl_error *cause, pl_error *error) {
    struct storing s = {
        .r = r, .file = file, .final = cause->http_status / 100 == 4, .now = pl_now(&r->config.clock)};
    report(r, "a report could not be made", cause);
    return store_write(r->config.store, fail_work, &s, error);
}

static int make(reports *r, pl_arena *arena, reports_file *file, pl_error *error) {
    char directory[PATH_SIZE];
    made_file made;
    pl_error cause = {0};
    snprintf(directory, sizeof directory, "%s/%.*s", r->scratch, PL_FMT(file->file_id));
    set_making(r, file);
    int result = make_directory(directory, &cause);
    if (result == 0)
        result = produce(r, arena, directory, file, &made, &cause);
    if (result == 0)
        result = keep_file(r, file, &made, &cause);
    empty_directory(directory, 0);
    rmdir(directory);
    set_making(r, NULL);
    return result == 0 ? 0 : give_up(r, file, &cause, error);
}

static int make_next(reports *r, bool *worked, pl_error *error) {
    pl_arena arena;
    struct claiming c = {.r = r, .arena = &arena};
    pl_arena_init(&arena, ARENA_LIMIT);
    int result = store_read(r->config.store, any_work, &c, error);
    if (result == 0 && c.found)
        result = store_write(r->config.store, claim_work, &c, error);
    if (result == 0 && c.found) {
        *worked = true;
        result = make(r, &arena, &c.file, error);
    }
    pl_arena_free(&arena);
    return result;
}

/* --- Minding ---------------------------------------------------------------------------------------------
 */

struct minding {
    reports *r;
    int64_t now;
    bool any;
    char file_id[REPORTS_ID], account_id[REPORTS_ID];
};

static int due_work(store_session *session, void *argument, pl_error *error) {
    struct minding *m = argument;
    store_statement *st = store_prepare(
        session, "SELECT 1 FROM report_templates WHERE next_due > 0 AND next_due <= $1 LIMIT 1", error);
    store_bind_i64(st, 1, m->now);
    int step = store_step(st, error);
    m->any = step == 1;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

static int start_work(store_session *session, void *argument, pl_error *error) {
    struct minding *m = argument;
    pl_arena arena;
    pl_arena_init(&arena, ARENA_LIMIT);
    int result = templates_start_due(session, &arena, &m->r->config.random, m->now, &m->any, error);
    pl_arena_free(&arena);
    return result;
}

static int start_due(reports *r, bool *worked, pl_error *error) {
    struct minding m = {.r = r, .now = pl_now(&r->config.clock)};
    if (store_read(r->config.store, due_work, &m, error) != 0)
        return -1;
    if (m.any && store_write(r->config.store, start_work, &m, error) != 0)
        return -1;
    *worked = *worked || m.any;
    return 0;
}

static int old_work(store_session *session, void *argument, pl_error *error) {
    struct minding *m = argument;
    store_statement *st =
        store_prepare(session, "SELECT 1 FROM report_files WHERE state <> 1 AND ended < $1 LIMIT 1", error);
    store_bind_i64(st, 1, m->now - KEPT_DAYS * DAY_MS);
    int step = store_step(st, error);
    m->any = step == 1;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

static int sweep_work(store_session *session, void *argument, pl_error *error) {
    struct minding *m = argument;
    return files_sweep(session, m->now - KEPT_DAYS * DAY_MS, error);
}

static int renew_work(store_session *session, void *argument, pl_error *error) {
    struct minding *m = argument;
    return files_renew(session, pl_str_from(m->account_id), pl_str_from(m->file_id), pl_str_from(m->r->node),
                       m->now, error);
}

static int forget_old(reports *r, bool *worked, pl_error *error) {
    struct minding m = {.r = r, .now = pl_now(&r->config.clock)};
    if (store_read(r->config.store, old_work, &m, error) != 0)
        return -1;
    *worked = *worked || m.any;
    return m.any ? store_write(r->config.store, sweep_work, &m, error) : 0;
}

/* Keeps the lease of what is being made. */
static int mind(reports *r, pl_error *error) {
    struct minding m = {.r = r, .now = pl_now(&r->config.clock)};
    pthread_mutex_lock(&r->lock);
    snprintf(m.file_id, sizeof m.file_id, "%s", r->making);
    snprintf(m.account_id, sizeof m.account_id, "%s", r->making_account);
    pthread_mutex_unlock(&r->lock);
    return m.file_id[0] ? store_write(r->config.store, renew_work, &m, error) : 0;
}

int reports_work(reports *r, bool *worked, pl_error *error) {
    *worked = false;
    if (start_due(r, worked, error) != 0 || forget_old(r, worked, error) != 0)
        return -1;
    return make_next(r, worked, error);
}

/* --- Threads ---------------------------------------------------------------------------------------------
 */

static int make_files(void *context, unsigned number, bool *worked, pl_error *error) {
    (void)number;
    return reports_work(context, worked, error);
}

static int mind_files(void *context, unsigned number, bool *worked, pl_error *error) {
    (void)number;
    *worked = false;
    return mind(context, error);
}

/* One thread makes files; the other keeps their leases while that takes long. */
static int open_threads(reports *r, pl_error *error) {
    store_workers_config thread = {.store = r->config.store,
                                   .log = r->config.log,
                                   .name = "reports",
                                   .channel = PL_STR("reports"),
                                   .threads = 1,
                                   .wait_ms = TICK_MS,
                                   .work = make_files,
                                   .context = r};
    if (store_workers_open(&r->maker, &thread, error) != 0)
        return -1;
    thread.channel = PL_STR_NONE;
    thread.work = mind_files;
    return store_workers_open(&r->minder, &thread, error);
}

static int release_all(store_session *session, void *argument, pl_error *error) {
    (void)argument;
    return files_release(session, error);
}

static int start_threads(reports *r, pl_error *error) {
    if (store_workers_start(r->maker, error) != 0)
        return -1;
    return store_workers_start(r->minder, error);
}

int reports_open(reports **out, const reports_config *config, pl_error *error) {
    reports *r = pl_calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return pl_fail(error, PL_E_ServiceUnavailable);
    r->config = *config;
    snprintf(r->scratch, sizeof r->scratch, "%s", config->scratch);
    snprintf(r->outbox, sizeof r->outbox, "%s", config->outbox);
    r->config.file_bytes = config->file_bytes ? config->file_bytes : FILE_BYTES;
    pthread_mutex_init(&r->lock, NULL);
    int result =
        pl_random_uuid(&r->config.random, r->node) == 0 ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
    if (result == 0)
        result = open_threads(r, error);
    if (result == 0)
        result = make_directory(config->scratch, error);
    if (result == 0) {
        empty_directory(config->scratch, 1);
        result = store_write(config->store, release_all, NULL, error);
    }
    if (result == 0 && config->threads)
        result = start_threads(r, error);
    if (result != 0) {
        reports_close(r);
        return -1;
    }
    *out = r;
    return 0;
}

void reports_stop(reports *r) {
    if (!r)
        return;
    store_workers_stop(r->maker);
    store_workers_stop(r->minder);
}

void reports_close(reports *r) {
    if (!r)
        return;
    reports_stop(r);
    store_workers_close(r->minder);
    store_workers_close(r->maker);
    pthread_mutex_destroy(&r->lock);
    pl_free(r);
}
