/* What the stories about packs share: a pack to be written, and the works that write and read packs. */
#ifndef PL_TESTS_ENGINE_PACK_RECORDS_H
#define PL_TESTS_ENGINE_PACK_RECORDS_H

#include "engine/rule_records.h"

struct packing {
    engine_pack pack;
    engine_pack_entry entries[3];
    size_t count;
    bool default_enable, delete_rules, found;
    uint32_t limit;
    pl_str id, text;
    engine_pack *packs;
    engine_rule *rules;
};

static inline engine_pack_input input_of(struct packing *p) {
    return (engine_pack_input){.pack = &p->pack,
                               .entries = p->entries,
                               .entry_count = p->count,
                               .has_entries = p->count > 0,
                               .default_enable = p->default_enable};
}

static inline int create_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    engine_pack_input input = input_of(p);
    context.packs_limit = p->limit;
    return engine_pack_create(&context, session, &input, wrong);
}

static inline int update_pack_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    engine_pack_input input = input_of(p);
    return engine_pack_update(&context, session, &input, wrong);
}

static inline int delete_pack_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    return engine_pack_delete(&context, session, &own, p->id, p->delete_rules, wrong);
}

static inline int attach_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    return engine_pack_attach(&context, session, &p->pack, p->id, wrong);
}

static inline int detach_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    return engine_pack_detach(&context, session, &p->pack, p->id, wrong);
}

static inline int copy_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    context.packs_limit = p->limit;
    return engine_pack_copy(&context, session, &p->pack, &own, wrong);
}

static inline int remove_all_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    engine_context context = context_of_test();
    return engine_pack_remove_all(&context, session, &own, wrong);
}

static inline int rules_of_pack_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    return engine_pack_find(session, &arena, &own, p->pack.pack_id, &p->pack, &p->found, wrong) != 0
               ? -1
               : engine_pack_rules(session, &arena, &p->pack, &p->rules, &p->count, wrong);
}

static inline int template_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    return engine_pack_template(session, &arena, &p->pack, &p->text, wrong);
}

static inline int list_packs_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    return engine_pack_list(session, &arena, &own, &p->packs, &p->count, wrong);
}

static inline struct packing written(store_work work, struct packing p) {
    if (write_in_test(work, &p, sizeof p) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
    return p;
}

static inline struct packing packing_of(const char *name) {
    return (struct packing){.pack = {.account_id = owner,
                                     .aggregator_id = PL_STR(""),
                                     .name = pl_str_from(name),
                                     .template_id = PL_STR_NONE,
                                     .risk_level = 2},
                            .entries[0] = {.identifier = PL_STR(BANDWIDTH)},
                            .count = 1,
                            .limit = 10};
}

static inline size_t rules_in(const engine_pack *pack) {
    struct packing p = {.pack = *pack};
    if (read_in_test(rules_of_pack_work, &p, sizeof p) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return p.count;
}

#endif
