/*
 * Whatever statement is made up, and whatever the documents look like, a run answers what a plain evaluator
 * answers that walks its own picture of both: conditions with three truths, order, limit and counts.
 */
#include "support.h"

enum { ROUNDS = 400, DOCUMENTS = 40, VALUES = 4, FIELDS = 4, DEPTH = 4 };

static uint64_t seed;

static unsigned pick(unsigned below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)((seed >> 33) % below);
}

/* A value: a number, a text, or a truth. */
typedef enum plain_kind { NUMBER, TEXT, TRUTH } plain_kind;
typedef struct plain {
    plain_kind kind;
    int number; /* also of truths */
    const char *text;
} plain;

typedef struct plain_document {
    plain values[FIELDS][VALUES];
    unsigned counts[FIELDS];
} plain_document;

static const char *const texts[] = {"alpha", "beta", "Beta", "al", "", "a_b", "x%"};
static const char *const fields[] = {"a", "b", "c.d", "e.f.g"};
static const char *const patterns[] = {"al%", "_eta", "%a%", "a_b", "%", "beta"};
#define PICK(list) list[pick(sizeof(list) / sizeof *(list))]

static plain make_value(void) {
    unsigned kind = pick(5);
    if (kind < 2)
        return (plain){NUMBER, (int)pick(6) - 2, ""};
    if (kind < 4)
        return (plain){TEXT, 0, PICK(texts)};
    return (plain){TRUTH, (int)pick(2), ""};
}

static void write_value(pl_buf *out, const plain *v) {
    if (v->kind == NUMBER)
        pl_buf_printf(out, "%d", v->number);
    else if (v->kind == TRUTH)
        pl_buf_printf(out, "%s", v->number ? "true" : "false");
    else
        pl_buf_printf(out, "\"%s\"", v->text);
}

/* One value stands alone or in a list; several in a list of values, or of objects on the way. */
static void write_field(pl_buf *out, const char *path, const plain *values, unsigned count) {
    const char *dot = strchr(path, '.');
    bool split = dot && count > 1 && pick(2);
    pl_buf_printf(out, "\"%.*s\":", dot ? (int)(dot - path) : (int)strlen(path), path);
    if (split)
        pl_buf_add_char(out, '[');
    for (unsigned i = 0; i < (split ? count : 1); i++) {
        if (i)
            pl_buf_add_char(out, ',');
        if (dot) {
            pl_buf_add_char(out, '{');
            write_field(out, dot + 1, values + i, split ? 1 : count);
            pl_buf_add_char(out, '}');
            continue;
        }
        bool list = count != 1 || pick(2);
        pl_buf_printf(out, "%s%s", list ? "[" : "", list && pick(3) == 0 ? (count ? "null," : "null") : "");
        for (unsigned n = 0; n < count; n++) {
            if (n)
                pl_buf_add_char(out, ',');
            write_value(out, values + n);
        }
        pl_buf_printf(out, "%s", list ? "]" : "");
    }
    if (split)
        pl_buf_add_char(out, ']');
}

static search_resource make_document(pl_arena *arena, plain_document *d, unsigned number) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_printf(&text, "{\"id\":\"%u\"", number);
    for (unsigned f = 0; f < FIELDS; f++) {
        d->counts[f] = pick(VALUES);
        for (unsigned i = 0; i < d->counts[f]; i++)
            d->values[f][i] = make_value();
        if (d->counts[f] == 0 && pick(2))
            continue;
        pl_buf_add_char(&text, ',');
        write_field(&text, fields[f], d->values[f], d->counts[f]);
    }
    pl_buf_add_char(&text, '}');
    search_resource resource = resource_of(arena, pl_arena_cstr(arena, pl_buf_str(&text)));
    pl_buf_free(&text);
    return resource;
}

/* --- Conditions ------------------------------------------------------------------------------------------
 */

typedef struct tree {
    enum { ALL, ANY, NOT, COMPARE, LIKE, AMONG, WITHIN, EMPTY } kind;
    unsigned count, field, sign;
    bool negated;
    struct tree *parts[3];
    plain constants[3];
    const char *pattern;
} tree;

static const char *const signs[] = {"=", "!=", "<", "<=", ">", ">="};

