/*
 * Which key seals the secrets, and changing it.
 *
 * The store keeps a check value sealed with the current key. A rotation writes the next key as `<file>.new`
 * before it commits and renames it afterwards, so after a crash at any moment one of the two files opens the
 * check value. INVARIANT: nothing is sealed with a key that does not open the store's check value.
 */
#include "identity/internal.h"

#include "base/encode.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define CHECK_NAME PL_STR("identity.key")
#define CHECK_TEXT PL_STR("plumbline")

enum { PATH_SIZE = 4096, CHECK_SIZE = 256 };

typedef struct check_value {
    char text[CHECK_SIZE]; /* Base64 */
    size_t size;           /* 0: the store has none yet */
} check_value;

static int read_check(store_session *session, check_value *check, pl_error *error) {
    store_statement *row = store_prepare(session, "SELECT value FROM settings WHERE name = $1", error);
    store_bind_text(row, 1, CHECK_NAME);
    int step = store_step(row, error);
    pl_str value = step == 1 ? store_column_text(row, 0) : PL_STR_NONE;
    check->size = value.n < CHECK_SIZE ? value.n : 0;
    if (check->size)
        memcpy(check->text, value.p, check->size);
    return step < 0 ? -1 : 0;
}

static int read_check_work(store_session *session, void *argument, pl_error *error) {
    return read_check(session, argument, error);
}

static bool opens(const unsigned char *key, const check_value *check) {
    pl_buf sealed, plain;
    pl_buf_init(&sealed, CHECK_SIZE);
    pl_buf_init(&plain, CHECK_SIZE);
    bool good = pl_base64_decode(&sealed, pl_str_of(check->text, check->size)) &&
                pl_unseal(&plain, key, pl_buf_str(&sealed), CHECK_NAME) == 0 &&
                pl_str_eq(pl_buf_str(&plain), CHECK_TEXT);
    pl_buf_free(&sealed);
    pl_buf_free(&plain);
    return good;
}

static int write_check(const identity *room, store_session *session, const unsigned char *key,
                       pl_error *error) {
    pl_buf sealed, text;
    pl_buf_init(&sealed, CHECK_SIZE);
    pl_buf_init(&text, CHECK_SIZE);
    int result = pl_seal(&sealed, key, CHECK_TEXT, CHECK_NAME, &room->config.random);
    pl_base64_encode(&text, pl_buf_str(&sealed));
    result = result != 0 || text.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                                        : store_run(session, error,
                                                    "INSERT INTO settings (name, value) VALUES ($1, $2) "
                                                    "ON CONFLICT (name) DO UPDATE SET value = $2",
                                                    "tt", CHECK_NAME, pl_buf_str(&text));
    pl_buf_free(&sealed);
    pl_buf_free(&text);
    return result;
}

static int next_path(const identity *room, char path[static PATH_SIZE], pl_error *error) {
    if (snprintf(path, PATH_SIZE, "%s.new", room->config.key_file) < PATH_SIZE)
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "the path of the key file is too long");
}

static void adopt(identity *room, const unsigned char *key) {
    pthread_rwlock_wrlock(&room->lock);
    memcpy(room->seal_key, key, PL_SEAL_KEY_SIZE);
    pthread_rwlock_unlock(&room->lock);
}

static void copy_key(identity *room, unsigned char *key) {
    pthread_rwlock_rdlock(&room->lock);
    memcpy(key, room->seal_key, PL_SEAL_KEY_SIZE);
    pthread_rwlock_unlock(&room->lock);
}

/* The file, or the one that a rotation left when it was interrupted. 1 adopted, 0 neither fits, -1 error. */
static int adopt_fitting(identity *room, const check_value *check, pl_error *error) {
    char next[PATH_SIZE];
    unsigned char key[PL_SEAL_KEY_SIZE];
    const char *path = room->config.key_file;
    int result = next_path(room, next, error);
    if (result == 0 && (result = identity_key_file_read(path, key, error)) == 1 && !opens(key, check))
        result = 0;
    if (result == 0 && (result = identity_key_file_read(next, key, error)) == 1) {
        bool fits = opens(key, check);
        result = fits && rename(next, path) != 0 && errno != ENOENT
                     ? pl_failf(error, PL_E_ServiceUnavailable, "key file %s cannot be replaced", path)
                     : fits;
    }
    if (result == 1)
        adopt(room, key);
    explicit_bzero(key, sizeof key);
    return result;
}

