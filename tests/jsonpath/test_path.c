/* Paths select what RFC 9535 says, the cloud-config dialect what reference/condition-rules.md says. */
#include "support/arena.h"

#include "jsonpath/path.h"
#include "json/parser.h"

/* The selected values as one JSON array, or the error. */
static pl_str selected(const char *text, pl_path_dialect dialect, const char *document) {
    const pl_path *path;
    pl_path_nodes nodes;
    pl_buf out;
    if (pl_path_compile(&arena, pl_str_from(text), dialect, &path, &error) != 0)
        return PL_STR("refused");
    if (pl_path_select(path, parsed(document), &arena, &nodes, &error) != 0)
        return PL_STR("failed");
    pl_buf_init(&out, 1 << 20);
    pl_buf_add_char(&out, '[');
    for (size_t i = 0; i < nodes.count; i++) {
        if (i)
            pl_buf_add_char(&out, ',');
        pl_json_write(&out, nodes.items[i]);
    }
    pl_buf_add_char(&out, ']');
    pl_str copy = pl_arena_copy(&arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return copy;
}

typedef struct example {
    const char *path, *document, *values;
} example;

static void check(const example *cases, size_t count, pl_path_dialect dialect) {
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        pl_str got = selected(cases[i].path, dialect, cases[i].document);
        if (pl_str_is(got, cases[i].values))
            continue;
        print_error("%s over %s: %.*s, wanted %s\n", cases[i].path, cases[i].document, PL_FMT(got),
                    cases[i].values);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void segments_and_selectors(void **state) {
    (void)state;
    static const example cases[] = {
        {"$", "[1]", "[[1]]"},
        {"$.a", "{\"a\":1}", "[1]"},
        {"$ .a\t['b']", "{\"a\":{\"b\":2}}", "[2]"},
        {"$['a']", "[1]", "[]"},
        {"$[\"\\uD834\\uDD1E\"]", "{\"\xf0\x9d\x84\x9e\":1}", "[1]"},
        {"$['\\'\\\\\\/\\b']", "{\"'\\\\/\\b\":1}", "[1]"},
        {"$[0,0]", "[5,6]", "[5,5]"},
        {"$[-1]", "[5,6]", "[6]"},
        {"$[2,'a',*]", "[5,6]", "[5,6]"},
        {"$.*", "{\"a\":1,\"b\":[2]}", "[1,[2]]"},
        {"$[1:3]", "[0,1,2,3]", "[1,2]"},
        {"$[3:1]", "[0,1,2,3]", "[]"},
        {"$[1:9]", "[0,1,2]", "[1,2]"},
        {"$[ : : 2 ]", "[0,1,2,3]", "[0,2]"},
        {"$[::-1]", "[0,1,2,3]", "[3,2,1,0]"},
        {"$[3::-2]", "[0,1,2,3]", "[3,1]"},
        {"$[-1:0:-1]", "[0,1,2,3]", "[3,2,1]"},
        {"$[::0]", "[0,1,2,3]", "[]"},
        {"$[5:1:-9007199254740991]", "[0,1,2,3]", "[3]"},
        {"$[:3]", "{\":\":1}", "[]"},
        {"$..a", "{\"a\":{\"a\":1},\"b\":[{\"a\":2}]}", "[{\"a\":1},1,2]"},
        {"$..[1]", "[[1,2],[3,4]]", "[[3,4],2,4]"},
        {"$..a", "[18446744073709551615,0.5,-1,{\"a\":1}]", "[1]"},
        {"$..*", "[[1],2]", "[[1],2,1]"},
        {"$.a..b[0]", "{\"a\":[{\"b\":[7]},{\"b\":8}]}", "[7]"},
        {"$.\xe2\x98\xba_1", "{\"\xe2\x98\xba_1\":1}", "[1]"},
    };
    check(cases, COUNT(cases), PL_PATH_RFC9535);
}

static void filters(void **state) {
    (void)state;
    static const example cases[] = {
        {"$[?@.a]", "[{\"a\":null},{\"b\":1},{\"a\":false}]", "[{\"a\":null},{\"a\":false}]"},
        {"$[?@.a==null]", "[{\"a\":null},{\"b\":1}]", "[{\"a\":null}]"},
        {"$[?@.a==@.b]", "[{},{\"a\":1},{\"a\":[1,{\"x\":2}],\"b\":[1.0,{\"x\":2}]}]",
         "[{},{\"a\":[1,{\"x\":2}],\"b\":[1,{\"x\":2}]}]"},
        {"$[?@.a!=@.b]", "[{},{\"a\":1}]", "[{\"a\":1}]"},
        {"$[?@.a==@.b]",
         "[{\"a\":[true,null,\"x\"],\"b\":[true,null,\"x\"]},{\"a\":[true],\"b\":[false]},"
         "{\"a\":[\"x\"],\"b\":[\"y\"]},{\"a\":[null],\"b\":[false]}]",
         "[{\"a\":[true,null,\"x\"],\"b\":[true,null,\"x\"]}]"},
        {"$[?@.a==@.b]",
         "[{\"a\":[0.5],\"b\":[0.5]},{\"a\":[0.5],\"b\":[0.25]},{\"a\":[1],\"b\":[1.5]},"
         "{\"a\":[2.0],\"b\":[2]},{\"a\":[18446744073709551615],\"b\":[1.5]}]",
         "[{\"a\":[0.5],\"b\":[0.5]},{\"a\":[2],\"b\":[2]}]"},
        {"$[?length(@)==true]", "[\"x\",[1]]", "[]"},
        {"$[?length(@)==$[0]]", "[[7],\"x\"]", "[]"},
        {"$[?length(@)!=$[0]]", "[[7],\"x\"]", "[[7],\"x\"]"},
        {"$[?@<=null]", "[null,1]", "[null]"},
        {"$[?@<'b']", "[\"a\",\"b\",1]", "[\"a\"]"},
        {"$[?@==1e1]", "[10,10.0,\"10\",100e-1]", "[10,10,10]"},
        {"$[?@==-0]", "[0,-0.0,\"0\"]", "[0,0]"},
        {"$[?@>9007199254740992]", "[9007199254740992,9007199254740993]", "[9007199254740993]"},
        {"$[?@<1e400]", "[1,18446744073709551615,\"x\"]", "[1,18446744073709551615]"},
        {"$[?@.a>1&&@.a<4||@.b]", "[{\"a\":2},{\"a\":5},{\"b\":0}]", "[{\"a\":2},{\"b\":0}]"},
        {"$[?!(@.a==1)]", "[{\"a\":1},{\"a\":2}]", "[{\"a\":2}]"},
        {"$[?! @.a]", "[{\"a\":1},{}]", "[{}]"},
        {"$[?@[?@>1]]", "[[0],[0,2],{\"x\":3}]", "[[0,2],{\"x\":3}]"},
        {"$[?$.x==@.y]", "{\"x\":1,\"o\":{\"y\":1},\"p\":{\"y\":2}}", "[{\"y\":1}]"},
        {"$[?@.a, ?@.b]", "[{\"a\":1,\"b\":1}]", "[{\"a\":1,\"b\":1},{\"a\":1,\"b\":1}]"},
        {"$[?length(@.a)>=2]",
         "[{\"a\":\"\xc3\xa9\xf0\x9d\x84\x9e\"},{\"a\":[1]},{\"a\":{\"x\":1,\"y\":2}},{\"a\":9}]",
         "[{\"a\":\"\xc3\xa9\xf0\x9d\x84\x9e\"},{\"a\":{\"x\":1,\"y\":2}}]"},
        {"$[?count(@..*)==2]", "[[1,2],[1],{\"a\":[0]}]", "[[1,2],{\"a\":[0]}]"},
        {"$[?value(@..a)==4]", "[[{\"a\":4}],[{\"a\":4},{\"a\":4}]]", "[[{\"a\":4}]]"},
        {"$[?length(value(@.*))==1]", "[[[7]],[[7],1]]", "[[[7]]]"},
        {"$[?match(@,'a.c')]", "[\"abc\",\"xabc\",\"a\\nc\",1]", "[\"abc\"]"},
        {"$[?search(@,'[.b]c')]", "[\"xbcx\",\"a.c\",\"ac\"]", "[\"xbcx\",\"a.c\"]"},
        {"$[?match(@,'^ab$')]", "[\"ab\",\"^ab$\"]", "[\"ab\"]"},
        {"$[?match(@,'\\\\p{Lu}+')]", "[\"AB\",\"Ab\"]", "[\"AB\"]"},
        {"$.v[?search(@,$.r)&&!match(@,$.r)]", "{\"r\":\"b\",\"v\":[\"b\",\"abc\",\"c\"]}", "[\"abc\"]"},
        {"$.v[?match(@,$.r)]", "{\"r\":\"b.?b\",\"v\":[\"bab\",\"bb\",\"abab\"]}", "[\"bab\",\"bb\"]"},
        {"$[?match(@,'a+?')]", "[\"a\"]", "[]"},
        {"$[?match(@,'\\\\d')]", "[\"1\"]", "[]"},
        {"$[?(@.a==1)&&((@.b)) ]", "[{\"a\":1,\"b\":1}]", "[{\"a\":1,\"b\":1}]"},
    };
    check(cases, COUNT(cases), PL_PATH_RFC9535);
}

static void what_is_no_path_is_refused_with_its_place(void **state) {
    (void)state;
    static const struct {
        const char *path;
        size_t at;
    } cases[] = {{"", 0},
                 {"a", 0},
                 {" $", 0},
                 {"$ ", 1},
                 {"$.", 2},
                 {"$. a", 2},
                 {"$.a ", 3},
                 {"$..", 3},
                 {"$.. a", 3},
                 {"$.1", 2},
                 {"$.a-b", 3},
                 {"$[", 2},
                 {"$[]", 2},
                 {"$[01]", 2},
                 {"$[-0]", 2},
                 {"$[1.0]", 3},
                 {"$[+1]", 2},
                 {"$[- 1]", 2},
                 {"$[9007199254740992]", 2},
                 {"$[1,]", 4},
                 {"$['a]", 5},
                 {"$['\\\"']", 4},
                 {"$[\"\\'\"]", 4},
                 {"$['\\uD800']", 9},
                 {"$['\\uDC00x']", 9},
                 {"$['\x01']", 3},
                 {"$[?]", 3},
                 {"$[?@.a=1]", 6},
                 {"$[?'a']", 6},
                 {"$[?true]", 7},
                 {"$[?@.*==1]", 3},
                 {"$[?@..a==1]", 3},
                 {"$[?1==@[0,0]]", 6},
                 {"$[?!@.a==1]", 7},
                 {"$[?!!@.a]", 4},
                 {"$[?@.a&&]", 8},
                 {"$[?length(@.*)>1]", 10},
                 {"$[?count(1)>1]", 9},
                 {"$[?length(@.a)]", 14},
                 {"$[?match(@.a,'x')==true]", 3},
                 {"$[?match(@.a)]", 12},
                 {"$[?nope(@.a)]", 3},
                 {"$[?length (@.a)>1]", 3},
                 {"$[?@.a==01]", 9},
                 {"$[?@.a==1.]", 10},
                 {"$[?@.a==.1]", 8},
                 {"$[?@.a==1e]", 10},
                 {"$[?@.a=='x' 1]", 12},
                 {"$[?@.a in ['x']]", 7},
                 {"$[(@.length-1)]", 2},
                 {"$[?(@.a]", 7},
                 {"$[1:", 4},
                 {"$[1:2:", 6},
                 {"$[12", 4},
                 {"$['\\", 4},
                 {"$['\\u12", 7},
                 {"$['\\ud834\\u00zz']", 13},
                 {"$['\\ud834\\ue000']", 15},
                 {"$[?tru", 3},
                 {"$[?@.a==12", 10},
                 {"$[?a_1(@.a)]", 3},
                 {"$[?length{@.a}]", 3},
                 {"$[?@.a==1e9999999999999999]", 8}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const pl_path *path;
        int status = pl_path_compile(&arena, pl_str_from(cases[i].path), PL_PATH_RFC9535, &path, &error);
        if (status == 0 || error.position != cases[i].at)
            fail_msg("%s: %s", cases[i].path, status == 0 ? "accepted" : error.message);
    }
}

static const char ECS[] =
    "{\"Status\":\"Running\",\"Cpu\":2,\"Tags\":{\"Tag\":[{\"TagKey\":\"env\",\"TagValue\":\"prod\"},"
    "{\"TagKey\":\"team\",\"TagValue\":\"a\"}]},\"Permissions\":{\"Permission\":[{\"Policy\":\"Accept\","
    "\"PortRange\":\"22/22\",\"SourceCidrIp\":\"0.0.0.0/"
    "0\",\"Priority\":1},{\"Policy\":\"Drop\",\"PortRange\":"
    "\"80/80\",\"SourceCidrIp\":\"10.0.0.0/8\",\"Priority\":100}]},\"Nothing\":null,\"set-max\":3}";

static void the_cloud_config_dialect(void **state) {
    (void)state;
    static const example cases[] = {
        {"$.Status", ECS, "[\"Running\"]"},
        {"$.Memory", ECS, "[]"},
        {"$.Nothing", ECS, "[null]"},
        {"$.set-max", ECS, "[3]"},
        {"$.Tags.Tag[-1].TagKey", ECS, "[\"team\"]"},
        {"$.Tags.Tag[(@.length-1)].TagKey", ECS, "[\"team\"]"},
        {"$.Tags.Tag[( @.length - 2 )].TagKey", ECS, "[\"env\"]"},
        {"$.Tags.Tag[(@.length-0)]", ECS, "[]"},
        {"$.Tags[*].TagKey", ECS, "[]"},
        {"$..TagKey", ECS, "[\"env\",\"team\"]"},
        {"$.Permissions.Permission[?(@.Policy=='Accept' && @.Priority<50)].PortRange", ECS, "[\"22/22\"]"},
        {"$.Permissions.Permission[?(@.Priority<'50')].PortRange", ECS, "[\"22/22\"]"},
        {"$.Permissions.Permission[0]['PortRange','Policy']", ECS, "[\"22/22\",\"Accept\"]"},
        {"$.Permissions.Permission[?(@.Policy in ['Drop',\"Deny\"])].Priority", ECS, "[100]"},
        {"$.Permissions.Permission[?(@.Policy nin ['Drop'])].Priority", ECS, "[1]"},
        {"$.Permissions.Permission[?(!(@.Priority==1))].Priority", ECS, "[100]"},
        {"$[?(@.a==true)]", "[{\"a\":\"true\"},{\"a\":true},{\"a\":\"True\"}]",
         "[{\"a\":\"true\"},{\"a\":true}]"},
        {"$[?(@.a)]", "[{\"a\":true},{\"a\":[]}]", "[{\"a\":true},{\"a\":[]}]"},
        {"$[?(false)]", "[1]", "[]"},
        {"$[?(@.a==false)]", "[{\"a\":\"false\"},{\"a\":false},{\"a\":\"no\"},{\"a\":0}]",
         "[{\"a\":\"false\"},{\"a\":false}]"},
        {"$[?@ in_]", "[1]", "refused"},
        {"$[?@ in[1]]", "[1,2]", "[1]"},
        {"$[?@ in1]", "[1]", "refused"},
        {"$[?@ inA]", "[1]", "refused"},
        {"$[?@ ina]", "[1]", "refused"},
        {"$[?@ in", "[1]", "refused"},
        {"$[?@ in{}]", "[1]", "refused"},
        {"$[?(@.a)]", "[{\"a\":false},{\"a\":null},{\"a\":0},{\"a\":\"\"}]", "[{\"a\":0},{\"a\":\"\"}]"},
        {"$[?(@.a!=@.b)]", "[{},{\"a\":1,\"b\":1}]", "[{}]"},
        {"$[?@.a=='1']", "[{\"a\":1},{\"a\":\"1.0\"}]", "[{\"a\":1}]"},
        {"$[?(@.t[*]=='x')]", "[{\"t\":[\"x\"]},{\"t\":[\"x\",\"y\"]}]", "[{\"t\":[\"x\"]}]"},
        {"$[::-1]", "[1]", "refused"},
        {"$[::0]", "[1]", "refused"},
        {"$.a.length()", "[1]", "refused"},
        {"$[?(@.a", "[1]", "refused"},
    };
    check(cases, COUNT(cases), PL_PATH_CLOUD_CONFIG);
}

static void definite_paths_and_plain_steps(void **state) {
    (void)state;
    static const struct {
        const char *path;
        bool definite, whole;
        size_t plain;
    } cases[] = {{"$", true, true, 0},
                 {"$.a['b'][0]", true, true, 3},
                 {"$.a[(@.length-1)].b", true, false, 1},
                 {"$.a[*].b", false, false, 1},
                 {"$..a", false, false, 0},
                 {"$.a.b[?@.c].d", false, false, 2},
                 {"$['a','b']", false, false, 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const pl_path *path;
        bool whole;
        assert_int_equal(
            pl_path_compile(&arena, pl_str_from(cases[i].path), PL_PATH_CLOUD_CONFIG, &path, &error), 0);
        assert_int_equal(pl_path_is_definite(path), cases[i].definite);
        assert_int_equal(pl_path_plain_steps(path, &whole), cases[i].plain);
        assert_int_equal(whole, cases[i].whole);
        assert_str(pl_path_text(path), cases[i].path);
    }
}

static void a_union_of_names_at_the_end_is_told(void **state) {
    (void)state;
    static const struct {
        const char *path;
        size_t names;
    } cases[] = {{"$", 0},
                 {"$.a", 0},
                 {"$.a['b','c']", 2},
                 {"$['b','c'].a", 0},
                 {"$..['b','c']", 0},
                 {"$.a['b',0]", 0},
                 {"$.a.*['b','c']", 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const pl_path *path;
        assert_int_equal(
            pl_path_compile(&arena, pl_str_from(cases[i].path), PL_PATH_CLOUD_CONFIG, &path, &error), 0);
        assert_int_equal(pl_path_last_names(path), cases[i].names);
        if (cases[i].names)
            assert_str(pl_path_last_name(path, 1), "c");
    }
}

static void normalized_paths_name_each_node(void **state) {
    (void)state;
    pl_json root = parsed("{\"a'\\u0001\":[{\"b\":{}},[7]]}");
    static const char *const wanted[] = {"$",
                                         "$['a\\'\\u0001']",
                                         "$['a\\'\\u0001'][0]",
                                         "$['a\\'\\u0001'][0]['b']",
                                         "$['a\\'\\u0001'][1]",
                                         "$['a\\'\\u0001'][1][0]"};
    pl_json nodes[6] = {root};
    nodes[1] = pl_json_get(root, PL_STR("a'\x01"));
    nodes[2] = pl_json_at(nodes[1], 0);
    nodes[3] = pl_json_get(nodes[2], PL_STR("b"));
    nodes[4] = pl_json_at(nodes[1], 1);
    nodes[5] = pl_json_at(nodes[4], 0);
    for (size_t i = 0; i < COUNT(nodes); i++) {
        pl_buf out;
        pl_buf_init(&out, 1000);
        pl_path_write_normalized(&out, root, nodes[i]);
        assert_str(pl_buf_str(&out), wanted[i]);
        pl_buf_free(&out);
    }
}

/* A run-away filter or expression ends with an error, never with a wrong or partial answer. */
static void cost_is_bounded(void **state) {
    (void)state;
    pl_buf text;
    pl_buf_init(&text, 1 << 22);
    pl_buf_add(&text, PL_STR("[0"));
    for (int i = 1; i < 20000; i++)
        pl_buf_add(&text, PL_STR(",0"));
    pl_buf_add(&text, PL_STR("]\0"));
    assert_str(selected("$[?count($[*])==1]", PL_PATH_RFC9535, text.p), "failed");
    pl_buf_free(&text);
    assert_str(selected("$[?search(@,'(((a+)+)+)+[bc]')]", PL_PATH_RFC9535,
                        "[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]"),
               "failed");
    assert_true(error.message[0] != '\0');
}

/* `count` times `unit` behind `head`. */
static const char *repeated(const char *head, const char *unit, size_t count) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_add(&text, pl_str_from(head));
    for (size_t i = 0; i < count; i++)
        pl_buf_add(&text, pl_str_from(unit));
    const char *copy = pl_arena_cstr(&arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return copy;
}

static void refused_with(const char *path, const char *words) {
    assert_str(selected(path, PL_PATH_CLOUD_CONFIG, "1"), "refused");
    assert_string_equal(error.code, "InvalidParameter");
    if (!strstr(error.message, words))
        fail_msg("%s", error.message);
}

static void lengths_and_texts_are_checked(void **state) {
    (void)state;
    assert_str(selected(repeated("$", "[0]", PL_PATH_MAX_SEGMENTS), PL_PATH_RFC9535, "1"), "[]");
    refused_with(repeated("$", "[0]", PL_PATH_MAX_SEGMENTS + 1), "fewer segments");
    assert_str(selected(repeated("$.", "a", PL_PATH_MAX_TEXT - 2), PL_PATH_RFC9535, "1"), "[]");
    refused_with(repeated("$.", "a", PL_PATH_MAX_TEXT - 1), "more than 8192 bytes");
    refused_with("$.a\xff", "not UTF-8");
}

static void nesting_is_bounded(void **state) {
    (void)state;
    refused_with(repeated("$[?", "length(", 200), "less nesting");
    refused_with(repeated("$", "[?@", 200), "less nesting");
    char text[1000] = "$[?";
    memset(text + 3, '(', 200);
    assert_str(selected(text, PL_PATH_RFC9535, "1"), "refused");
    memset(text + 3, '!', 200);
    assert_str(selected(text, PL_PATH_CLOUD_CONFIG, "1"), "refused");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(segments_and_selectors),
        ARENA_TEST(filters),
        ARENA_TEST(what_is_no_path_is_refused_with_its_place),
        ARENA_TEST(the_cloud_config_dialect),
        ARENA_TEST(definite_paths_and_plain_steps),
        ARENA_TEST(a_union_of_names_at_the_end_is_told),
        ARENA_TEST(lengths_and_texts_are_checked),
        ARENA_TEST(normalized_paths_name_each_node),
        ARENA_TEST(cost_is_bounded),
        ARENA_TEST(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
