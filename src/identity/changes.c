/*
 * Telling that identities have changed, to this process and to others on the same store. Owns the channel and
 * the raising of the generation.
 *
 * INVARIANT: the generation is raised after the commit of the change, never before: what is read under the
 * new one has seen the change.
 */
#include "identity/internal.h"

#define CHANNEL PL_STR("identity")

static void forget(void *context, pl_str payload) {
    (void)payload;
    atomic_fetch_add(&((identity *)context)->generation, 1);
}

int identity_changes_listen(identity *room, pl_error *error) {
    return store_listen(room->config.store, CHANNEL, forget, room, error);
}

int identity_changed(identity *room, store_session *session, pl_str account_id, pl_error *error) {
    (void)room;
    return store_notify(session, CHANNEL, account_id, error);
}
