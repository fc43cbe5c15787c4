/* What functions write: the end of it for each instance and for each function. The pool's lock guards both.
 */
#include "functions/private.h"

#include "base/memory.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* The newest bytes replace the oldest ones. */
static void tail_add(tail *t, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        t->bytes[(t->written + i) % t->size] = bytes[i];
    t->written += n;
}

pl_str tail_read(const tail *t, pl_arena *arena, uint64_t from) {
    uint64_t first = t->written > t->size ? t->written - t->size : 0;
    from = from > first ? from : first;
    size_t n = (size_t)(t->written - from);
    char *text = pl_arena_alloc(arena, n + 1);
    if (!text)
        return PL_STR_NONE;
    for (size_t i = 0; i < n; i++)
        text[i] = t->bytes[(from + i) % t->size];
    return pl_str_of(text, n);
}

/* The function's log; the oldest one makes room for a new one. */
static function_log *log_of(functions *f, const char *key) {
    function_log **at = &f->logs, *found;
    while (*at && strcmp((*at)->key, key) != 0 && (f->log_count < LOGS_MOST || (*at)->next))
        at = &(*at)->next;
    found = *at;
    if (!found && !(found = pl_calloc(1, sizeof *found)))
        return NULL;
    if (*at)
        *at = found->next;
    else
        f->log_count++;
    if (strcmp(found->key, key) != 0) {
        snprintf(found->key, sizeof found->key, "%s", key);
        found->tail = (tail){.bytes = found->bytes, .size = sizeof found->bytes};
    }
    found->next = f->logs;
    f->logs = found;
    return found;
}

int functions_log(functions *f, pl_arena *arena, pl_str account_id, pl_str name, pl_str *text,
                  pl_error *error) {
    char key[FUNCTION_KEY];
    snprintf(key, sizeof key, "%.*s/%.*s", PL_FMT(account_id), PL_FMT(name));
    *text = PL_STR("");
    pthread_mutex_lock(&f->lock);
    for (const function_log *at = f->logs; at; at = at->next)
        if (strcmp(at->key, key) == 0)
            *text = tail_read(&at->tail, arena, 0);
    pthread_mutex_unlock(&f->lock);
    return text->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* Instances of one function write at the same time: its log takes whole lines of each, unless they are long.
 */
static void keep(functions *f, instance *i, const char *bytes, size_t n) {
    function_log *kept = log_of(f, i->function);
    for (size_t at = 0; kept && at < n; at++) {
        i->line[i->line_length++] = bytes[at];
        if (bytes[at] != '\n' && i->line_length < sizeof i->line)
            continue;
        tail_add(&kept->tail, i->line, i->line_length);
        i->line_length = 0;
    }
    tail_add(&i->log, bytes, n);
}

void instance_read_log(functions *f, instance *i) {
    char block[16384];
    while (!i->over_output) {
        ssize_t n = read(i->box.log, block, sizeof block);
        i->silent = n == 0;
        if (n <= 0)
            return;
        keep(f, i, block, (size_t)n);
        if (i->log.written - i->log_from <= LOG_MOST)
            continue;
        i->over_output = true;
        if (!i->ending)
            kill(i->box.pid, SIGKILL);
        i->ending = true;
    }
}

void instance_note(functions *f, instance *i, pl_str line) {
    instance_read_log(f, i);
    if (i->line_length > 0)
        keep(f, i, "\n", 1);
    keep(f, i, line.p, line.n);
}
