/* Reports as books: on a package, and on rules. Results are read page by page and go to the disk as they
 * come. */
#include "reports/produce.h"

#include "json/parser.h"

enum { PAGE_RESULTS = 1000, PAGE_ARENA = 64 << 20 };

static int write_results(making *m, const book_plan *plan, book *b, const judged *j, pl_error *error) {
    engine_result_filter filter = {.rules = &j->rule,
                                   .rule_count = 1,
                                   .accounts = plan->accounts ? plan->accounts : j->owner->accounts,
                                   .account_count =
                                       plan->accounts ? plan->account_count : j->owner->account_count,
                                   .has_compliance = true,
                                   .compliance = ENGINE_NON_COMPLIANT};
    pl_arena pages[2]; /* the token lies in the arena of the page before */
    pl_str after = PL_STR_NONE;
    int result = 0, turn = 0;
    pl_arena_init(&pages[0], PAGE_ARENA);
    pl_arena_init(&pages[1], PAGE_ARENA);
    do {
        engine_result *results;
        size_t count = 0;
        if ((result = produce_check_stop(m, error)) != 0)
            break;
        pl_arena_reset(&pages[turn]);
        result = engine_list_results(m->r->config.engine, m->session, &pages[turn], &filter, after,
                                     PAGE_RESULTS, &results, &count, &after, error);
        for (size_t i = 0; result == 0 && i < count; i++)
            result = book_result(b, &results[i], error);
        turn = !turn;
    } while (result == 0 && after.p);
    pl_arena_free(&pages[0]);
    pl_arena_free(&pages[1]);
    return result;
}

static int write_book(making *m, const book_plan *plan, book *b, pl_error *error) {
    for (size_t i = 0; i < plan->rule_count; i++) {
        engine_counts counts;
        const judged *j = &plan->rules[i];
        if (engine_count_rule(m->r->config.engine, m->session, j->rule,
                              plan->accounts ? plan->accounts : j->owner->accounts,
                              plan->accounts ? plan->account_count : j->owner->account_count, &counts,
                              error) != 0 ||
            book_rule(b, j->rule, &counts, error) != 0)
            return -1;
    }
    for (size_t i = 0; i < plan->rule_count; i++)
        if (write_results(m, plan, b, &plan->rules[i], error) != 0)
            return -1;
    return 0;
}

int produce_book(making *m, const book_plan *plan, pl_error *error) {
    made_file files[2];
    size_t count;
    if (m->part_count + 2 > PRODUCE_PARTS_MAX)
        return pl_failf(error, PL_E_InvalidParameter, "The report has more than %d files.",
                        PRODUCE_PARTS_MAX);
    book *b = book_new(m->arena, m->directory, plan->name, &plan->look, &plan->head, error);
    if (!b)
        return -1;
    int result = write_book(m, plan, b, error);
    pl_error closing;
    int closed = book_end(b, result == 0, files, &count, &closing);
    if (result == 0 && closed != 0)
        *error = closing;
    if (result != 0 || closed != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        m->parts[m->part_count++] = files[i];
    return 0;
}

/* One file as it is, several as an archive; an archive also when the report is one by its nature. */
int produce_bind(making *m, pl_str name, pl_error *error) {
    if (m->part_count == 1 && !m->archive) {
        m->made = m->parts[0];
        return 0;
    }
    pl_str whole = pl_arena_printf(m->arena, "%.*s.zip", PL_FMT(name));
    if (!whole.p)
        return produce_no_memory(error);
    return zip_files(m->arena, m->directory, whole, m->parts, m->part_count, &m->made, error);
}

static int judge_all(making *m, const reports_owner *owner, const engine_rule *rules, size_t count,
                     judged **out, pl_error *error) {
    *out = pl_new(m->arena, judged, count + 1);
    if (!*out)
        return produce_no_memory(error);
    for (size_t i = 0; i < count; i++)
        (*out)[i] = (judged){rules + i, owner};
    return 0;
}

/* One book for each account, named after it. */
static int books_by_account(making *m, book_plan *plan, const char *what, pl_error *error) {
    for (size_t i = 0; i < m->owner.account_count; i++) {
        plan->accounts = &m->owner.accounts[i];
        plan->account_count = 1;
        plan->head.account_id = m->owner.accounts[i];
        plan->name =
            pl_arena_printf(m->arena, "%.*s-%s-%.*s", PL_FMT(m->owner.accounts[i]), what, PL_FMT(m->stamp));
        if (!plan->name.p || produce_book(m, plan, error) != 0)
            return plan->name.p ? -1 : produce_no_memory(error);
    }
    return 0;
}

int produce_pack(making *m, pl_error *error) {
    engine_pack pack;
    engine_rule *rules;
    judged *list;
    size_t count;
    bool found, multi = false, group = m->file->aggregator_id.n > 0;
    if (engine_pack_find(m->session, m->arena, &m->owner.group, m->file->object_id, &pack, &found, error) !=
        0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
    if (engine_pack_rules(m->session, m->arena, &pack, &rules, &count, error) != 0 ||
        judge_all(m, &m->owner, rules, count, &list, error) != 0)
        return -1;
    (void)pl_json_bool(pl_json_get(m->request, PL_STR("multi")), &multi);
    book_plan plan = {
        .name = pl_arena_printf(m->arena, "%.*s-%.*s-report-%.*s", PL_FMT(m->file->account_id),
                                PL_FMT(pack.pack_id), PL_FMT(m->stamp)),
        .head = {pack.name, pack.pack_id, m->file->account_id, m->file->aggregator_id, m->file->started},
        .rules = list,
        .rule_count = count};
    pl_str name = plan.name;
    const char *what = pl_arena_printf(m->arena, "%.*s-report", PL_FMT(pack.pack_id)).p;
    m->archive = group;
    if (!name.p || !what)
        return produce_no_memory(error);
    if ((multi ? books_by_account(m, &plan, what, error) : produce_book(m, &plan, error)) != 0)
        return -1;
    return produce_bind(m, name, error);
}

int produce_rules(making *m, pl_error *error) {
    engine_rule *rules;
    judged *list;
    pl_str *ids;
    size_t count, wanted, kept = 0;
    if (produce_list(m, "rules", &ids, &wanted, error) != 0 ||
        engine_rule_list(m->session, m->arena, &m->owner.group, NULL, &rules, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (wanted == 0 || produce_has(ids, wanted, rules[i].rule_id))
            rules[kept++] = rules[i];
    if (judge_all(m, &m->owner, rules, kept, &list, error) != 0)
        return -1;
    book_plan plan = {
        .head = {.title = PL_STR("Rules"), .aggregator_id = m->file->aggregator_id, .time = m->file->started},
        .rules = list,
        .rule_count = kept};
    pl_str name =
        pl_arena_printf(m->arena, "%.*s-rules-report-%.*s", PL_FMT(m->file->account_id), PL_FMT(m->stamp));
    m->archive = true;
    if (!name.p)
        return produce_no_memory(error);
    return books_by_account(m, &plan, "rules-report", error) == 0 ? produce_bind(m, name, error) : -1;
}
