/* What a reader of JSON notices: values, order, equality, text, and errors with their place. */
#include "support/arena.h"

#include "json/parser.h"
#include "json/writer.h"

static void members_are_found_and_typed(void **state) {
    (void)state;
    pl_json root = parsed("{\"a\":1,\"b\":[true,null,\"x\"],\"c\":{\"d\":2.5},\"e\":18446744073709551615}");
    int64_t i = 0;
    bool b = false;
    assert_true(pl_json_i64(pl_json_get(root, PL_STR("a")), &i));
    assert_int_equal(i, 1);
    pl_json list = pl_json_get(root, PL_STR("b"));
    assert_int_equal(pl_json_count(list), 3);
    assert_true(pl_json_bool(pl_json_at(list, 0), &b) && b);
    assert_true(pl_json_is_null(pl_json_at(list, 1)));
    assert_str(pl_json_str(pl_json_at(list, 2)), "x");
    assert_false(pl_json_exists(pl_json_at(list, 3)));
    assert_int_equal(pl_json_type_of(pl_json_get(root, PL_STR("e"))), PL_JSON_UNSIGNED);
    assert_int_equal(pl_json_type_of(pl_json_get(root, PL_STR("none"))), PL_JSON_MISSING);
}

static void text_comes_back_compact_and_in_order(void **state) {
    (void)state;
    pl_buf out;
    pl_buf_init(&out, 4096);
    pl_json_write(&out, parsed(" {\"z\" : [1, -2.50, 1e300 ,\"q\\\"\\u0001\\u00e9\"], \"a\":{} } "));
    assert_str(pl_buf_str(&out), "{\"z\":[1,-2.5,1e+300,\"q\\\"\\u0001\xc3\xa9\"],\"a\":{}}");
    pl_buf_free(&out);
}

static void equality_is_by_value(void **state) {
    (void)state;
    assert_true(pl_json_equal(parsed("{\"a\":1,\"b\":[1,2]}"), parsed("{\"b\":[1,2.0],\"a\":1}")));
    assert_false(pl_json_equal(parsed("[1,2]"), parsed("[2,1]")));
    assert_false(pl_json_equal(parsed("1"), parsed("\"1\"")));
}

static void duplicate_names_leave_a_document_equal_to_itself(void **state) {
    (void)state;
    pl_json a, b;
    assert_int_equal(pl_json_parse_in(&arena, PL_STR("{\"a\":1,\"a\":2,\"b\":3}"), &a, &error), 0);
    assert_int_equal(pl_json_parse_in(&arena, PL_STR("{\"a\":1,\"a\":3,\"b\":3}"), &b, &error), 0);
    assert_true(pl_json_equal(a, a));
    assert_false(pl_json_equal(a, b));
}

