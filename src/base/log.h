/*
 * Logging to standard error, one line an event, as text or JSON. A logger is a value that its user is given;
 * lines are written with one write(2), so threads do not mix them. Secrets never go in.
 */
#ifndef PL_BASE_LOG_H
#define PL_BASE_LOG_H

#include "base/clock.h"

typedef enum pl_log_level { PL_LOG_DEBUG, PL_LOG_INFO, PL_LOG_WARNING, PL_LOG_ERROR } pl_log_level;

typedef struct pl_log {
    int fd; /* -1: silent */
    bool json;
    pl_log_level least; /* lesser events are dropped */
    pl_clock clock;
} pl_log;

/* One event; the text is cut to about 2 KB, control characters are replaced. */
void pl_log_write(const pl_log *log, pl_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
