/*
 * Quartz expressions: each field a set of numbers. `*`, `?`, lists, ranges, steps, names of months and days,
 * and L (the last day of the month). Times are those of UTC+8.
 */
#include "reports/reports.h"

enum { FIELDS = 7, REQUIRED = 6, DAY_MS = 86400000, ZONE_MS = 8 * 3600000, DAYS_AHEAD = 366 * 8 };

enum { SECONDS, MINUTES, HOURS, DAY, MONTH, WEEKDAY, YEAR };

static const struct {
    int first, last;
} bounds[FIELDS] = {{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {1, 7}, {1970, 2225}};

static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                     "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

typedef struct cron_field {
    bool any;      /* * or ? */
    bool last;     /* L */
    bool open;     /* ? */
    bool has[256]; /* from the first number of the field on */
} cron_field;

static bool read_name(pl_str text, const char *const *names, int count, int *number) {
    for (int i = 0; i < count; i++)
        if (pl_str_eq_fold(text, pl_str_from(names[i]))) {
            *number = i + 1;
            return true;
        }
    return false;
}

static bool read_number(pl_str text, int field, int *number) {
    int64_t value;
    if (field == MONTH && read_name(text, months, 12, number))
        return true;
    if (field == WEEKDAY && read_name(text, weekdays, 7, number))
        return true;
    if (text.n == 0 || text.p[0] < '0' || text.p[0] > '9' || !pl_str_to_i64(text, &value) ||
        value < bounds[field].first || value > bounds[field].last)
        return false;
    *number = (int)value;
    return true;
}

/* a, a-b, a/n, a-b/n, * or * /n. */
static bool read_part(pl_str part, int field, cron_field *out) {
    int first = bounds[field].first, last = bounds[field].last;
    int64_t step = 1;
    pl_str range;
    pl_str_split(&part, '/', &range);
    if (part.p && (!pl_str_to_i64(part, &step) || step < 1 || step > last))
        return false;
    if (!pl_str_is(range, "*")) {
        pl_str low;
        pl_str_split(&range, '-', &low);
        if (!read_number(low, field, &first))
            return false;
        if (range.p ? !read_number(range, field, &last) : false)
            return false;
        if (!range.p && !part.p)
            last = first;
    }
    if (first > last)
        return false;
    for (int64_t n = first; n <= last; n += step)
        out->has[n - bounds[field].first] = true;
    return true;
}

static bool read_field(pl_str text, int field, cron_field *out) {
    *out = (cron_field){0};
    pl_str part;
    if (pl_str_is(text, "*") || pl_str_is(text, "?")) {
        out->open = pl_str_is(text, "?");
        out->any = true;
        return !out->open || field == DAY || field == WEEKDAY;
    }
    if (field == DAY && pl_str_eq_fold(text, PL_STR("L"))) {
        out->last = true;
        return true;
    }
    while (pl_str_split(&text, ',', &part))
        if (!read_part(part, field, out))
            return false;
    return true;
}

static bool in(const cron_field *field, int kind, int64_t number) {
    return field->any || (number >= bounds[kind].first && number <= bounds[kind].last &&
                          field->has[number - bounds[kind].first]);
}

static bool fires_on(const cron_field fields[static FIELDS], int64_t day) {
    int64_t year, next_year;
    unsigned month, of_month, next_month, next_of_month;
    pl_civil_from_days(day, &year, &month, &of_month);
    pl_civil_from_days(day + 1, &next_year, &next_month, &next_of_month);
    int weekday = (int)(((day + 4) % 7 + 7) % 7) + 1;
    bool right_day = fields[DAY].last ? next_of_month == 1 : in(&fields[DAY], DAY, of_month);
    return in(&fields[YEAR], YEAR, year) && in(&fields[MONTH], MONTH, month) && right_day &&
           in(&fields[WEEKDAY], WEEKDAY, weekday);
}

/* The first second of a day, from `from` on, at which the expression fires; -1: none. */
static int64_t second_of(const cron_field fields[static FIELDS], int64_t from) {
    for (int64_t s = from; s < 86400; s++) {
        if (!in(&fields[HOURS], HOURS, s / 3600))
            s = (s / 3600 + 1) * 3600 - 1;
        else if (!in(&fields[MINUTES], MINUTES, s / 60 % 60))
            s = (s / 60 + 1) * 60 - 1;
        else if (in(&fields[SECONDS], SECONDS, s % 60))
            return s;
    }
    return -1;
}

static bool read_fields(pl_str expression, cron_field fields[static FIELDS], const char **why) {
    static const char *const wrong[FIELDS] = {"the seconds are wrong", "the minutes are wrong",
                                              "the hours are wrong",   "the day of the month is wrong",
                                              "the month is wrong",    "the day of the week is wrong",
                                              "the year is wrong"};
    int count = 0;
    pl_str field;
    fields[YEAR] = (cron_field){.any = true};
    while (pl_str_split(&expression, ' ', &field)) {
        if (field.n == 0)
            continue;
        if (count == FIELDS || !read_field(field, count, &fields[count])) {
            *why = count == FIELDS ? "there are more than seven fields" : wrong[count];
            return false;
        }
        count++;
    }
    *why = count < REQUIRED ? "there are less than six fields"
                            : "day of month and day of week exclude each other";
    return count >= REQUIRED && (fields[DAY].any || fields[WEEKDAY].any);
}

bool reports_cron_next(pl_str expression, int64_t after, int64_t *next, const char **why) {
    cron_field fields[FIELDS];
    *next = 0;
    if (!read_fields(pl_str_trim(expression), fields, why))
        return false;
    int64_t second = (after + ZONE_MS) / 1000 + 1;
    int64_t day = second / 86400, from = second % 86400;
    for (int64_t ahead = 0; ahead < DAYS_AHEAD; ahead++, from = 0) {
        int64_t at = fires_on(fields, day + ahead) ? second_of(fields, from) : -1;
        if (at < 0)
            continue;
        *next = (day + ahead) * DAY_MS + at * 1000 - ZONE_MS;
        return true;
    }
    return true;
}
