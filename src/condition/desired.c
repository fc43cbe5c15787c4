/* Reading desired texts once, when a condition is compiled: lists, numbers, expressions, parameters. */
#include "condition/operators.h"
#include "json/parser.h"

#include <stdlib.h>

static int no_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

static bool is_name(pl_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!pl_is_letter(c) && (i == 0 || (c != '_' && !pl_is_digit(c))))
            return false;
    }
    return s.n > 0;
}

/* Takes `${name}` off the front of `*rest` into `*name`; false when none stands there. */
static bool take_reference(pl_str *rest, pl_str *name) {
    size_t end = pl_str_starts(*rest, PL_STR("${")) ? pl_str_find_char(*rest, '}') : PL_NOT_FOUND;
    if (end == PL_NOT_FOUND || !is_name(pl_str_head(pl_str_skip(*rest, 2), end - 2)))
        return false;
    *name = pl_str_head(pl_str_skip(*rest, 2), end - 2);
    *rest = pl_str_skip(*rest, end + 1);
    return true;
}

/* Puts the parameters' texts in the place of their names; `*first` is the first of these. */
static void substitute(pl_buf *out, pl_str text, pl_json parameters, pl_str *first, bool *unset) {
    while (text.n) {
        pl_str name;
        if (take_reference(&text, &name)) {
            pl_json value = pl_json_get(parameters, name);
            pl_json_write_text(out, value);
            *unset = *unset || !pl_json_exists(value) || pl_json_is_null(value);
            *first = first->p ? *first : name;
        } else {
            pl_buf_add_char(out, text.p[0]);
            text = pl_str_skip(text, 1);
        }
    }
}

int desired_read(pl_arena *arena, pl_json value, pl_json parameters, desired *out, pl_error *error) {
    pl_buf raw, text;
    pl_str first = PL_STR_NONE;
    pl_buf_init(&raw, (size_t)1 << 20);
    pl_buf_init(&text, (size_t)1 << 24);
    pl_json_write_text(&raw, value);
    *out = (desired){.unreadable = false};
    if (pl_json_is_object(parameters))
        substitute(&text, pl_buf_str(&raw), parameters, &first, &out->unset);
    else
        pl_buf_add(&text, pl_buf_str(&raw));
    out->text = pl_arena_copy(arena, pl_buf_str(&text));
    out->wrong = pl_arena_copy(arena, first);
    bool kept = out->text.p && (out->wrong.p || !first.p);
    int status = kept && !raw.failed && !text.failed ? 0 : no_memory(error);
    pl_buf_free(&raw);
    pl_buf_free(&text);
    return status;
}

static void sort_unique(pl_str *list, size_t *count) {
    size_t kept = 0;
    if (*count)
        qsort(list, *count, sizeof *list, pl_str_order);
    for (size_t i = 0; i < *count; i++)
        if (kept == 0 || !pl_str_eq(list[kept - 1], list[i]))
            list[kept++] = list[i];
    *count = kept;
}

size_t list_find(const pl_str *list, size_t count, pl_str text) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = pl_str_cmp(list[middle], text);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return PL_NOT_FOUND;
}

/* The texts of a JSON array's elements. */
static int list_of_array(pl_arena *arena, pl_json array, pl_str **out, size_t *count, pl_error *error) {
    pl_str key;
    pl_json element;
    pl_buf text;
    *out = pl_new(arena, pl_str, pl_json_count(array) + 1);
    if (!*out)
        return no_memory(error);
    pl_buf_init(&text, (size_t)1 << 24);
    bool failed = false; /* what fails is forgotten when the buffer is cleared */
    for (pl_json_walk walk = pl_json_children(array); !failed && pl_json_step(&walk, &key, &element);) {
        pl_buf_clear(&text);
        pl_json_write_text(&text, element);
        failed = text.failed;
        (*out)[(*count)++] = pl_arena_copy(arena, pl_buf_str(&text));
    }
    int status = failed || arena->failed ? no_memory(error) : 0;
    pl_buf_free(&text);
    return status;
}

static int list_of_parts(pl_arena *arena, pl_str text, pl_str **out, size_t *count, pl_error *error) {
    size_t capacity = 0;
    pl_str part;
    while (pl_str_split(&text, ',', &part)) {
        part = pl_str_trim(part);
        if (part.n == 0)
            continue;
        pl_str *larger = pl_arena_grow(arena, *out, *count, &capacity, sizeof part);
        if (!larger)
            return no_memory(error);
        *out = larger;
        (*out)[(*count)++] = part;
    }
    return 0;
}

