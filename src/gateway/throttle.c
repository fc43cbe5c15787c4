/* Token buckets by access key. Owns them; one mutex guards all, it is held for a few instructions. */
#include "gateway/throttle.h"

#include "base/map.h"
#include "base/memory.h"

#include <pthread.h>

typedef struct bucket {
    int64_t thousandths; /* of calls left */
    int64_t filled_at;   /* Unix milliseconds */
    size_t key_length;
    char key[];
} bucket;

struct throttle {
    pthread_mutex_t lock;
    pl_map buckets;
    int64_t rate; /* calls a second, also thousandths of calls a millisecond */
};

throttle *throttle_new(uint32_t calls_per_second) {
    throttle *t = pl_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    pl_map_init(&t->buckets, 0);
    t->rate = calls_per_second;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

static void drop(throttle *t, int64_t full_before) {
    pl_map kept;
    pl_map_init(&kept, 0);
    size_t cursor = 0;
    pl_str key;
    void *value;
    while (pl_map_next(&t->buckets, &cursor, &key, &value)) {
        bucket *b = value;
        if (b->filled_at < full_before || !pl_map_put(&kept, pl_str_of(b->key, b->key_length), b))
            pl_free(b);
    }
    pl_map_free(&t->buckets);
    t->buckets = kept;
}

void throttle_free(throttle *t) {
    if (!t)
        return;
    drop(t, INT64_MAX);
    pl_map_free(&t->buckets);
    pthread_mutex_destroy(&t->lock);
    pl_free(t);
}

/* A bucket untouched for a second is full: forgetting it changes nothing. */
static bucket *make(throttle *t, pl_str key, int64_t now) {
    if (t->buckets.count >= THROTTLE_KEYS_MAX)
        drop(t, now - 1000);
    bucket *b = t->buckets.count < THROTTLE_KEYS_MAX ? pl_calloc(1, sizeof *b + key.n) : NULL;
    if (!b)
        return NULL;
    memcpy(b->key, key.p, key.n);
    b->key_length = key.n;
    b->thousandths = t->rate * 1000;
    b->filled_at = now;
    if (pl_map_put(&t->buckets, pl_str_of(b->key, key.n), b))
        return b;
    pl_free(b);
    return NULL;
}

static int64_t take(throttle *t, bucket *b, int64_t now) {
    int64_t passed = now > b->filled_at ? now - b->filled_at : 0;
    b->thousandths = passed >= 1000 ? t->rate * 1000 : b->thousandths + passed * t->rate;
    if (b->thousandths > t->rate * 1000)
        b->thousandths = t->rate * 1000;
    b->filled_at = now;
    if (b->thousandths < 1000)
        return (1000 - b->thousandths + t->rate - 1) / t->rate;
    b->thousandths -= 1000;
    return 0;
}

int64_t throttle_take(throttle *t, pl_str access_key_id, int64_t now) {
    if (t->rate == 0 || access_key_id.n == 0)
        return 0;
    pthread_mutex_lock(&t->lock);
    bucket *b = pl_map_get(&t->buckets, access_key_id);
    if (!b)
        b = make(t, access_key_id, now);
    int64_t wait = b ? take(t, b, now) : 0;
    pthread_mutex_unlock(&t->lock);
    return wait;
}
