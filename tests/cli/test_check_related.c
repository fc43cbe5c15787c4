/* Related resources in a check: found from either side of a relation, whichever type declares it, and once.
 */
#include "support/testing.h"

#include "cli/check_related.h"
#include "json/parser.h"

static const pl_str cluster = PL_STR_INIT("ACS::ACK::Cluster"), network = PL_STR_INIT("ACS::VPC::VPC");

typedef struct fixture {
    catalogue *known;
    check_related *related;
    pl_arena arena;
} fixture;

static void add(fixture *f, pl_str type, const char *id, const char *configuration) {
    pl_json root;
    pl_error error;
    assert_int_equal(pl_json_parse_in(&f->arena, pl_str_from(configuration), &root, &error), 0);
    assert_int_equal(check_related_add(f->related, type, pl_str_from(id), PL_STR("1"), root, &error), 0);
}

static void begin(fixture *f) {
    static const pl_str types[] = {PL_STR_INIT("ACS::ACK::Cluster"), PL_STR_INIT("ACS::VPC::VPC")};
    pl_error error;
    pl_arena_init(&f->arena, 0);
    assert_int_equal(catalogue_open(&f->known, NULL, &error), 0);
    assert_int_equal(check_related_new(&f->related, f->known, types, 2, &error), 0);
    add(f, cluster, "c-1", "{\"Name\":\"one\",\"VpcId\":\"vpc-1\"}");
    add(f, cluster, "c-2", "{\"Name\":\"two\",\"VpcId\":\"vpc-2\"}");
    add(f, cluster, "c-3", "{\"Name\":\"three\",\"VpcId\":\"vpc-1\"}");
    add(f, network, "vpc-1", "{\"VpcId\":\"vpc-1\",\"CidrBlock\":\"10.0.0.0/8\"}");
    add(f, network, "vpc-2", "{\"VpcId\":\"vpc-2\"}");
}

static void end(fixture *f) {
    check_related_free(f->related);
    catalogue_close(f->known);
    pl_arena_free(&f->arena);
}

/* The related configurations as JSON text. */
static pl_str find(fixture *f, pl_str type, const char *id, const char *configuration, pl_str wanted) {
    pl_json own, list = PL_JSON_NONE;
    pl_error error;
    pl_buf text;
    assert_int_equal(pl_json_parse_in(&f->arena, pl_str_from(configuration), &own, &error), 0);
    check_related_query query = {f->related, type, pl_str_from(id), PL_STR("1"), own, &f->arena};
    assert_int_equal(check_related_find(&query, wanted, &list, &error), 0);
    pl_buf_init(&text, 1 << 16);
    pl_json_write(&text, list);
    pl_str found = pl_arena_copy(&f->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return found;
}

static void assert_text(pl_str found, const char *expected) {
    if (!pl_str_is(found, expected))
        fail_msg("%.*s instead of %s", PL_FMT(found), expected);
}

static void the_declaring_type_finds_the_other(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    assert_text(find(&f, cluster, "c-2", "{\"VpcId\":\"vpc-2\"}", network), "[{\"VpcId\":\"vpc-2\"}]");
    assert_text(find(&f, cluster, "c-9", "{}", network), "[]");
    end(&f);
}

static void the_other_type_finds_the_declaring_one(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    assert_text(find(&f, network, "vpc-1", "{\"VpcId\":\"vpc-1\"}", cluster),
                "[{\"Name\":\"one\",\"VpcId\":\"vpc-1\"},{\"Name\":\"three\",\"VpcId\":\"vpc-1\"}]");
    assert_text(find(&f, network, "vpc-3", "{\"VpcId\":\"vpc-3\"}", cluster), "[]");
    end(&f);
}

static void an_account_finds_everything_in_it(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    assert_text(find(&f, PL_STR("ACS::::Account"), "1", "{}", network),
                "[{\"VpcId\":\"vpc-1\",\"CidrBlock\":\"10.0.0.0/8\"},{\"VpcId\":\"vpc-2\"}]");
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_declaring_type_finds_the_other),
                                       cmocka_unit_test(the_other_type_finds_the_declaring_one),
                                       cmocka_unit_test(an_account_finds_everything_in_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
