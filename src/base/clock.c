/* Clock and calendar. No state. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

enum { DAY_MS = 86400000 };

static int64_t system_now(void *context) {
    (void)context;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t fixed_now(void *context) {
    return *(int64_t *)context;
}

pl_clock pl_clock_system(void) {
    return (pl_clock){system_now, NULL};
}

pl_clock pl_clock_fixed(int64_t *milliseconds) {
    return (pl_clock){fixed_now, milliseconds};
}

int64_t pl_monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month + (month > 2 ? -3U : 9)) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

void pl_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static void put_two(char *at, unsigned number) {
    at[0] = (char)('0' + number / 10);
    at[1] = (char)('0' + number % 10);
}

pl_str pl_time_iso(int64_t milliseconds, char text[static PL_TIME_TEXT]) {
    int64_t days = floor_divide(milliseconds, DAY_MS);
    int seconds = (int)((milliseconds - days * DAY_MS) / 1000);
    int64_t year;
    unsigned month, day;
    pl_civil_from_days(days, &year, &month, &day);
    if (year >= 0 && year <= 9999) { /* every request's way: no format to be read */
        unsigned parts[] = {month, day, (unsigned)seconds / 3600, (unsigned)seconds / 60 % 60,
                            (unsigned)seconds % 60};
        memcpy(text, "yyyy-mm-ddThh:mm:ssZ", 21);
        put_two(text, (unsigned)year / 100);
        put_two(text + 2, (unsigned)year % 100);
        for (size_t i = 0; i < 5; i++)
            put_two(text + 5 + 3 * i, parts[i]);
        return pl_str_of(text, 20);
    }
    int n = snprintf(text, PL_TIME_TEXT, "%04d-%02u-%02uT%02d:%02d:%02dZ", (int)year, month, day,
                     seconds / 3600, seconds / 60 % 60, seconds % 60);
    return pl_str_of(text, (size_t)n);
}

pl_str pl_time_date(int64_t milliseconds, int offset_minutes, char text[static PL_TIME_TEXT]) {
    int64_t year;
    unsigned month, day;
    pl_civil_from_days(floor_divide(milliseconds + offset_minutes * 60000LL, DAY_MS), &year, &month, &day);
    int n = snprintf(text, PL_TIME_TEXT, "%04d-%02u-%02u", (int)year, month, day);
    return pl_str_of(text, (size_t)n);
}

/* Takes exactly `digits` digits off the front. */
static bool take_number(pl_str *s, size_t digits, int *value) {
    if (s->n < digits)
        return false;
    int v = 0;
    for (size_t i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    *value = v;
    *s = pl_str_skip(*s, digits);
    return true;
}

static int month_length(int year, int month) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : lengths[month - 1];
}

static bool take_date(pl_str *s, int64_t *days) {
    int year, month, day;
    if (!take_number(s, 4, &year) || !pl_str_take(s, '-') || !take_number(s, 2, &month) ||
        !pl_str_take(s, '-') || !take_number(s, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_length(year, month))
        return false;
    *days = days_from_civil(year, (unsigned)month, (unsigned)day);
    return true;
}

static int64_t take_fraction(pl_str *s) {
    int64_t milliseconds = 0, unit = 100;
    if (!pl_str_take(s, '.'))
        return 0;
    for (; s->n && pl_is_digit(s->p[0]); *s = pl_str_skip(*s, 1), unit /= 10)
        milliseconds += (s->p[0] - '0') * unit;
    return milliseconds;
}

static bool take_time(pl_str *s, int64_t *milliseconds) {
    int hour, minute, second = 0;
    if (!take_number(s, 2, &hour) || !pl_str_take(s, ':') || !take_number(s, 2, &minute))
        return false;
    if (pl_str_take(s, ':') && !take_number(s, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *milliseconds = ((hour * 60 + minute) * 60 + second) * 1000LL + take_fraction(s);
    return true;
}

static bool take_zone(pl_str *s, int64_t *offset_ms) {
    *offset_ms = 0;
    if (s->n == 0 || pl_str_take(s, 'Z'))
        return s->n == 0;
    int64_t sign = pl_str_take(s, '+') ? 1 : (pl_str_take(s, '-') ? -1 : 0);
    int hour, minute;
    if (!sign || !take_number(s, 2, &hour))
        return false;
    pl_str_take(s, ':');
    if (!take_number(s, 2, &minute) || s->n)
        return false;
    *offset_ms = sign * (hour * 60 + minute) * 60000LL;
    return true;
}

bool pl_time_parse(pl_str text, int64_t *milliseconds) {
    int64_t days, in_day = 0, offset = 0;
    if (!take_date(&text, &days))
        return false;
    if (text.n) {
        if (!pl_str_take(&text, 'T') && !pl_str_take(&text, ' '))
            return false;
        if (!take_time(&text, &in_day) || !take_zone(&text, &offset))
            return false;
    }
    *milliseconds = days * DAY_MS + in_day - offset;
    return true;
}
