/*
 * Values that reading works keep with their connection until the database changes. Owns session->kept.
 * INVARIANT: everything kept was made from the snapshot that has kept.version, which the driver changes with
 * every commit of any process. INVARIANT: a known kept.mark was read before that snapshot began, so while the
 * database still shows it, nothing was committed since.
 */
#include "store/driver.h"

enum { KEPT_ENTRIES = 1000, KEPT_BYTES = 1 << 20, KEPT_VALUE_MAX = 64 << 10 };

void store_kept_init(store_session *session) {
    session->kept = (store_kept){.version = -1};
    pl_map_init(&session->kept.values, 0);
    pl_arena_init(&session->kept.arena, KEPT_BYTES);
}

void store_kept_free(store_session *session) {
    pl_map_free(&session->kept.values);
    pl_arena_free(&session->kept.arena);
}

static void forget(store_kept *kept) {
    pl_map_clear(&kept->values);
    pl_arena_reset(&kept->arena);
}

/* Asks the database once in each work whether it is still what the values were made of. */
static bool is_current(store_session *session) {
    store_kept *kept = &session->kept;
    const store_driver *driver = session->store->driver;
    int64_t version;
    pl_error ignored;
    if (kept->asked)
        return kept->current;
    kept->asked = true;
    kept->mark.known = false;
    kept->current = session->mode == STORE_MODE_READ && !session->failed && driver->version &&
                    driver->version(session, &version, &ignored) == 0;
    if (!kept->current)
        return false;
    if (version != kept->version)
        forget(kept);
    kept->version = version;
    kept->mark = kept->seen;
    return true;
}

void store_kept_glance(store_session *session) {
    const store_driver *driver = session->store->driver;
    session->kept.seen.known = false;
    if (driver->glance && session->kept.version >= 0)
        driver->glance(session, &session->kept.seen);
}

const pl_str *store_kept_peek(store_session *session, pl_str key) {
    store_kept *kept = &session->kept;
    if (!kept->mark.known)
        return NULL;
    store_kept_glance(session);
    bool same = kept->seen.known && memcmp(kept->seen.words, kept->mark.words, sizeof kept->mark.words) == 0;
    return same ? pl_map_get(&kept->values, key) : NULL;
}

bool store_recall(store_session *session, pl_str key, pl_str *value) {
    const pl_str *found = is_current(session) ? pl_map_get(&session->kept.values, key) : NULL;
    if (found)
        *value = *found;
    return found;
}

void store_keep(store_session *session, pl_str key, pl_str value) {
    store_kept *kept = &session->kept;
    if (!is_current(session) || value.n > KEPT_VALUE_MAX)
        return;
    if (kept->values.count >= KEPT_ENTRIES || kept->arena.total + key.n + value.n > KEPT_BYTES / 2)
        forget(kept);
    pl_str name = pl_arena_copy(&kept->arena, key), *copy = pl_new(&kept->arena, pl_str, 1);
    if (copy)
        *copy = pl_arena_copy(&kept->arena, value);
    bool whole = copy && name.p && (copy->p || !value.p);
    if (!whole || !pl_map_put(&kept->values, name, copy))
        forget(kept);
}
