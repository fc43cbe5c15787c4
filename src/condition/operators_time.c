/* Operators on points in time and daily windows (catalogue/operators.md, "Time"). */
#include "base/clock.h"
#include "condition/operators.h"

static const double DAY_MS = 86400000.0;
static const double SECONDS_LIMIT = 100000000000.0; /* below: seconds, from here on: milliseconds */

static bool is_digits(pl_str s) {
    return s.n > 0 && pl_str_digits(s) == s.n;
}

/* Unix milliseconds of a value. */
static bool instant_of(pl_json node, double *out) {
    int64_t milliseconds;
    uint64_t digits;
    double number;
    pl_str text = pl_json_str(node);
    if (is_digits(text)) {
        if (!pl_str_to_u64(text, &digits))
            return false;
        number = (double)digits;
    } else if (text.p) {
        if (!pl_time_parse(text, &milliseconds))
            return false;
        *out = (double)milliseconds;
        return true;
    } else if (!pl_json_double(node, &number)) {
        return false;
    }
    *out = number < SECONDS_LIMIT ? number * 1000 : number;
    return true;
}

truth test_days_until_at_least(const desired *d, const feature *f, environment *env) {
    double point;
    if (!instant_of(f->node, &point))
        return UNREADABLE;
    return point - (double)env->now >= d->days * DAY_MS ? YES : NO;
}

truth test_days_since_at_most(const desired *d, const feature *f, environment *env) {
    double point;
    if (!instant_of(f->node, &point))
        return UNREADABLE;
    return (double)env->now - point <= d->days * DAY_MS ? YES : NO;
}

truth test_days_since_more(const desired *d, const feature *f, environment *env) {
    double point;
    if (!instant_of(f->node, &point))
        return UNREADABLE;
    return (double)env->now - point > d->days * DAY_MS ? YES : NO;
}

static bool take_two(pl_str *s, int *out) {
    if (s->n < 2 || !is_digits(pl_str_head(*s, 2)))
        return false;
    *out = (s->p[0] - '0') * 10 + (s->p[1] - '0');
    *s = pl_str_skip(*s, 2);
    return true;
}

/* HH:MM with or without Z, in minutes of the day. */
static bool take_time(pl_str *s, int *out) {
    int hour, minute;
    if (!take_two(s, &hour) || !pl_str_take(s, ':') || !take_two(s, &minute))
        return false;
    pl_str_take(s, 'Z');
    *out = hour * 60 + minute;
    return minute < 60 && *out <= 24 * 60;
}

static bool window_of(pl_str text, time_window *out) {
    pl_str s = pl_str_trim(text);
    if (!take_time(&s, &out->start) || !pl_str_take(&s, '-') || !take_time(&s, &out->end) || s.n)
        return false;
    if (out->end <= out->start)
        out->end += 24 * 60;
    return true;
}

int prepare_windows(pl_arena *arena, desired *d, pl_error *error) {
    if (prepare_list(arena, d, error) != 0)
        return -1;
    time_window *windows = pl_new(arena, time_window, d->count + 1);
    if (!windows)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < d->count; i++)
        if (window_of(d->list[i], &windows[d->items_count]))
            d->items_count++;
    d->items.windows = windows;
    return 0;
}

truth test_window_in(const desired *d, const feature *f, environment *env) {
    (void)env;
    time_window own;
    if (!pl_json_is_string(f->node) || !window_of(pl_json_text(f->node), &own))
        return UNREADABLE;
    for (size_t i = 0; i < d->items_count; i++)
        for (int shift = -24 * 60; shift <= 24 * 60; shift += 24 * 60)
            if (d->items.windows[i].start <= own.start + shift && own.end + shift <= d->items.windows[i].end)
                return YES;
    return NO;
}