static void errors_name_their_place(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {{"", 0},           {"{\"a\":}", 5}, {"[1,]", 3},    {"{\"a\" 1}", 5}, {"[1 2]", 3},
                 {"{\"a\":1}x", 7}, {"tru", 0},      {"\"a\n\"", 2}, {"[1", 2},        {"{a:1}", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_json root;
        assert_int_equal(pl_json_parse_in(&arena, pl_str_from(cases[i].text), &root, &error), -1);
        assert_int_equal(error.position, cases[i].at);
    }
}

static void nodes_are_found_again_in_the_text(void **state) {
    (void)state;
    static const char text[] = " {\"a\\\"\" : [1, -2.5e3,{\"b c\":true}], \"d\":{\"e\" :\n \"x\"} }";
    pl_json root = parsed(text), key = root;
    pl_json list = pl_json_get(root, PL_STR("a\"")), deep = pl_json_get(pl_json_at(list, 2), PL_STR("b c"));
    pl_json leaf = pl_json_get(pl_json_get(root, PL_STR("d")), PL_STR("e"));
    const struct {
        pl_json node;
        const char *starts, *path;
    } cases[] = {{root, "{", "$"},
                 {list, "[1", "$[\"a\\\"\"]"},
                 {pl_json_at(list, 1), "-2.5", "$[\"a\\\"\"][1]"},
                 {deep, "true", "$[\"a\\\"\"][2][\"b c\"]"},
                 {pl_json_move(key, leaf.at - 1), "\"e\"", "$.d.e"},
                 {leaf, "\"x\"", "$.d.e"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_buf path;
        pl_buf_init(&path, 4096);
        pl_str rest = pl_str_skip(pl_str_from(text), pl_json_locate_node(pl_str_from(text), cases[i].node));
        assert_str(pl_str_head(rest, strlen(cases[i].starts)), cases[i].starts);
        pl_json_path(&path, root, cases[i].node);
        assert_str(pl_buf_str(&path), cases[i].path);
        pl_buf_free(&path);
    }
}

static void one_answer_is_written_as_json_and_xml(void **state) {
    (void)state;
    static const char *const wanted[] = {
        "{\"RequestId\":\"R\",\"List\":[{\"N\":1},{\"N\":2}],\"Empty\":[],\"Ok\":true,\"In\":{\"k\":\"<v>\"}"
        "}",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><XResponse><RequestId>R</RequestId><List><N>1</N></List>"
        "<List><N>2</N></List><Ok>true</Ok><In><k>&lt;v&gt;</k></In></XResponse>"};
    for (int format = 0; format < 2; format++) {
        pl_buf out;
        pl_writer w;
        pl_buf_init(&out, 4096);
        pl_writer_begin(&w, &out, (pl_format)format, PL_STR("XResponse"));
        pl_write_string(&w, PL_STR("RequestId"), PL_STR("R"));
        pl_write_array(&w, PL_STR("List"));
        for (int i = 1; i < 3; i++) {
            pl_write_object(&w, PL_STR_NONE);
            pl_write_i64(&w, PL_STR("N"), i);
            pl_write_object_end(&w);
        }
        pl_write_array_end(&w);
        pl_write_array(&w, PL_STR("Empty"));
        pl_write_array_end(&w);
        pl_write_bool(&w, PL_STR("Ok"), true);
        pl_write_json(&w, PL_STR("In"), parsed("{\"k\":\"<v>\"}"));
        pl_writer_end(&w);
        assert_str(pl_buf_str(&out), wanted[format]);
        pl_buf_free(&out);
    }
}

/* Names that only some readers of XML know, and characters that none may: the first as a JSON text. */
static void answers_in_xml_are_well_formed(void **state) {
    (void)state;
    static const char *const members[][2] = {
        {"{\"a-b\":\"x\"}", "<V><a-b>x</a-b></V>"},
        {"{\"1\":2}", "<V>{\"1\":2}</V>"},
        {"{\"a\xC3\x97\":2}", "<V>{\"a\xC3\x97\":2}</V>"},
        {"{\"a\":\"\xEF\xBF\xBF\\u0001\"}", "<V><a>\xEF\xBF\xBD </a></V>"},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        pl_buf out;
        pl_writer w;
        pl_buf_init(&out, 4096);
        pl_writer_begin(&w, &out, PL_FORMAT_XML, PL_STR("R"));
        pl_write_json(&w, PL_STR("V"), parsed(members[i][0]));
        pl_writer_end(&w);
        assert_true(pl_str_find(pl_buf_str(&out), pl_str_from(members[i][1])) != PL_NOT_FOUND);
        pl_buf_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(members_are_found_and_typed),
        ARENA_TEST(text_comes_back_compact_and_in_order),
        ARENA_TEST(equality_is_by_value),
        ARENA_TEST(duplicate_names_leave_a_document_equal_to_itself),
        ARENA_TEST(errors_name_their_place),
        ARENA_TEST(nodes_are_found_again_in_the_text),
        ARENA_TEST(one_answer_is_written_as_json_and_xml),
        ARENA_TEST(answers_in_xml_are_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
