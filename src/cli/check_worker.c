/*
 * Worker threads of check: each reads a batch, evaluates its lines, and leaves the outcome to the order in
 * which pieces are written (check_order.h).
 *
 * INVARIANT: batches are numbered under `source_lock` in the order they are read.
 */
#include "cli/check_worker.h"

#include "base/map.h"
#include "base/memory.h"
#include "cli/check_line.h"
#include "cli/check_order.h"
#include "inventory/inventory.h"
#include "json/index.h"
#include "json/scalar.h"

#include <pthread.h>
#include <stdio.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { MAX_THREADS = 64 };
static const size_t largest_document = (size_t)64 << 20;

typedef struct shared {
    const check_run *run;
    pthread_mutex_t source_lock;
    uint64_t next_ticket;
    check_order order;
} shared;

/* A type's program with this thread's working memory for it. */
typedef struct bound {
    const check_program *program;
    pl_program_state *state;
    bool guided;            /* the rules need no more than the configuration, and cover all of the type */
    check_rule_text *texts; /* of each rule, for the report */
} bound;

typedef struct worker {
    shared *shared;
    pl_json_parser *line_parser, *configuration_parser, *item_parser;
    pl_map bounds;     /* type -> bound */
    bound *last;       /* of the line before */
    check_shape shape; /* of the lines before */
    pl_arena arena, item_arena;
    cli_batch batch;
    pl_buf annotation, context, item_text, place;
    check_outcome now; /* of the batch that is worked on */
} worker;

static int fail_line(worker *w, uint64_t number, const char *what) {
    number += cli_batch_lines_before(&w->batch);
    return pl_failf(&w->now.error, PL_E_InvalidParameter, "%s:%s%llu: %s", w->batch.file,
                    w->batch.items ? "item " : "", (unsigned long long)number, what);
}

static int fail_line_with(worker *w, uint64_t number, const char *what) {
    char message[sizeof w->now.error.message];
    snprintf(message, sizeof message, "%s%.900s", what, w->now.error.message);
    return fail_line(w, number, message);
}

static int read_line(worker *w, pl_str text, check_line *l) {
    pl_json root;
    if (pl_json_parse_padded(w->line_parser, text, &root, &w->now.error) != 0)
        return fail_line_with(w, l->number, "");
    if (!pl_json_is_object(root))
        return fail_line(w, l->number, "not a JSON object");
    check_line_read(l, root, &w->item_arena);
    if (!l->type.n)
        return fail_line(w, l->number, "member resourceType is missing or not a text");
    if (!pl_json_is_string(l->configuration))
        return 0;
    pl_str inner = pl_json_text(l->configuration);
    if (pl_str_trim(inner).n == 0)
        l->configuration = PL_JSON_NONE;
    else if (pl_json_parse(w->configuration_parser, inner, &l->configuration, &w->now.error) != 0)
        return fail_line_with(w, l->number, "member configuration: ");
    return 0;
}

static bool make_texts(worker *w, bound *b) {
    b->texts = pl_new(&w->arena, check_rule_text, b->program->count);
    for (size_t i = 0; b->texts && i < b->program->count; i++)
        if (!check_report_rule_text(&w->arena, b->program->rules[i], b->program->type, &b->texts[i]))
            return false;
    return !w->arena.failed;
}

static bound *make_bound(worker *w, pl_str type) {
    bound *b = pl_new(&w->arena, bound, 1);
    const check_program *program = b ? check_rules_program(w->shared->run->rules, type, &w->now.error) : NULL;
    if (!program)
        return NULL;
    b->program = program;
    b->state = program->count ? pl_program_state_new(program->program) : NULL;
    b->guided = program->count && !program->scoped && !w->shared->run->related &&
                !pl_program_needs(program->program).item;
    if ((program->count && (!b->state || !make_texts(w, b))) || !pl_map_put(&w->bounds, program->type, b)) {
        pl_program_state_free(b->state);
        pl_fail(&w->now.error, PL_E_ServiceUnavailable);
        return NULL;
    }
    return b;
}

/* NULL with an error when a rule of the type does not compile. */
static bound *bind_type(worker *w, pl_str type) {
    if (w->last && pl_str_eq(w->last->program->type, type))
        return w->last;
    bound *b = pl_map_get(&w->bounds, type);
    if (!b)
        b = make_bound(w, type);
    w->last = b;
    return b;
}

