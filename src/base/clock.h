/*
 * The one clock and the calendar. Times are Unix milliseconds (int64_t), UTC, unless a name says otherwise.
 */
#ifndef PL_BASE_CLOCK_H
#define PL_BASE_CLOCK_H

#include "base/str.h"

/* The injected clock: production reads the system's, tests set their own. */
typedef struct pl_clock {
    int64_t (*now)(void *context); /* wall clock, Unix milliseconds */
    void *context;
} pl_clock;

/* The clock's wall time, Unix milliseconds. */
static inline int64_t pl_now(const pl_clock *clock) {
    return clock->now(clock->context);
}

/* The system's wall clock. */
pl_clock pl_clock_system(void);

/* A clock that stands at *milliseconds until the test moves it. */
pl_clock pl_clock_fixed(int64_t *milliseconds);

/* Monotonic nanoseconds for measuring and time-outs; unrelated to the calendar. */
int64_t pl_monotonic_ns(void);

/* Civil date of a day count since 1970-01-01 (proleptic Gregorian). */
void pl_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

enum { PL_TIME_TEXT = 32 };

/* "2026-01-31T08:05:09Z"; writes at most PL_TIME_TEXT bytes with NUL, returns the view into `text`. */
pl_str pl_time_iso(int64_t milliseconds, char text[static PL_TIME_TEXT]);

/* "2026-01-31" of the day in a zone `offset_minutes` east of UTC (480 for UTC+8). */
pl_str pl_time_date(int64_t milliseconds, int offset_minutes, char text[static PL_TIME_TEXT]);

/*
 * Reads "YYYY-MM-DD", "YYYY-MM-DDTHH:MMZ", "YYYY-MM-DDTHH:MM:SSZ", with optional fraction of seconds and
 * with "Z" or "+HH:MM"/"-HH:MM" (a missing zone is UTC; a blank may stand for the "T").
 * False on anything else; nothing is written then.
 */
bool pl_time_parse(pl_str text, int64_t *milliseconds);

#endif