static int refuse(const identity *room, pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable,
                    "key file %s is missing or is not the one that sealed the secrets of this store",
                    room->config.key_file);
}

static int first_check_work(store_session *session, void *argument, pl_error *error) {
    identity *room = argument;
    check_value check;
    if (read_check(session, &check, error) != 0)
        return -1;
    return check.size ? 0 : write_check(room, session, room->seal_key, error);
}

/* A store without check value: the file is made, unless one was put there, and the value is written. */
static int open_first(identity *room, pl_error *error) {
    unsigned char key[PL_SEAL_KEY_SIZE];
    const char *path = room->config.key_file;
    int found = identity_key_file_read(path, key, error);
    if (found == 0) {
        if (pl_random_fill(&room->config.random, key, sizeof key) != 0)
            found = pl_failf(error, PL_E_ServiceUnavailable, "key file %s: no randomness", path);
        else
            found = identity_key_file_write(path, key, error);
    }
    if (found >= 0)
        adopt(room, key);
    explicit_bzero(key, sizeof key);
    return found >= 0 ? store_write(room->config.store, first_check_work, room, error) : -1;
}

int identity_seal_open(identity *room, pl_error *error) {
    check_value check;
    if (store_read(room->config.store, read_check_work, &check, error) != 0)
        return -1;
    if (!check.size &&
        (open_first(room, error) != 0 || store_read(room->config.store, read_check_work, &check, error) != 0))
        return -1;
    int fits = adopt_fitting(room, &check, error);
    return fits == 1 ? 0 : fits < 0 ? -1 : refuse(room, error);
}

static bool current_opens(identity *room, const check_value *check) {
    unsigned char key[PL_SEAL_KEY_SIZE];
    copy_key(room, key);
    bool good = opens(key, check);
    explicit_bzero(key, sizeof key);
    return good;
}

/* As adopt_fitting, when the key in memory does not fit already; again, because a rename may lie between the
 * readings of the two files. */
static int settle(identity *room, const check_value *check, pl_error *error) {
    int fits = 0;
    for (int attempt = 0; attempt < 4 && fits == 0; attempt++)
        fits = current_opens(room, check) ? 1 : adopt_fitting(room, check, error);
    return fits;
}

int identity_seal_ready(identity *room, store_session *session, pl_error *error) {
    check_value check;
    if (read_check(session, &check, error) != 0)
        return -1;
    int fits = settle(room, &check, error);
    return fits == 1 ? 0 : fits < 0 ? -1 : refuse(room, error);
}

/* The key in memory fits, or one has been found that does. */
bool identity_seal_refresh(identity *room) {
    check_value check;
    pl_error ignored;
    return store_read(room->config.store, read_check_work, &check, &ignored) == 0 &&
           settle(room, &check, &ignored) == 1;
}

bool identity_seal_reload(identity *room) {
    unsigned char current[PL_SEAL_KEY_SIZE], file[PL_SEAL_KEY_SIZE];
    pl_error ignored;
    copy_key(room, current);
    bool other = identity_key_file_read(room->config.key_file, file, &ignored) == 1 &&
                 memcmp(current, file, sizeof file) != 0;
    explicit_bzero(current, sizeof current);
    explicit_bzero(file, sizeof file);
    return other && identity_seal_refresh(room);
}

int identity_seal(identity *room, pl_buf *out, pl_str plain, pl_str bound) {
    unsigned char key[PL_SEAL_KEY_SIZE];
    copy_key(room, key);
    int result = pl_seal(out, key, plain, bound, &room->config.random);
    explicit_bzero(key, sizeof key);
    return result;
}

int identity_unseal(identity *room, pl_buf *out, pl_str sealed, pl_str bound) {
    unsigned char key[PL_SEAL_KEY_SIZE];
    copy_key(room, key);
    int result = pl_unseal(out, key, sealed, bound);
    explicit_bzero(key, sizeof key);
    return result;
}