/* The whole item, and its tags as the inventory stores them. */
static int parse_item(worker *w, const check_line *l, inventory_item *item, pl_json *tags) {
    inventory_defaults defaults = {.account_id = l->account.n ? l->account : PL_STR("0"),
                                   .catalogue = w->shared->run->catalogue};
    if (inventory_parse_item(&w->item_arena, l->root, &defaults, 0, item, &w->now.error) != 0)
        return fail_line_with(w, l->number, "");
    if (pl_json_parse_in(&w->item_arena, item->tags, tags, &w->now.error) != 0)
        return fail_line_with(w, l->number, "member tags: ");
    return 0;
}

/* The item as CONFIGURATION_ITEM shows it; made only when a rule asks for it. */
static int item_view(worker *w, const check_line *l, pl_json *view) {
    inventory_item item;
    pl_json tags;
    if (parse_item(w, l, &item, &tags) != 0)
        return -1;
    inventory_resource resource = {.account_id = item.account_id,
                                   .resource_type = item.resource_type,
                                   .region_id = item.region_id,
                                   .resource_id = item.resource_id,
                                   .name = item.name,
                                   .status = item.status,
                                   .group_id = item.group_id,
                                   .zone = item.zone,
                                   .create_time = item.create_time,
                                   .capture_time = item.capture_time};
    pl_buf_clear(&w->item_text);
    inventory_write_item(&w->item_text, &resource, tags);
    if (pl_json_parse(w->item_parser, pl_buf_str(&w->item_text), view, &w->now.error) != 0)
        return fail_line_with(w, l->number, "");
    return 0;
}

/* What cannot be decided carries its reason in the form of an annotation. */
static void write_reason(worker *w, const bound *b, size_t rule, pl_buf *out) {
    pl_buf_clear(&w->item_text);
    pl_program_write_reason(b->state, rule, &w->item_text);
    if (!w->item_text.n)
        return;
    pl_buf_add(out, PL_STR("{\"reason\":"));
    pl_json_write_string(out, pl_buf_str(&w->item_text));
    pl_buf_add_char(out, '}');
}

static inline void write_annotation(worker *w, const bound *b, size_t rule, pl_verdict verdict, pl_buf *out) {
    if (verdict == PL_NOT_APPLICABLE)
        return;
    size_t before = out->n;
    if (verdict == PL_NON_COMPLIANT)
        pl_program_write_annotation(b->state, rule, out);
    if (out->n == before)
        write_reason(w, b, rule, out);
}

/* Deviations of one resource tell the same place, which is written once. */
static pl_str place_of(worker *w, check_line *l) {
    if (!l->place.p) {
        pl_buf_clear(&w->place);
        check_report_place_members(&w->place, l);
        l->place = pl_buf_str(&w->place);
    }
    return l->place;
}

/* The parts of a line that are known before its annotation; false without memory. */
static bool begin_line(pl_buf *out, const check_rule_text *text, pl_str place, pl_verdict verdict) {
    pl_str behind = text->verdicts[verdict];
    if (!pl_buf_reserve(out, text->head.n + place.n + behind.n + PL_BUF_BLOCK))
        return false;
    char *to = pl_buf_put_blocks(out->p + out->n, text->head);
    to = pl_buf_put_blocks(pl_buf_put_blocks(to, place), behind);
    out->n = (size_t)(to - out->p);
    return true;
}

/* The format that programs read, without a detour over buffers. */
static void report_line(worker *w, check_line *l, const bound *b, size_t rule, pl_verdict verdict) {
    pl_buf *out = &w->now.piece;
    if (!begin_line(out, &b->texts[rule], place_of(w, l), verdict))
        return;
    size_t before = out->n;
    write_annotation(w, b, rule, verdict, out);
    if (out->n == before)
        pl_buf_add(out, PL_STR("{}"));
    if (w->shared->run->explain) {
        pl_buf_add(out, PL_STR(",\"context\":"));
        pl_program_write_context(b->state, rule, out);
    }
    pl_buf_add(out, PL_STR("}\n"));
}

static void note_violation(const check_run *run, const check_rule *rule, pl_verdict verdict) {
    if (run->violated && verdict == PL_NON_COMPLIANT)
        atomic_store_explicit(&run->violated[rule - check_rules_at(run->rules, 0)], true,
                              memory_order_relaxed);
}

