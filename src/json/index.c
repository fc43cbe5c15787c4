/* Walking a structural index: proving the grammar of what is passed over, and copying what is wanted. */
#include "json/index.h"

#include "base/memory.h"
#include "json/scalar.h"

enum { SAFE_DIGITS = 18, EXACT_DIGITS = 15, EXACT_POWERS = 22, CHUNK = 32 };

/* What may stand behind a number or a word. */
const bool pl_json_ends_scalar[256] = {
    [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, [','] = true,
    [':'] = true, ['['] = true,  [']'] = true,  ['{'] = true,  ['}'] = true};

const pl_json_literal pl_json_literals[256] = {['t'] = {0x65757274, 0xffffffff, 4},
                                               ['f'] = {0x65736c6166, 0xffffffffff, 5},
                                               ['n'] = {0x6c6c756e, 0xffffffff, 4}};

uint32_t pl_json_index_find(const pl_json_index *x, size_t offset) {
    uint32_t low = 0, high = x->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (x->at[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < x->count && x->at[low] == offset ? low : x->count;
}

static inline bool is_digit(uint8_t c) {
    return (uint8_t)(c - '0') < 10;
}

bool pl_json_read_number(const uint8_t *p, pl_json_number *out) {
    const uint8_t *start = p;
    *out = (pl_json_number){.negative = *p == '-'};
    p += out->negative;
    if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
        return false;
    for (; is_digit(*p) && out->count <= SAFE_DIGITS; p++, out->count++)
        out->digits = out->digits * 10 + (uint64_t)(*p - '0');
    if (*p == '.') {
        out->has_point = true;
        if (!is_digit(*++p))
            return false;
        for (; is_digit(*p) && out->count <= SAFE_DIGITS; p++, out->count++, out->broken++)
            out->digits = out->digits * 10 + (uint64_t)(*p - '0');
    }
    out->length = (uint32_t)(p - start);
    return out->count <= SAFE_DIGITS && pl_json_ends_scalar[*p];
}

bool pl_json_number_is_exact(const pl_json_number *number) {
    return !number->has_point || number->count <= EXACT_DIGITS;
}

/* A value that is neither string nor container. */
static inline bool is_scalar(const pl_json_index *x, uint32_t entry) {
    const uint8_t *p = x->text + x->at[entry];
    uint32_t n = x->at[entry + 1] - x->at[entry];
    pl_json_number ignored;
    return (n <= 8 && pl_json_is_short_integer(p, n)) || pl_json_is_literal(p) ||
           pl_json_read_number(p, &ignored);
}

static bool is_string(const pl_json_index *x, uint32_t entry) {
    pl_str ignored;
    return !pl_json_index_escaped(x, entry) || pl_json_index_unescape(x, entry, &ignored);
}

static inline bool is_key(const pl_json_index *x, uint32_t entry) {
    return entry + 3 < x->count && pl_json_index_byte(x, entry) == '"' &&
           pl_json_index_byte(x, entry + 1) == ':' && is_string(x, entry);
}

/*
 * Containers that are open while a value is passed over, the innermost in the lowest bit of `objects`. Each
 * step leaves `entry` behind what it took; false is a refusal.
 */
typedef struct skipping {
    const pl_json_index *x;
    uint32_t entry;
    unsigned depth;
    uint64_t objects;
} skipping;

/* Opens a container, or takes an empty one; `*empty` tells which. */
static bool open_container(skipping *s, bool object, bool *empty) {
    uint8_t close = object ? '}' : ']';
    *empty = pl_json_index_byte(s->x, ++s->entry) == close;
    if (*empty) {
        s->entry++;
        return true;
    }
    if (s->depth++ == PL_JSON_INDEX_DEPTH)
        return false;
    s->objects = s->objects << 1 | object;
    if (!object)
        return true;
    bool sound = is_key(s->x, s->entry);
    s->entry += 2;
    return sound;
}

/* Takes what stands between two values, closing brackets included; `*done` when the outermost is closed. */
static bool take_between(skipping *s, bool *done) {
    const pl_json_index *x = s->x;
    for (; s->depth && s->entry < x->count; s->depth--, s->objects >>= 1) {
        bool object = s->objects & 1;
        uint8_t c = pl_json_index_byte(x, s->entry++);
        if (c == ',') {
            if (!object)
                return true;
            bool sound = is_key(x, s->entry);
            s->entry += 2;
            return sound;
        }
        if (c != (object ? '}' : ']'))
            return false;
    }
    *done = s->depth == 0;
    return *done;
}

uint32_t pl_json_index_skip(const pl_json_index *x, uint32_t entry) {
    skipping s = {x, entry, 0, 0};
    for (bool done = false; !done;) {
        if (s.entry >= x->count)
            return 0;
        uint8_t c = pl_json_index_byte(x, s.entry);
        bool sound, empty = true;
        if (c == '"')
            sound = is_string(x, s.entry++);
        else if (c == '{' || c == '[')
            sound = open_container(&s, c == '{', &empty);
        else
            sound = is_scalar(x, s.entry++);
        if (!sound || (empty && !take_between(&s, &done)))
            return 0;
    }
    return s.entry <= x->count ? s.entry : 0;
}

static bool grow(void **p, size_t *capacity, size_t wanted, size_t size) {
    if (wanted <= *capacity)
        return true;
    void *larger = pl_realloc(*p, wanted * size);
    if (!larger)
        return false;
    *p = larger;
    *capacity = wanted;
    return true;
}

static uint64_t tagged(char tag, uint64_t payload) {
    return (uint64_t)(unsigned char)tag << 56 | payload;
}

static bool make_room(pl_json_excerpt *e, size_t words, size_t text_bytes) {
    enum { HEAD = 3 };
    void *tape = e->tape, *strings = e->strings;
    bool fits = grow(&tape, &e->word_capacity, words + HEAD + 1, sizeof *e->tape) &&
                grow(&strings, &e->string_capacity, text_bytes / 3 * 5 + 4 * CHUNK, 1);
    e->tape = tape;
    e->strings = strings;
    if (!fits)
        return false;
    e->tape[0] = tagged('r', HEAD);
    e->tape[1] = tagged('{', HEAD);
    e->tape[2] = tagged('}', 1);
    e->words = HEAD;
    e->string_bytes = 0;
    return true;
}

/* An entry gives two words at most; a string of n bytes takes n + 5 and n + 3 bytes of the text. */
bool pl_json_excerpt_begin(pl_json_excerpt *e, const pl_json_index *x) {
    return make_room(e, 2 * (size_t)x->count, x->length);
}

/* A number takes two words and, with what follows it, two bytes at least; all else has a word for each byte.
 */
bool pl_json_excerpt_reserve(pl_json_excerpt *e, size_t text_bytes) {
    return make_room(e, 2 * text_bytes, 2 * text_bytes);
}

void pl_json_excerpt_free(pl_json_excerpt *e) {
    pl_free(e->tape);
    pl_free(e->strings);
    *e = (pl_json_excerpt){NULL, NULL, 0, 0, 0, 0};
}

static bool add_string(pl_json_excerpt *e, const pl_json_index *x, uint32_t entry) {
    const uint8_t *quote = x->text + x->at[entry];
    uint32_t n = x->at[entry + 1] - x->at[entry];
    if (!x->escapes && n > 1 && quote[n - 1] == '"') {
        pl_json_excerpt_add_text(e, quote + 1, n - 2);
        return true;
    }
    pl_str text = pl_json_index_raw(x, entry);
    if (pl_json_index_escaped(x, entry) && !pl_json_index_unescape(x, entry, &text))
        return false;
    pl_json_excerpt_add_text(e, (const uint8_t *)text.p, (uint32_t)text.n);
    return true;
}

/* The double nearest to the text; exact up to 15 digits, as a quotient of two exact doubles. */
static void add_double(pl_json_excerpt *e, const pl_json_number *read) {
    static const double powers[EXACT_POWERS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value = (double)read->digits / powers[read->broken];
    value = read->negative ? -value : value;
    e->tape[e->words++] = tagged('d', 0);
    memcpy(&e->tape[e->words++], &value, sizeof value);
}

void pl_json_excerpt_add_number(pl_json_excerpt *e, const pl_json_number *read) {
    if (read->has_point) {
        add_double(e, read);
        return;
    }
    e->tape[e->words++] = tagged('l', 0);
    e->tape[e->words++] = read->negative ? 0 - read->digits : read->digits;
}

static inline bool add_scalar(pl_json_excerpt *e, const pl_json_index *x, uint32_t entry) {
    const uint8_t *p = x->text + x->at[entry];
    pl_json_number read;
    if (pl_json_excerpt_add_short(e, p, x->at[entry + 1] - x->at[entry]))
        return true;
    if (!pl_json_read_number(p, &read) || !pl_json_number_is_exact(&read))
        return false;
    pl_json_excerpt_add_number(e, &read);
    return true;
}

static uint32_t add_value(pl_json_excerpt *e, const pl_json_index *x, uint32_t entry, unsigned depth);

/* Members or elements up to the closing bracket. */
static uint32_t add_children(pl_json_excerpt *e, const pl_json_index *x, uint32_t entry, unsigned depth,
                             uint64_t *count) {
    bool object = pl_json_index_byte(x, entry) == '{';
    uint8_t close = object ? '}' : ']';
    if (pl_json_index_byte(x, ++entry) == close)
        return entry + 1;
    for (;;) {
        if (object) {
            if (entry + 3 >= x->count || pl_json_index_byte(x, entry) != '"' ||
                pl_json_index_byte(x, entry + 1) != ':' || !add_string(e, x, entry))
                return 0;
            entry += 2;
        }
        entry = add_value(e, x, entry, depth + 1);
        if (entry == 0 || entry >= x->count)
            return 0;
        ++*count;
        uint8_t c = pl_json_index_byte(x, entry++);
        if (c == close)
            return entry;
        if (c != ',')
            return 0;
    }
}

static uint32_t add_container(pl_json_excerpt *e, const pl_json_index *x, uint32_t entry, unsigned depth) {
    char open = (char)pl_json_index_byte(x, entry);
    uint32_t start = e->words++;
    uint64_t count = 0;
    if (depth == PL_JSON_INDEX_DEPTH)
        return 0;
    entry = add_children(e, x, entry, depth, &count);
    pl_json_excerpt_close(e->tape, start, e->words++, open, count);
    return entry;
}

static uint32_t add_value(pl_json_excerpt *e, const pl_json_index *x, uint32_t entry, unsigned depth) {
    if (entry >= x->count)
        return 0;
    uint8_t c = pl_json_index_byte(x, entry);
    if (c == '{' || c == '[')
        return add_container(e, x, entry, depth);
    return (c == '"' ? add_string(e, x, entry) : add_scalar(e, x, entry)) ? entry + 1 : 0;
}

uint32_t pl_json_excerpt_add(pl_json_excerpt *e, const pl_json_index *x, uint32_t entry) {
    entry = add_value(e, x, entry, 0);
    return entry <= x->count ? entry : 0;
}
