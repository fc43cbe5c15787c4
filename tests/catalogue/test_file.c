/* The user's directory of catalogue files: what is found in it at which depth, and what is refused. */
#include "support/testing.h"

#include "base/memory.h"
#include "catalogue/catalogue.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEPEST = 8 };

static char directory[64];
static pl_error error;

static int make_directory(void **state) {
    (void)state;
    strcpy(directory, "/tmp/plumbline-files-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status, (void)kind, (void)place;
    return remove(path);
}

static int remove_directory(void **state) {
    (void)state;
    return nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *place_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void make(const char *name) {
    assert_int_equal(mkdir(place_of(name), 0700), 0);
}

static void put(const char *name, const char *text) {
    FILE *file = fopen(place_of(name), "w");
    assert_true(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void put_rule(const char *folder, const char *identifier) {
    char name[256], text[1024];
    snprintf(name, sizeof name, "%s%s.json", folder, identifier);
    snprintf(text, sizeof text,
             "{\"identifier\":\"%s\",\"name\":\"Own\",\"description\":\"d\",\"resourceTypes\":[\"ACS::ECS::"
             "Instance\"],\"triggers\":[\"ConfigurationItemChangeNotification\"],\"riskLevel\":2,"
             "\"condition\":{\"operator\":\"and\",\"children\":[{\"operator\":\"GreaterOrEquals\","
             "\"featurePath\":\"$.Cpu\",\"featureSource\":\"CONFIGURATION\",\"desired\":\"2\"}]}}",
             identifier);
    put(name, text);
}

static catalogue *opened(void) {
    catalogue *c = NULL;
    if (catalogue_open(&c, directory, &error) != 0)
        fail_msg("%s", error.message);
    return c;
}

static void refused(const char *part) {
    catalogue *c = NULL;
    assert_int_equal(catalogue_open(&c, directory, &error), -1);
    assert_null(c);
    assert_string_equal(error.code, "InvalidParameter");
    if (!strstr(error.message, part))
        fail_msg("\"%s\" is not in: %s", part, error.message);
}

static void rules_are_found_at_every_depth_and_other_files_are_left_alone(void **state) {
    (void)state;
    catalogue *plain = NULL;
    assert_int_equal(catalogue_open(&plain, NULL, &error), 0);
    make("network");
    make("network/load");
    make(".git");
    put_rule("", "own-top");
    put_rule("network/", "own-middle");
    put_rule("network/load/", "own-deep");
    put_rule(".git/", "own-hidden");
    put("README.md", "not a rule");
    put(".own.json", "not read");
    catalogue *own = opened();
    assert_int_equal(catalogue_rule_count(own), catalogue_rule_count(plain) + 3);
    assert_non_null(catalogue_find_rule(own, PL_STR("own-top"), &error));
    assert_non_null(catalogue_find_rule(own, PL_STR("own-middle"), &error));
    assert_non_null(catalogue_find_rule(own, PL_STR("own-deep"), &error));
    assert_null(catalogue_find_rule(own, PL_STR("own-hidden"), &error));
    catalogue_close(own);
    catalogue_close(plain);
}

/* Makes d/d/... of that many levels and a rule in the last. */
static void nest(int levels) {
    char path[256] = "";
    for (int i = 0; i < levels; i++) {
        strcat(path, "d");
        make(path);
        strcat(path, "/");
    }
    put_rule(path, "own-deepest");
}

static void the_deepest_level_is_still_read(void **state) {
    (void)state;
    nest(DEEPEST);
    catalogue *own = opened();
    assert_non_null(catalogue_find_rule(own, PL_STR("own-deepest"), &error));
    catalogue_close(own);
}

static void deeper_levels_are_told(void **state) {
    (void)state;
    nest(DEEPEST + 1);
    refused("nested too deep");
}

static void a_circle_of_links_ends(void **state) {
    (void)state;
    make("a");
    put_rule("a/", "own-rule");
    assert_int_equal(symlink("..", place_of("a/up")), 0);
    refused("nested too deep");
}

static void a_link_to_nothing_is_told(void **state) {
    (void)state;
    assert_int_equal(symlink("nowhere", place_of("gone.json")), 0);
    refused("gone.json: No such file or directory");
}

static void one_name_in_two_folders_is_told(void **state) {
    (void)state;
    make("a");
    make("b");
    put_rule("a/", "own-rule");
    put_rule("b/", "own-rule");
    refused("own-rule.json: there is a file of this name already");
}

static void the_name_of_a_managed_rule_is_told(void **state) {
    (void)state;
    put_rule("", "oss-bucket-public-read-prohibited");
    refused("there is a file of this name already");
}

static void a_folder_named_packs_holds_packages_at_every_depth(void **state) {
    (void)state;
    make("team");
    make("team/packs");
    make("team/packs/more");
    put_rule("team/", "own-rule");
    put("team/packs/more/own-pack.json", "{\"identifier\":\"own-rule\"}");
    refused("team/packs/more/own-pack.json: $");
}

static void a_directory_without_files_is_told(void **state) {
    (void)state;
    make("empty");
    put("notes.txt", "nothing here");
    refused("no rule or package files");
    assert_int_equal(remove_directory(state), 0);
    refused("No such file or directory");
    assert_int_equal(mkdir(directory, 0700), 0);
}

static void what_is_no_plain_file_is_told_and_not_waited_for(void **state) {
    (void)state;
    assert_int_equal(mkfifo(place_of("pipe.json"), 0600), 0);
    refused("pipe.json: cannot be read");
}

static void a_file_that_is_too_large_is_told(void **state) {
    (void)state;
    put_rule("", "own-rule");
    assert_int_equal(truncate(place_of("own-rule.json"), (1 << 20) + 1), 0);
    refused("larger than 1 MiB");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

/* A good file stays a good one. */
static void want_of_memory_is_no_mistake_of_a_file(void **state) {
    (void)state;
    put_rule("", "own-rule");
    const char *files[] = {place_of("own-rule.json")};
    bool failed = true;
    for (long successes = 0; failed; successes += 1 + successes / 40) {
        catalogue *c = NULL;
        pl_memory_fail_once(successes);
        int result = catalogue_open_files(&c, files, 1, &error);
        failed = pl_memory_fail_end();
        assert_int_equal(result, failed ? -1 : 0);
        if (failed)
            assert_string_equal(error.code, "ServiceUnavailable");
        else
            assert_non_null(catalogue_find_rule(c, PL_STR("own-rule"), &error));
        catalogue_close(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(want_of_memory_is_no_mistake_of_a_file),
        CASE(rules_are_found_at_every_depth_and_other_files_are_left_alone),
        CASE(the_deepest_level_is_still_read),
        CASE(deeper_levels_are_told),
        CASE(a_circle_of_links_ends),
        CASE(a_link_to_nothing_is_told),
        CASE(one_name_in_two_folders_is_told),
        CASE(the_name_of_a_managed_rule_is_told),
        CASE(a_folder_named_packs_holds_packages_at_every_depth),
        CASE(a_directory_without_files_is_told),
        CASE(what_is_no_plain_file_is_told_and_not_waited_for),
        CASE(a_file_that_is_too_large_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
