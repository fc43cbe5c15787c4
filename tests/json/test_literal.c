/* Python literals become the JSON that was meant; what is no literal is refused. */
#include "support/testing.h"

#include "json/literal.h"

static void expect(const char *python, const char *json) {
    pl_buf out;
    pl_buf_init(&out, 1 << 16);
    bool sound = pl_json_from_python(&out, pl_str_from(python));
    assert_int_equal(sound, json != NULL);
    if (json)
        assert_true(pl_str_is(pl_buf_str(&out), json));
    pl_buf_free(&out);
}

static void literals_become_json(void **state) {
    (void)state;
    expect("[{'accountId': 123L, 'annotation': None, 'ok': True}]",
           "[{\"accountId\":123,\"annotation\":null,\"ok\":true}]");
    expect("(1, 2.5,)", "[1,2.5]");
    expect("[u'it\\'s \\u4e2d \\x41', \"a\"]", "[\"it's 中 A\",\"a\"]");
    expect("['{\"property\": \"$.ImageId\"}']", "[\"{\\\"property\\\": \\\"$.ImageId\\\"}\"]");
    expect("[]", "[]");
    expect("{}", "{}");
}

static void other_texts_are_refused(void **state) {
    static const char *const texts[] = {"",      "[",           "['a'",    "{1: 2}", "[1] x",
                                        "[None", "['\\ud800']", "nothing", "[,]",    "{'a' 1}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(texts[i], NULL);
}

static void depth_is_limited(void **state) {
    char deep[PL_LITERAL_DEPTH + 3];
    (void)state;
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    expect(deep, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(literals_become_json),
                                       cmocka_unit_test(other_texts_are_refused),
                                       cmocka_unit_test(depth_is_limited)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
