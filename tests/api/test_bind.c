/* What a client may send for a parameter, in every accepted form, and what it hears when it is wrong. */
#include "support/testing.h"

#include "api/bind.h"
#include "json/parser.h"

static const struct api_parameter tag_fields[] = {
    {.name = PL_STR_INIT("TagKey"), .type = API_STRING, .required = true, .max_length = 4},
    {.name = PL_STR_INIT("TagValue"), .type = API_STRING},
};
static const pl_str levels[] = {PL_STR_INIT("1"), PL_STR_INIT("2"), PL_STR_INIT("3")};
static const pl_str owners[] = {PL_STR_INIT("ALIYUN"), PL_STR_INIT("CUSTOM")};
static const struct api_parameter parameters[] = {
    {.name = PL_STR_INIT("Name"), .type = API_STRING, .required = true, .min_length = 2, .max_length = 5},
    {.name = PL_STR_INIT("Level"), .type = API_INT32, .values = levels, .value_count = 3},
    {.name = PL_STR_INIT("Owner"), .type = API_STRING, .values = owners, .value_count = 2},
    {.name = PL_STR_INIT("Size"),
     .type = API_INT32,
     .has_min = true,
     .min = 1,
     .has_max = true,
     .max = 100,
     .default_text = PL_STR_INIT("10")},
    {.name = PL_STR_INIT("Deep"), .type = API_BOOLEAN},
    {.name = PL_STR_INIT("Types"),
     .type = API_ARRAY,
     .item = API_STRING,
     .wire = API_WIRE_CSV,
     .max_items = 3},
    {.name = PL_STR_INIT("TagsScope"),
     .type = API_ARRAY,
     .item = API_OBJECT,
     .wire = API_WIRE_LIST,
     .fields = tag_fields,
     .field_count = 2},
    {.name = PL_STR_INIT("Input"), .type = API_MAP, .item = API_ANY, .wire = API_WIRE_JSON},
    {.name = PL_STR_INIT("Folder"), .type = API_STRING, .pattern = "^fd-[a-z]+$"},
    {.name = PL_STR_INIT("Id"),
     .type = API_STRING,
     .max_length = 3,
     .error_invalid = PL_E_Invalid_ConfigRuleId_Value},
    {.name = PL_STR_INIT("Tag"),
     .type = API_OBJECT,
     .wire = API_WIRE_FLAT,
     .fields = tag_fields,
     .field_count = 2},
};
static struct api_operation operation = {.name = PL_STR_INIT("Make"),
                                         .parameters = parameters,
                                         .parameter_count = sizeof parameters / sizeof *parameters};
static struct api_product product = {
    .name = PL_STR_INIT("Toy"),
    .missing = {"Missing{Name}", "{Name} is mandatory for this action.", 400},
    .invalid = {"Invalid{Name}", "Specified parameter {Name} is not valid.", 400},
    .operations = &operation,
    .operation_count = 1};

typedef struct fixture {
    pl_arena arena;
    api_binder *binder;
    const api_value *input;
    pl_error error;
} fixture;

static int set_up(void **state) {
    static fixture f;
    operation.product = &product;
    pl_arena_init(&f.arena, 0);
    const struct api_product *products[] = {&product};
    f.binder = api_binder_new(products, 1, &f.error);
    assert_non_null(f.binder);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    api_binder_free(f->binder);
    pl_arena_free(&f->arena);
    return 0;
}

static int bind_form(fixture *f, const char *form) {
    api_fields fields = {0};
    assert_int_equal(api_fields_decode(&fields, &f->arena, pl_str_from(form), false, &f->error), 0);
    assert_int_equal(api_fields_merge(&fields, &f->error), 0);
    return api_bind(f->binder, &operation, &fields, &f->arena, &f->input, &f->error);
}

static int bind_json(fixture *f, const char *text) {
    api_fields fields = {0};
    pl_json root;
    assert_int_equal(pl_json_parse_in(&f->arena, pl_str_from(text), &root, &f->error), 0);
    assert_int_equal(api_fields_from_json(&fields, &f->arena, root, &f->error), 0);
    assert_int_equal(api_fields_merge(&fields, &f->error), 0);
    return api_bind(f->binder, &operation, &fields, &f->arena, &f->input, &f->error);
}

