/*
 * Notifications: collected in a work's outbox, told to the listeners of this process after the commit. Owns
 * the listeners of the store. The drivers carry them to other processes.
 */
#include "store/driver.h"

bool store_outbox_add(pl_buf *outbox, pl_str channel, pl_str payload) {
    size_t lengths[2] = {channel.n, payload.n};
    if (!pl_buf_reserve(outbox, sizeof lengths + channel.n + payload.n))
        return false;
    pl_buf_add(outbox, pl_str_of((const char *)lengths, sizeof lengths));
    pl_buf_add(outbox, channel);
    pl_buf_add(outbox, payload);
    return true;
}

void store_listeners_tell(store *s, pl_str channel, pl_str payload) {
    pthread_rwlock_rdlock(&s->listeners_lock);
    for (size_t i = 0; i < s->listener_count; i++)
        if (pl_str_is(channel, s->listeners[i].channel))
            s->listeners[i].callback(s->listeners[i].context, payload);
    pthread_rwlock_unlock(&s->listeners_lock);
}

void store_listeners_alarm(store *s) {
    pthread_rwlock_rdlock(&s->listeners_lock);
    for (size_t i = 0; i < s->listener_count; i++)
        s->listeners[i].callback(s->listeners[i].context, PL_STR_NONE);
    pthread_rwlock_unlock(&s->listeners_lock);
}

void store_outbox_tell(store *s, pl_buf *outbox) {
    pl_str rest = pl_buf_str(outbox);
    while (rest.n > 0) {
        size_t lengths[2];
        memcpy(lengths, rest.p, sizeof lengths);
        rest = pl_str_skip(rest, sizeof lengths);
        pl_str channel = pl_str_head(rest, lengths[0]);
        pl_str payload = {rest.p + lengths[0], lengths[1]};
        store_listeners_tell(s, channel, payload);
        rest = pl_str_skip(rest, lengths[0] + lengths[1]);
    }
}

static int check_channel(pl_str channel, pl_error *error) {
    bool good = channel.n > 0 && channel.n <= STORE_CHANNEL_MAX;
    for (size_t i = 0; good && i < channel.n; i++) {
        char c = channel.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    if (good)
        return 0;
    return pl_failf(error, PL_E_InternalError, "\"%.*s\" is not a channel name.", PL_FMT(channel));
}

int store_notify(store_session *session, pl_str channel, pl_str payload, pl_error *error) {
    if (check_channel(channel, error) != 0)
        return store_session_fail(session, error);
    if (session->mode != STORE_MODE_WRITE || payload.n > STORE_PAYLOAD_MAX ||
        (payload.n > 0 && memchr(payload.p, '\0', payload.n))) {
        pl_failf(error, PL_E_InternalError,
                 "A notification needs a write and a text of at most %d bytes without NUL.",
                 STORE_PAYLOAD_MAX);
        return store_session_fail(session, error);
    }
    if (!store_outbox_add(&session->outbox, channel, payload)) {
        store_fail_memory(error);
        return store_session_fail(session, error);
    }
    const store_driver *driver = session->store->driver;
    return driver->notify ? driver->notify(session, channel, payload, error) : 0;
}

static bool is_listener(const store_listener_entry *entry, pl_str channel, store_listener callback,
                        const void *context) {
    return entry->callback == callback && entry->context == context && pl_str_is(channel, entry->channel);
}

/* Whoever tells the listeners holds the lock meanwhile: none is being called when this has it. */
void store_unlisten(store *s, pl_str channel, store_listener callback, void *context) {
    pthread_rwlock_wrlock(&s->listeners_lock);
    size_t kept = 0;
    for (size_t i = 0; i < s->listener_count; i++)
        if (!is_listener(&s->listeners[i], channel, callback, context))
            s->listeners[kept++] = s->listeners[i];
    s->listener_count = kept;
    pthread_rwlock_unlock(&s->listeners_lock);
}

int store_listen(store *s, pl_str channel, store_listener callback, void *context, pl_error *error) {
    if (check_channel(channel, error) != 0)
        return -1;
    pthread_rwlock_wrlock(&s->listeners_lock);
    bool room = s->listener_count < STORE_LISTENERS_MAX;
    if (room) {
        store_listener_entry *entry = &s->listeners[s->listener_count++];
        memcpy(entry->channel, channel.p, channel.n);
        entry->channel[channel.n] = '\0';
        entry->callback = callback;
        entry->context = context;
    }
    pthread_rwlock_unlock(&s->listeners_lock);
    if (!room)
        return pl_failf(error, PL_E_InternalError, "There are %d listeners already.", STORE_LISTENERS_MAX);
    int result = s->driver->listen ? s->driver->listen(s, error) : 0;
    if (result != 0)
        store_unlisten(s, channel, callback, context);
    return result;
}

int store_hear(store *s, pl_error *error) {
    return s->driver->hear ? s->driver->hear(s, error) : 0;
}