static tree *make_tree(pl_arena *arena, unsigned depth) {
    tree *t = pl_new(arena, tree, 1);
    t->kind = depth < DEPTH ? pick(8) : COMPARE + pick(5);
    t->field = pick(FIELDS);
    t->negated = pick(3) == 0;
    t->count = t->kind == NOT ? 1 : t->kind == WITHIN ? 2 : 1 + pick(3);
    t->pattern = PICK(patterns);
    for (unsigned i = 0; i < 3; i++) {
        do
            t->constants[i] = make_value();
        while (t->constants[i].kind == TRUTH && t->kind != AMONG && t->kind != COMPARE);
        if (t->kind < COMPARE && i < t->count)
            t->parts[i] = make_tree(arena, depth + 1);
    }
    t->sign = t->constants[0].kind == TRUTH ? pick(2) : pick(6);
    return t;
}

static void write_constant(pl_buf *out, const plain *c) {
    if (c->kind == TEXT)
        pl_buf_printf(out, "'%s'", c->text);
    else
        write_value(out, c);
}

static void write_tree(pl_buf *out, const tree *t) {
    const char *field = fields[t->field], *not = t->negated ? "NOT " : "";
    switch (t->kind) {
    case ALL:
    case ANY:
        for (unsigned i = 0; i < t->count; i++) {
            pl_buf_printf(out, "%s(", i ? (t->kind == ALL ? " AND " : " OR ") : "");
            write_tree(out, t->parts[i]);
            pl_buf_add_char(out, ')');
        }
        return;
    case NOT:
        pl_buf_add(out, PL_STR("NOT ("));
        write_tree(out, t->parts[0]);
        pl_buf_add_char(out, ')');
        return;
    case COMPARE:
        pl_buf_printf(out, "%s %s ", field, signs[t->sign]);
        write_constant(out, &t->constants[0]);
        return;
    case LIKE: pl_buf_printf(out, "%s %sLIKE '%s'", field, not, t->pattern); return;
    case EMPTY: pl_buf_printf(out, "%s IS %sNULL", field, not ); return;
    case WITHIN:
        pl_buf_printf(out, "%s %sBETWEEN ", field, not );
        write_constant(out, &t->constants[0]);
        pl_buf_add(out, PL_STR(" AND "));
        write_constant(out, &t->constants[1]);
        return;
    case AMONG:
        pl_buf_printf(out, "%s %sIN (", field, not );
        for (unsigned i = 0; i < t->count; i++) {
            if (i)
                pl_buf_add_char(out, ',');
            write_constant(out, &t->constants[i]);
        }
        pl_buf_add_char(out, ')');
        return;
    }
}

/* Truths as numbers: 0 false, 1 unknown, 2 true. */
static int slow_not(int truth) {
    return 2 - truth;
}

/* The order of two values of one kind; 9: none. Of the texts here none is a number or a truth. */
static int slow_order(const plain *v, const plain *c) {
    if (v->kind != c->kind)
        return 9;
    if (v->kind == TEXT)
        return (strcmp(v->text, c->text) > 0) - (strcmp(v->text, c->text) < 0);
    if (v->kind == TRUTH)
        return v->number == c->number ? 0 : 9;
    return (v->number > c->number) - (v->number < c->number);
}

static bool slow_like(const char *text, const char *pattern) {
    if (*pattern == '\0')
        return *text == '\0';
    if (*pattern == '%')
        return slow_like(text, pattern + 1) || (*text && slow_like(text + 1, pattern));
    return *text && (*pattern == '_' || *pattern == *text) && slow_like(text + 1, pattern + 1);
}

static bool slow_test(const tree *t, const plain *v) {
    int order = slow_order(v, &t->constants[0]);
    char digits[16];
    switch (t->kind) {
    case COMPARE:
        switch (t->sign) {
        case 0: return order == 0;
        case 1: return order != 0;
        case 2: return order == -1;
        case 3: return order == -1 || order == 0;
        case 4: return order == 1;
        default: return order == 1 || order == 0;
        }
    case LIKE:
        snprintf(digits, sizeof digits, "%d", v->number);
        return slow_like(v->kind == TEXT    ? v->text
                         : v->kind == TRUTH ? (v->number ? "true" : "false")
                                            : digits,
                         t->pattern);
    case WITHIN:
        return (order == 0 || order == 1) &&
               (slow_order(v, &t->constants[1]) == 0 || slow_order(v, &t->constants[1]) == -1);
    default:
        for (unsigned i = 0; i < t->count; i++)
            if (slow_order(v, &t->constants[i]) == 0)
                return true;
        return false;
    }
}