static void refused(fixture *f, const char *form, const char *code, const char *part) {
    assert_int_equal(bind_form(f, form), -1);
    assert_string_equal(f->error.code, code);
    if (!strstr(f->error.message, part))
        fail_msg("\"%s\" does not mention \"%s\"", f->error.message, part);
}

static void scalars_and_defaults(void **state) {
    fixture *f = *state;
    assert_int_equal(bind_form(f, "Name=r%C3%A4u&Level=2&Deep=True&Unknown=x"), 0);
    assert_str(api_member_text(f->input, "Name"), "r\xc3\xa4u");
    assert_int_equal(api_member_number(f->input, "Level", 0), 2);
    assert_true(api_member_flag(f->input, "Deep", false));
    assert_int_equal(api_member_number(f->input, "Size", 0), 10);
    assert_null(api_member(f->input, "Owner"));
    assert_null(api_member(f->input, "Unknown"));
}

static void an_empty_optional_number_counts_as_not_sent(void **state) {
    fixture *f = *state;
    assert_int_equal(bind_form(f, "Name=abc&Size=&Owner="), 0);
    assert_int_equal(api_member_number(f->input, "Size", 0), 10);
    assert_str(api_member_text(f->input, "Owner"), "");
}

static void a_list_of_texts_in_all_forms(void **state) {
    fixture *f = *state;
    const char *forms[] = {"Name=abc&Types=a, b,", "Name=abc&Types.10=b&Types.2=a",
                           "Name=abc&Types=%5B%22a%22,%22b%22%5D"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(bind_form(f, forms[i]), 0);
        const api_value *types = api_member(f->input, "Types");
        assert_int_equal(types->count, 2);
        assert_str(types->items[0].text, "a");
        assert_str(types->items[1].text, "b");
    }
    assert_int_equal(bind_json(f, "{\"Name\":\"abc\",\"Types\":[\"a\",\"b\"]}"), 0);
    assert_int_equal(api_member(f->input, "Types")->count, 2);
}

static void a_list_of_objects_in_all_forms(void **state) {
    fixture *f = *state;
    const char *forms[] = {"Name=abc&TagsScope.1.TagKey=k&TagsScope.1.TagValue=v&TagsScope.7.TagKey=l",
                           "Name=abc&TagsScope=[{\"TagKey\":\"k\",\"TagValue\":\"v\"},{\"TagKey\":\"l\"}]"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(bind_form(f, forms[i]), 0);
        const api_value *tags = api_member(f->input, "TagsScope");
        assert_int_equal(tags->count, 2);
        assert_str(api_member_text(&tags->items[0], "TagValue"), "v");
        assert_str(api_member_text(&tags->items[1], "TagKey"), "l");
        assert_null(api_member(&tags->items[1], "TagValue"));
    }
    assert_int_equal(bind_json(f, "{\"Name\":\"abc\",\"TagsScope\":[{\"TagKey\":17}],\"Level\":3}"), 0);
    assert_str(api_member_text(&api_member(f->input, "TagsScope")->items[0], "TagKey"), "17");
    assert_int_equal(api_member_number(f->input, "Level", 0), 3);
}

static void maps_and_flat_objects(void **state) {
    fixture *f = *state;
    assert_int_equal(bind_form(f, "Name=abc&Input={\"a\":\"1\"}&Tag.TagKey=k"), 0);
    assert_str(pl_json_str(pl_json_get(api_member(f->input, "Input")->json, PL_STR("a"))), "1");
    assert_str(api_member(f->input, "Input")->text, "{\"a\":\"1\"}");
    assert_str(api_member_text(api_member(f->input, "Tag"), "TagKey"), "k");
    assert_int_equal(bind_form(f, "Name=abc&Input.a=1&Input.b.c=2"), 0);
    assert_str(api_member(f->input, "Input")->text, "{\"a\":\"1\",\"b.c\":\"2\"}");
    assert_int_equal(bind_json(f, "{\"Name\":\"abc\",\"Input\":{\"a\":[1,{}]}}"), 0);
    assert_str(api_member(f->input, "Input")->text, "{\"a\":[1,{}]}");
}