pl_str identity_key_bound(char *buffer, size_t size, pl_str account_id, pl_str access_key_id) {
    int n = snprintf(buffer, size, "%.*s/%.*s", PL_FMT(account_id), PL_FMT(access_key_id));
    return pl_str_of(buffer, (size_t)n < size ? (size_t)n : size - 1);
}

/* --- Rotation ---------------------------------------------------------------------------------------------
 */

typedef struct rotation {
    identity *room;
    const char *next_path;
    unsigned char next[PL_SEAL_KEY_SIZE];
    pl_buf plain, sealed;
    int64_t count;
} rotation;

static int reseal(rotation *r, store_session *session, store_statement *row, pl_error *error) {
    char buffer[256];
    pl_str account_id = store_column_text(row, 0), id = store_column_text(row, 1);
    pl_str bound = identity_key_bound(buffer, sizeof buffer, account_id, id);
    pl_buf_clear(&r->plain);
    pl_buf_clear(&r->sealed);
    if (identity_unseal(r->room, &r->plain, store_column_blob(row, 2), bound) != 0 ||
        pl_seal(&r->sealed, r->next, pl_buf_str(&r->plain), bound, &r->room->config.random) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "the secret of key %.*s cannot be sealed anew",
                        PL_FMT(id));
    r->count++;
    return store_run(
        session, error,
        "UPDATE identity_access_keys SET secret = $3 WHERE account_id = $1 AND access_key_id = $2", "ttb",
        account_id, id, pl_buf_str(&r->sealed));
}

/* A page of keys behind the last one seen; true in `*more` when there may be others. */
static int reseal_page(rotation *r, store_session *session, char last[static 256], bool *more,
                       pl_error *error) {
    enum { PAGE = 500 };
    int step, seen = 0;
    store_statement *rows =
        store_prepare(session,
                      "SELECT account_id, access_key_id, secret FROM identity_access_keys "
                      "WHERE access_key_id > $1 ORDER BY access_key_id LIMIT 500",
                      error);
    char after[256];
    memcpy(after, last, sizeof after);
    store_bind_text(rows, 1, pl_str_from(after));
    while ((step = store_step(rows, error)) == 1) {
        pl_str id = store_column_text(rows, 1);
        snprintf(last, 256, "%.*s", PL_FMT(id));
        seen++;
        if (reseal(r, session, rows, error) != 0)
            return -1;
    }
    *more = seen == PAGE;
    return step;
}

static int rotation_work(store_session *session, void *argument, pl_error *error) {
    rotation *r = argument;
    char last[256] = "";
    bool more = true;
    r->count = 0;
    if (identity_seal_ready(r->room, session, error) != 0)
        return -1;
    while (more)
        if (reseal_page(r, session, last, &more, error) != 0)
            return -1;
    if (identity_key_file_write(r->next_path, r->next, error) != 0 ||
        write_check(r->room, session, r->next, error) != 0)
        return -1;
    return identity_changed(r->room, session, PL_STR("*"), error);
}

/* The commit has been made: the new key is the one. */
static int finish(rotation *r, pl_error *error) {
    adopt(r->room, r->next);
    /* Somebody who needed the new key meanwhile may have renamed it already. */
    return rename(r->next_path, r->room->config.key_file) == 0 || errno == ENOENT
               ? 0
               : pl_failf(error, PL_E_ServiceUnavailable, "the new key is in %s but cannot be renamed",
                          r->next_path);
}

int identity_rotate_key(identity *room, int64_t *secrets, pl_error *error) {
    char path[PATH_SIZE];
    rotation r = {.room = room, .next_path = path};
    if (next_path(room, path, error) != 0)
        return -1;
    pl_buf_init(&r.plain, 1024);
    pl_buf_init(&r.sealed, 1024);
    int result = pl_random_fill(&room->config.random, r.next, sizeof r.next) == 0
                     ? store_write(room->config.store, rotation_work, &r, error)
                     : pl_fail(error, PL_E_ServiceUnavailable);
    if (result == 0)
        result = finish(&r, error);
    if (r.plain.p)
        explicit_bzero(r.plain.p, r.plain.capacity);
    pl_buf_free(&r.plain);
    pl_buf_free(&r.sealed);
    explicit_bzero(r.next, sizeof r.next);
    *secrets = r.count;
    return result;
}