static void report_verdict(worker *w, check_line *l, const bound *b, size_t rule, pl_verdict verdict) {
    bool explain = w->shared->run->explain;
    if (w->shared->run->format == CHECK_LINES) {
        report_line(w, l, b, rule, verdict);
        return;
    }
    note_violation(w->shared->run, b->program->rules[rule], verdict);
    pl_buf_clear(&w->annotation);
    write_annotation(w, b, rule, verdict, &w->annotation);
    pl_buf_clear(&w->context);
    if (explain)
        pl_program_write_context(b->state, rule, &w->context);
    check_deviation deviation = {.rule = b->program->rules[rule],
                                 .text = &b->texts[rule],
                                 .verdict = verdict,
                                 .line = l,
                                 .place = place_of(w, l),
                                 .annotation = pl_buf_str(&w->annotation),
                                 .context = explain ? pl_buf_str(&w->context) : PL_STR_NONE,
                                 .file = w->batch.file};
    check_report_deviation(&w->now.piece, w->shared->run->format, &deviation);
    w->now.piece.failed = w->now.piece.failed || w->annotation.failed || w->context.failed || w->place.failed;
}

enum { MASK_BITS = 64 };

/* Which of some verdicts, at most MASK_BITS, are not COMPLIANT. */
static uint64_t deviating(const pl_verdict *verdicts, size_t count) {
    uint64_t mask = 0;
    size_t i = 0;
#if defined(__SSE2__)
    const __m128i compliant = _mm_set1_epi32(PL_COMPLIANT);
    for (; i + 4 <= count; i += 4) {
        __m128i four = _mm_loadu_si128((const __m128i_u *)(const void *)(verdicts + i));
        int same = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(four, compliant)));
        mask |= (uint64_t)(same ^ 15) << i;
    }
#endif
    for (; i < count; i++)
        mask |= (uint64_t)(verdicts[i] != PL_COMPLIANT) << i;
    return mask;
}

/* Each verdict is as likely as not: the loop goes over the deviations only, and does not guess. */
static void report(worker *w, check_line *l, const bound *b, const pl_verdict *verdicts) {
    size_t count = b->program->count, deviations = 0;
    for (size_t from = 0; from < count; from += MASK_BITS) {
        uint64_t mask = deviating(verdicts + from, count - from < MASK_BITS ? count - from : MASK_BITS);
        for (; mask; mask &= mask - 1, deviations++) {
            size_t i = from + (size_t)__builtin_ctzll(mask);
            w->now.counts.results[verdicts[i]]++;
            report_verdict(w, l, b, i, verdicts[i]);
        }
    }
    w->now.counts.results[PL_COMPLIANT] += count - deviations;
    w->now.counts.evaluations += count;
    w->now.piece.failed = w->now.piece.failed || w->place.failed || w->item_text.failed;
}

/* Only what rules say of resources that their scopes cover is a verdict. */
static int report_covered(worker *w, check_line *l, const bound *b, const pl_verdict *verdicts) {
    inventory_item item;
    engine_scope_subject subject;
    if (parse_item(w, l, &item, &subject.tags) != 0)
        return -1;
    subject = (engine_scope_subject){item.resource_type, item.region_id, item.resource_id,
                                     item.group_id,      item.name,      subject.tags};
    for (size_t i = 0; i < b->program->count; i++) {
        if (!check_rule_covers(b->program->rules[i], &subject))
            continue;
        w->now.counts.evaluations++;
        w->now.counts.results[verdicts[i]]++;
        if (verdicts[i] != PL_COMPLIANT)
            report_verdict(w, l, b, i, verdicts[i]);
    }
    w->now.piece.failed = w->now.piece.failed || w->place.failed || w->item_text.failed;
    return 0;
}

static int evaluate(worker *w, check_line *l, const bound *b) {
    const check_run *run = w->shared->run;
    pl_program_input input = {.configuration = l->configuration, .now = run->now};
    check_related_query query = {run->related, l->type, l->id, l->account, l->configuration, &w->item_arena};
    if (run->related) {
        input.related = check_related_find;
        input.context = &query;
    }
    if (pl_program_needs(b->program->program).item && item_view(w, l, &input.item) != 0)
        return -1;
    const pl_verdict *verdicts = pl_program_evaluate(b->state, &input);
    if (b->program->scoped)
        return report_covered(w, l, b, verdicts);
    report(w, l, b, verdicts);
    return 0;
}