static void mistakes_are_named(void **state) {
    fixture *f = *state;
    refused(f, "Level=1", "MissingName", "Name is mandatory for this action.");
    refused(f, "Name=", "MissingName", "Name");
    refused(f, "Name=a", "InvalidName", "2 to 5 characters");
    refused(f, "Name=%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4", "InvalidName",
            "Specified parameter Name is not valid.");
    refused(f, "Name=abc&Level=4", "InvalidLevel", "allowed values");
    refused(f, "Name=abc&Level=1x", "InvalidLevel", "whole number");
    refused(f, "Name=abc&Owner=aliyun", "InvalidOwner", "Owner");
    refused(f, "Name=abc&Size=101", "InvalidSize", "1 to 100");
    refused(f, "Name=abc&Deep=yes", "InvalidDeep", "true nor false");
    refused(f, "Name=abc&Types=a,b,c,d", "InvalidTypes", "At most 3");
    refused(f, "Name=abc&TagsScope.2.TagValue=v", "MissingTagsScope", "TagsScope.2.TagKey is mandatory");
    refused(f, "Name=abc&TagsScope.1.TagKey=toolong", "InvalidTagsScope", "TagsScope.1.TagKey");
    refused(f, "Name=abc&TagsScope=[{\"TagKey\":\"toolong\"}]", "InvalidTagsScope", "TagsScope.1.TagKey");
    refused(f, "Name=abc&TagsScope.x.TagKey=k", "InvalidTagsScope", "numbered from 1");
    refused(f, "Name=abc&TagsScope=k", "InvalidTagsScope", "list");
    refused(f, "Name=abc&Types=a&Types.1=b", "InvalidTypes", "flattened");
    refused(f, "Name=abc&Input=[1]", "InvalidInput", "object");
    refused(f, "Name=abc&Input={", "InvalidInput", "not JSON");
    refused(f, "Name=abc&Folder=fd-1", "InvalidFolder", "form");
    refused(f, "Name=abc&Id=long", "Invalid.ConfigRuleId.Value", "Id");
    refused(f, "Name=a%FFc", "InvalidName", "UTF-8");
    refused(f, "Name=a%00c", "InvalidName", "NUL");
}

static void right_parameters_are_bound_beside_a_wrong_one(void **state) {
    fixture *f = *state;
    assert_int_equal(bind_form(f, "Name=a&Id=abc"), -1);
    assert_str(api_member_text(f->input, "Id"), "abc");
    assert_string_equal(f->error.code, "InvalidName");
}

static void differing_repetitions_are_refused(void **state) {
    fixture *f = *state;
    api_fields fields = {0};
    assert_int_equal(api_fields_decode(&fields, &f->arena, PL_STR("A=1&B=2&A=1"), false, &f->error), 0);
    assert_int_equal(api_fields_merge(&fields, &f->error), 0);
    assert_int_equal(fields.count, 2);
    assert_int_equal(api_fields_decode(&fields, &f->arena, PL_STR("B=3"), true, &f->error), 0);
    assert_int_equal(api_fields_merge(&fields, &f->error), -1);
    assert_string_equal(f->error.code, "InvalidParameter");
    assert_non_null(strstr(f->error.message, "\"B\""));
}

static void too_many_parameters_are_refused(void **state) {
    fixture *f = *state;
    api_fields fields = {0};
    int result = 0;
    for (int i = 0; i <= API_FIELDS_MAX && result == 0; i++)
        result = api_fields_decode(&fields, &f->arena, PL_STR("a=1"), false, &f->error);
    assert_int_equal(result, -1);
    assert_int_equal(fields.count, API_FIELDS_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scalars_and_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_optional_number_counts_as_not_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_of_texts_in_all_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_of_objects_in_all_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(maps_and_flat_objects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(right_parameters_are_bound_beside_a_wrong_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(differing_repetitions_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_parameters_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