static int slow_decide(const tree *t, const plain_document *d) {
    int truth = t->kind == ALL ? 2 : 0;
    if (t->kind == ALL || t->kind == ANY) {
        for (unsigned i = 0; i < t->count; i++) {
            int part = slow_decide(t->parts[i], d);
            truth = t->kind == ALL ? (part < truth ? part : truth) : (part > truth ? part : truth);
        }
        return truth;
    }
    if (t->kind == NOT)
        return slow_not(slow_decide(t->parts[0], d));
    unsigned count = d->counts[t->field];
    if (t->kind == EMPTY)
        return (count == 0) != t->negated ? 2 : 0;
    truth = count == 0 ? 1 : 0;
    for (unsigned i = 0; i < count; i++)
        if (slow_test(t, &d->values[t->field][i]))
            truth = 2;
    return t->negated && t->kind != COMPARE ? slow_not(truth) : truth;
}

/* --- Statements ------------------------------------------------------------------------------------------
 */

static void check(pl_arena *arena, const char *statement, const search_resource *resources,
                  const char *wanted) {
    search_plan *plan;
    pl_error error;
    found out = {.count = 0};
    search_limits limits = {.memory = 16 << 20, .seed = seed};
    pl_buf_init(&out.rows, 1 << 20);
    if (search_compile(arena, pl_str_from(statement), false, &plan, &error) != 0 ||
        run_plan(plan, &limits, resources, DOCUMENTS, &out, &error) != 0)
        fail_msg("%s: %s", statement, error.message);
    if (!pl_str_is(pl_buf_str(&out.rows), wanted))
        fail_msg("%s: got %.*s, wanted %s", statement, PL_FMT(pl_buf_str(&out.rows)), wanted);
    pl_buf_free(&out.rows);
}

/* The ids in the order of arrival turned round, as texts sort; and how many there are. */
static void check_rows(pl_arena *arena, const tree *t, const plain_document *documents,
                       const search_resource *resources) {
    unsigned limit = pick(10), shown = 0, all = 0;
    pl_buf where, wanted, statement;
    pl_buf_init(&where, 1 << 20);
    pl_buf_init(&wanted, 1 << 20);
    pl_buf_init(&statement, 1 << 20);
    write_tree(&where, t);
    for (unsigned i = DOCUMENTS; i-- > 0;)
        if (slow_decide(t, &documents[i]) == 2) {
            all++;
            if (shown++ < limit)
                pl_buf_printf(&wanted, "%u;", 100 + i);
        }
    pl_buf_printf(&statement, "SELECT ResourceId WHERE %.*s ORDER BY ResourceId DESC LIMIT %u",
                  PL_FMT(pl_buf_str(&where)), limit);
    check(arena, pl_arena_cstr(arena, pl_buf_str(&statement)), resources,
          pl_arena_cstr(arena, pl_buf_str(&wanted)));
    pl_buf_clear(&statement);
    pl_buf_printf(&statement, "SELECT COUNT(1) WHERE %.*s", PL_FMT(pl_buf_str(&where)));
    check(arena, pl_arena_cstr(arena, pl_buf_str(&statement)), resources,
          pl_arena_printf(arena, "%u;", all).p);
    pl_buf_free(&where);
    pl_buf_free(&wanted);
    pl_buf_free(&statement);
}

static void a_run_answers_like_the_plain_evaluator(void **state) {
    (void)state;
    seed = 20260115;
    for (unsigned round = 0; round < ROUNDS; round++) {
        pl_arena arena;
        plain_document documents[DOCUMENTS];
        search_resource resources[DOCUMENTS];
        pl_arena_init(&arena, 64 << 20);
        for (unsigned i = 0; i < DOCUMENTS; i++)
            resources[i] = make_document(&arena, &documents[i], 100 + i);
        check_rows(&arena, make_tree(&arena, 0), documents, resources);
        pl_arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_run_answers_like_the_plain_evaluator)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