/* An object that does not read like those before it: the line gets an index. */
static const pl_verdict *evaluate_new(worker *w, const bound *b, pl_str line, size_t *at,
                                      const pl_program_input *input) {
    pl_json_index x;
    if (!pl_json_index_make(w->line_parser, line, &x))
        return NULL;
    uint32_t entry = pl_json_index_find(&x, *at);
    const pl_verdict *verdicts =
        entry < x.count ? pl_program_evaluate_indexed(b->state, &x, &entry, input) : NULL;
    if (verdicts)
        *at = x.at[entry - 1] + (size_t)1;
    return verdicts;
}

/*
 * The value of the configuration in a scan: an object, or a text with one, which is decoded where the rest of
 * the line does not get. `*at` becomes the place behind it. NULL: the line has to be parsed.
 */
static const pl_verdict *evaluate_at(worker *w, const bound *b, pl_str line, size_t *at) {
    pl_program_input input = {.now = w->shared->run->now};
    const uint8_t *start = (const uint8_t *)line.p, *value = start + *at;
    pl_str inner;
    pl_error ignored;
    if (*at < line.n && *value == '{') {
        const pl_verdict *verdicts = pl_program_evaluate_known(b->state, w->line_parser, line, at, &input);
        return verdicts ? verdicts : evaluate_new(w, b, line, at, &input);
    }
    if (*at >= line.n || *value != '"')
        return NULL;
    uint32_t n = pl_json_take_text(w->item_parser, value, start + line.n, &inner);
    *at += n;
    if (!n || (const uint8_t *)inner.p == value + 1) /* no object without an escape but an empty one */
        return NULL;
    return pl_program_evaluate_text(b->state, w->configuration_parser, inner, &input, &ignored);
}

static size_t offset_in(pl_str line, const uint8_t *at) {
    return (size_t)(at - (const uint8_t *)line.p);
}

/*
 * Checks a line without building its tape. False, with nothing counted or written, when that is not possible.
 * The type mostly comes before the configuration, which then is read once only.
 */
static bool check_guided(worker *w, pl_str text, check_line *l) {
    size_t late = 0;
    const pl_verdict *verdicts = NULL;
    check_scan scan = check_scan_begin(w->line_parser, &w->shape, text);
    bound *b = NULL;
    for (check_found found = check_scan_members(&scan, l); found != CHECK_END;) {
        if (found == CHECK_REFUSED)
            return false;
        size_t at = offset_in(text, scan.at);
        const uint8_t *behind;
        b = l->type.n ? bind_type(w, l->type) : NULL;
        if (!b) {
            late = at;
            behind = pl_json_skip_value(w->line_parser, scan.at, scan.end);
        } else {
            verdicts = b->guided ? evaluate_at(w, b, text, &at) : NULL;
            behind = verdicts ? (const uint8_t *)text.p + at : NULL;
        }
        found = check_scan_behind(&scan, behind, l);
    }
    if (late && l->type.n && (b = bind_type(w, l->type)) && b->guided)
        verdicts = evaluate_at(w, b, text, &late);
    if (!b || !verdicts)
        return false;
    if (check_line_is_removal(l))
        return true;
    w->now.counts.resources++;
    report(w, l, b, verdicts);
    return true;
}

static int check_line_text(worker *w, pl_str text, uint64_t number) {
    check_line l = check_line_new(number);
    pl_arena_reset(&w->item_arena);
    if (!check_guided(w, text, &l)) {
        l = check_line_new(number);
        if (read_line(w, text, &l) != 0)
            return -1;
        bound *b = bind_type(w, l.type);
        if (!b)
            return -1;
        if (check_line_is_removal(&l))
            return 0;
        w->now.counts.resources++;
        w->now.counts.ignored_types += b->program->count == 0;
        if (b->program->count && evaluate(w, &l, b) != 0)
            return -1;
    }
    return w->now.piece.failed ? fail_line(w, number, "the report does not fit in memory") : 0;
}