int list_of(pl_arena *arena, pl_str text, pl_str **out, size_t *count, pl_error *error) {
    pl_json parsed;
    pl_error no_json;
    *out = NULL;
    *count = 0;
    pl_str trimmed = pl_str_trim(text);
    if (!trimmed.n || trimmed.p[0] != '[')
        return list_of_parts(arena, text, out, count, error);
    if (pl_json_parse_in(arena, trimmed, &parsed, &no_json) == 0)
        return list_of_array(arena, parsed, out, count, error);
    if (pl_error_is(&no_json, PL_E_ServiceUnavailable))
        return no_memory(error);
    return list_of_parts(arena, text, out, count, error);
}

int prepare_nothing(pl_arena *arena, desired *d, pl_error *error) {
    (void)arena;
    (void)d;
    (void)error;
    return 0;
}

int prepare_text(pl_arena *arena, desired *d, pl_error *error) {
    return prepare_nothing(arena, d, error);
}

static bool is_ascii(pl_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* Letters beyond ASCII are folded by PCRE2. One expression serves equality or containment. */
static int add_folded(pl_arena *arena, desired *d, pl_str text, pl_regex_kind kind, pl_error *error) {
    return pl_regex_compile(arena, text, kind, &d->folded[d->folded_count++], error);
}

int prepare_folded(pl_arena *arena, desired *d, pl_error *error) {
    if (is_ascii(d->text) || d->text.n > PL_REGEX_MAX_PATTERN)
        return 0;
    d->folded = pl_new(arena, const pl_regex *, 2);
    if (!d->folded)
        return no_memory(error);
    if (add_folded(arena, d, d->text, PL_REGEX_FOLDED_EQUAL, error) != 0)
        return -1;
    return add_folded(arena, d, d->text, PL_REGEX_FOLDED_PART, error);
}

int prepare_list(pl_arena *arena, desired *d, pl_error *error) {
    if (list_of(arena, d->text, &d->list, &d->count, error) != 0)
        return -1;
    sort_unique(d->list, &d->count);
    return 0;
}

static pl_str lower(pl_arena *arena, pl_str s) {
    char *copy = pl_arena_cstr(arena, s);
    for (size_t i = 0; copy && i < s.n; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] + ('a' - 'A'));
    return copy ? pl_str_of(copy, s.n) : PL_STR_NONE;
}

/* ASCII items are kept in lower case, the others as expressions. */
int prepare_folded_list(pl_arena *arena, desired *d, pl_error *error) {
    size_t kept = 0;
    if (list_of(arena, d->text, &d->list, &d->count, error) != 0)
        return -1;
    d->folded = pl_new(arena, const pl_regex *, d->count + 1);
    if (!d->folded)
        return no_memory(error);
    for (size_t i = 0; i < d->count; i++) {
        if (is_ascii(d->list[i]) || d->list[i].n > PL_REGEX_MAX_PATTERN)
            d->list[kept++] = lower(arena, d->list[i]);
        else if (add_folded(arena, d, d->list[i], PL_REGEX_FOLDED_EQUAL, error) != 0)
            return -1;
    }
    d->count = kept;
    sort_unique(d->list, &d->count);
    return arena->failed ? no_memory(error) : 0;
}

static void read_number(desired *d) {
    d->is_number = pl_decimal_parse(d->text, &d->number);
    d->is_integer = pl_str_to_i64(pl_str_trim(d->text), &d->integer);
}

int prepare_number(pl_arena *arena, desired *d, pl_error *error) {
    read_number(d);
    return prepare_nothing(arena, d, error);
}

int prepare_count(pl_arena *arena, desired *d, pl_error *error) {
    read_number(d);
    pl_str text = pl_str_trim(d->text);
    d->unreadable = !d->is_integer || text.p[0] == '-';
    return prepare_nothing(arena, d, error);
}

int prepare_days(pl_arena *arena, desired *d, pl_error *error) {
    read_number(d);
    d->unreadable = !d->is_number;
    d->days = d->is_number ? strtod(pl_str_trim(d->text).p, NULL) : 0;
    return prepare_nothing(arena, d, error);
}

int prepare_regex(pl_arena *arena, desired *d, pl_error *error) {
    if (pl_regex_compile(arena, d->text, PL_REGEX_SEARCH, &d->regex, error) != 0)
        return -1;
    d->unreadable = !d->regex;
    return 0;
}
