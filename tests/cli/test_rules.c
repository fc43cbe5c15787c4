/* `plumbline rules`: every case of the embedded catalogue holds, and a user's wrong file or case is told. */
#include "support/testing.h"

#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/plumbline-cli-XXXXXX";
static char file[64];

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(file, sizeof file, "%s/own-rule.json", directory);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(file);
    return rmdir(directory);
}

static int run(const char *first, const char *second) {
    char *arguments[] = {strdup("rules"), strdup(first), second ? strdup(second) : NULL, NULL};
    int status = cli_rules(second ? 3 : 2, arguments);
    for (size_t i = 0; i < 3; i++)
        (free)(arguments[i]);
    return status;
}

static void put(const char *expected) {
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fprintf(out,
            "{\"identifier\":\"own-rule\",\"name\":\"Own\",\"description\":\"d\",\"resourceTypes\":[\"AWS::"
            "EC2::Instance\"],"
            "\"triggers\":[\"ConfigurationItemChangeNotification\"],\"riskLevel\":2,\"condition\":{"
            "\"operator\":\"and\","
            "\"children\":[{\"operator\":\"GreaterOrEquals\",\"featurePath\":\"$.Cpu\",\"featureSource\":"
            "\"CONFIGURATION\",\"desired\":\"2\"}]},\"cases\":[{\"name\":\"four\",\"expect\":\"%s\","
            "\"configuration\":{"
            "\"Cpu\":4}}]}",
            expected);
    fclose(out);
}

static void every_embedded_case_holds(void **state) {
    (void)state;
    assert_int_equal(run("test", NULL), 0);
}

static void a_users_file_is_tested(void **state) {
    (void)state;
    put("COMPLIANT");
    assert_int_equal(run("test", file), 0);
    put("NON_COMPLIANT");
    assert_int_equal(run("test", file), 1);
    put("FINE");
    assert_int_equal(run("test", file), 2);
}

static void rules_are_listed_and_shown(void **state) {
    (void)state;
    assert_int_equal(run("list", NULL), 0);
    assert_int_equal(run("show", "eip-bandwidth-limit"), 0);
    assert_int_equal(run("show", "no-such-rule"), 2);
}

static void wrong_usage_is_told(void **state) {
    (void)state;
    assert_int_equal(run("frobnicate", NULL), 2);
    assert_int_equal(run("test", "--colour"), 2);
    assert_int_equal(run("test", "/no/such/file.json"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_embedded_case_holds),
        cmocka_unit_test(a_users_file_is_tested),
        cmocka_unit_test(rules_are_listed_and_shown),
        cmocka_unit_test(wrong_usage_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