static int check_batch(worker *w) {
    pl_str rest, text;
    pl_buf_clear(&w->now.piece);
    if (cli_batch_read(&w->batch, &w->now.error) != 0)
        return -1;
    rest = w->batch.text;
    for (uint64_t number = w->batch.first; pl_str_split(&rest, '\n', &text); number++)
        if (pl_str_trim(text).n && check_line_text(w, text, number) != 0)
            return -1;
    return 0;
}

/* The next batch and its place in the order; 0 at the end. */
static int take_batch(worker *w, uint64_t *ticket) {
    shared *s = w->shared;
    pthread_mutex_lock(&s->source_lock);
    int result = s->order.stopped ? 0 : cli_source_next(s->run->source, &w->batch, &w->now.error);
    if (result != 0)
        *ticket = s->next_ticket++;
    pthread_mutex_unlock(&s->source_lock);
    return result;
}

static void *work(void *argument) {
    worker *w = argument;
    uint64_t ticket;
    int taken;
    while ((taken = take_batch(w, &ticket)) != 0) {
        w->now.counts = (check_counts){0};
        w->now.result = taken < 0 ? -1 : check_batch(w);
        check_order_finish(&w->shared->order, ticket, &w->now);
    }
    return NULL;
}

static int worker_open(worker *w, shared *s) {
    *w = (worker){.shared = s};
    w->line_parser = pl_json_parser_new(largest_document);
    w->configuration_parser = pl_json_parser_new(largest_document);
    w->item_parser = pl_json_parser_new(largest_document);
    pl_map_init(&w->bounds, 0);
    pl_arena_init(&w->arena, 0);
    pl_arena_init(&w->item_arena, 0);
    cli_batch_init(&w->batch);
    pl_buf_init(&w->now.piece, CHECK_PIECE_MAX);
    pl_buf_init(&w->annotation, CHECK_PIECE_MAX);
    pl_buf_init(&w->context, CHECK_PIECE_MAX);
    pl_buf_init(&w->item_text, CHECK_PIECE_MAX);
    pl_buf_init(&w->place, CHECK_PIECE_MAX);
    return w->line_parser && w->configuration_parser && w->item_parser
               ? 0
               : pl_fail(&s->order.error, PL_E_ServiceUnavailable);
}

static void worker_close(worker *w) {
    size_t cursor = 0;
    pl_str type;
    void *b;
    while (pl_map_next(&w->bounds, &cursor, &type, &b))
        pl_program_state_free(((bound *)b)->state);
    pl_map_free(&w->bounds);
    pl_json_parser_free(w->line_parser);
    pl_json_parser_free(w->configuration_parser);
    pl_json_parser_free(w->item_parser);
    pl_arena_free(&w->arena);
    pl_arena_free(&w->item_arena);
    cli_batch_free(&w->batch);
    pl_buf_free(&w->now.piece);
    pl_buf_free(&w->annotation);
    pl_buf_free(&w->context);
    pl_buf_free(&w->item_text);
    pl_buf_free(&w->place);
}

/* The calling thread works as well; helpers that cannot be started are done without. */
static void run_threads(worker *workers, unsigned count) {
    pthread_t threads[MAX_THREADS];
    unsigned started = 1;
    while (started < count && pthread_create(&threads[started], NULL, work, &workers[started]) == 0)
        started++;
    work(&workers[0]);
    for (unsigned i = 1; i < started; i++)
        pthread_join(threads[i], NULL);
}

int check_run_all(const check_run *run, check_counts *counts, pl_error *error) {
    unsigned count = run->threads < 1 ? 1 : (run->threads > MAX_THREADS ? MAX_THREADS : run->threads);
    shared s = {.run = run, .source_lock = PTHREAD_MUTEX_INITIALIZER};
    worker *workers = pl_calloc(count, sizeof *workers);
    if (!workers || !check_order_open(&s.order, run, count)) {
        pl_free(workers);
        return pl_fail(error, PL_E_ServiceUnavailable);
    }
    int result = 0;
    for (unsigned i = 0; i < count; i++)
        result |= worker_open(&workers[i], &s);
    if (result == 0)
        run_threads(workers, count);
    for (unsigned i = 0; i < count; i++)
        worker_close(&workers[i]);
    pl_free(workers);
    check_order_close(&s.order);
    *counts = s.order.counts;
    if (result == 0 && !s.order.stopped)
        return 0;
    *error = s.order.error;
    return -1;
}
