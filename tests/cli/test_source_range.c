/*
 * Files that are read in ranges: whatever the lines are, all ranges together hand out each of them once and
 * in order, with numbers that fit, and what goes wrong is told with its place.
 */
#include "support/testing.h"

#include "base/memory.h"
#include "cli/source.h"
#include "json/parser.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/plumbline-range-XXXXXX";
static pl_error error;

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static void write_file(pl_str text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.p, 1, text.n, file), text.n);
    assert_int_equal(fclose(file), 0);
}

/* Each line is `{"n":<number>,...}` of this many bytes at least, and ends with a line feed but for the last.
 */
static void add_line(pl_buf *out, uint64_t number, size_t bytes) {
    size_t before = out->n;
    pl_buf_printf(out, "{\"resourceType\":\"T\",\"n\":%llu,\"x\":\"", (unsigned long long)number);
    while (out->n - before + 2 < bytes)
        pl_buf_add_char(out, (char)('a' + number % 26));
    pl_buf_add(out, PL_STR("\"}\n"));
}

static cli_source *open_shared(char *const *files, size_t count) {
    cli_source *source;
    assert_int_equal(cli_source_open(&source, files, count, CLI_FORMAT_AUTO, NULL, &error), 0);
    cli_source_share(source);
    return source;
}

/* The padding behind a batch may be read. */
static void read_padding(const cli_batch *batch) {
    volatile char last = batch->text.p[batch->text.n + PL_JSON_PADDING - 1];
    (void)last;
}

/* Hands out everything, and proves the number of each batch's first line; the number of batches. */
static size_t read_back(pl_str whole, pl_buf *out) {
    char *const files[] = {path};
    cli_source *source = open_shared(files, 1);
    cli_batch batch;
    size_t batches = 0;
    cli_batch_init(&batch);
    while (cli_source_next(source, &batch, &error) == 1) {
        assert_int_equal(cli_batch_read(&batch, &error), 0);
        batches++;
        if (batch.text.n == 0)
            continue;
        read_padding(&batch);
        uint64_t lines = 0;
        for (size_t i = 0; i < out->n; i++)
            lines += whole.p[i] == '\n';
        assert_int_equal(batch.first + cli_batch_lines_before(&batch), lines + 1);
        pl_buf_add(out, batch.text);
    }
    assert_int_equal(cli_source_read(source), whole.n);
    cli_batch_free(&batch);
    cli_source_close(source);
    return batches;
}

static void hands_out_the_same(pl_str whole, size_t least_batches) {
    pl_buf out;
    pl_buf_init(&out, (size_t)1 << 30);
    write_file(whole);
    size_t batches = read_back(whole, &out);
    assert_int_equal(out.n, whole.n);
    assert_memory_equal(out.p, whole.p, whole.n);
    if (batches < least_batches)
        fail_msg("%zu batches", batches);
    pl_buf_free(&out);
}

static void lines_of_all_lengths_are_handed_out_once(void **state) {
    (void)state;
    static const size_t longest[] = {40, 700, 3000, 60000, 150000};
    for (size_t kind = 0; kind < sizeof longest / sizeof *longest; kind++) {
        pl_buf whole;
        pl_buf_init(&whole, (size_t)1 << 30);
        srand((unsigned)kind + 7);
        for (uint64_t i = 0; whole.n < 1 << 20; i++) {
            add_line(&whole, i, (size_t)rand() % longest[kind]);
            if (rand() % 16 == 0)
                pl_buf_add(&whole, PL_STR("\n \r\n"));
        }
        hands_out_the_same(pl_buf_str(&whole), 16);
        hands_out_the_same(pl_str_head(pl_buf_str(&whole), whole.n - 1), 16);
        pl_buf_free(&whole);
    }
}

/* Lines that end a byte before, at and behind each end of a range. */
static void lines_may_end_where_ranges_do(void **state) {
    (void)state;
    for (size_t bytes = 4093; bytes <= 4097; bytes++) {
        pl_buf whole;
        pl_buf_init(&whole, (size_t)1 << 30);
        for (uint64_t i = 0; whole.n < 1 << 19; i++)
            add_line(&whole, i, i % 16 == 15 ? bytes : 4095);
        hands_out_the_same(pl_buf_str(&whole), 8);
        pl_buf_free(&whole);
    }
}

static void a_line_may_fill_many_ranges(void **state) {
    (void)state;
    pl_buf whole;
    pl_buf_init(&whole, (size_t)1 << 30);
    add_line(&whole, 0, 100);
    add_line(&whole, 1, 1000000);
    add_line(&whole, 2, 100);
    hands_out_the_same(pl_buf_str(&whole), 15);
    hands_out_the_same(pl_str_head(pl_buf_str(&whole), whole.n - 1), 15);
    pl_buf_free(&whole);
}

static void small_files_and_others_between_are_read_as_ever(void **state) {
    (void)state;
    char small[] = "/tmp/plumbline-small-XXXXXX";
    int fd = mkstemp(small);
    assert_int_equal(write(fd, "{\"resourceType\":\"T\"}\n{}", 23), 23);
    close(fd);
    pl_buf whole;
    pl_buf_init(&whole, (size_t)1 << 30);
    for (uint64_t i = 0; whole.n < 300000; i++)
        add_line(&whole, i, 1000);
    write_file(pl_buf_str(&whole));
    char *const files[] = {small, path, small};
    cli_source *source = open_shared(files, 3);
    cli_batch batch;
    size_t n = 0, ranges = 0;
    cli_batch_init(&batch);
    while (cli_source_next(source, &batch, &error) == 1) {
        assert_int_equal(cli_batch_read(&batch, &error), 0);
        assert_string_equal(batch.file, batch.range.file ? path : small);
        ranges += batch.range.file != NULL;
        n += batch.text.n;
    }
    assert_int_equal(n, whole.n + 2 * 23);
    assert_int_equal(ranges, 5);
    assert_int_equal(batch.first + cli_batch_lines_before(&batch), 2); /* the last line, which has no end */
    cli_batch_free(&batch);
    cli_source_close(source);
    pl_buf_free(&whole);
    unlink(small);
}

/* A batch keeps its file open when the source is through with it. */
static void a_range_may_be_read_late(void **state) {
    (void)state;
    pl_buf whole;
    pl_buf_init(&whole, (size_t)1 << 30);
    for (uint64_t i = 0; whole.n < 190000; i++)
        add_line(&whole, i, 1000);
    write_file(pl_buf_str(&whole));
    char *const files[] = {path};
    cli_source *source = open_shared(files, 1);
    cli_batch batches[4];
    size_t n = 0;
    for (size_t i = 0; i < 4; i++) {
        cli_batch_init(&batches[i]);
        assert_int_equal(cli_source_next(source, &batches[i], &error), i < 3);
    }
    for (size_t i = 3; i-- > 0;) {
        assert_int_equal(cli_batch_read(&batches[i], &error), 0);
        n += batches[i].text.n;
    }
    assert_int_equal(n, whole.n);
    for (size_t i = 0; i < 4; i++)
        cli_batch_free(&batches[i]);
    cli_source_close(source);
    pl_buf_free(&whole);
}

static cli_range range_of(uint64_t from, uint64_t to) {
    static atomic_uint_fast64_t read_bytes;
    int fd = open(path, O_RDONLY);
    cli_shared_file *file = cli_shared_file_new(fd, "name", to, &read_bytes);
    cli_range range = {0};
    assert_non_null(file);
    cli_range_hold(&range, file, from, to);
    cli_shared_file_release(file);
    return range;
}

static void a_line_that_is_too_long_is_named(void **state) {
    (void)state;
    pl_buf whole, buffer;
    pl_str lines;
    pl_buf_init(&whole, (size_t)1 << 30);
    pl_buf_init(&buffer, (size_t)1 << 30);
    add_line(&whole, 0, 100);
    add_line(&whole, 1, 100);
    add_line(&whole, 2, 600000);
    write_file(pl_buf_str(&whole));
    cli_range range = range_of(100, 1000);
    assert_int_equal(cli_range_read(&range, &buffer, 200000, &lines, &error), -1);
    assert_string_equal(error.message, "name:3: the line is longer than 200000 bytes");
    cli_range_release(&range);
    range = range_of(1000, 2000);
    assert_int_equal(cli_range_read(&range, &buffer, 200000, &lines, &error), 0);
    assert_int_equal(lines.n, 0);
    cli_range_release(&range);
    pl_buf_free(&buffer);
    pl_buf_free(&whole);
}

/* The size was another one when the file was opened. */
static void a_file_that_was_cut_ends_early(void **state) {
    (void)state;
    pl_buf buffer;
    pl_str lines;
    pl_buf_init(&buffer, (size_t)1 << 30);
    write_file(PL_STR("{\"a\":1}\n{\"b\":2}\n{\"c\""));
    static const struct {
        uint64_t from, to;
        const char *lines;
    } cases[] = {{0, 4000, "{\"a\":1}\n{\"b\":2}\n{\"c\""},
                 {8, 4000, "{\"b\":2}\n{\"c\""},
                 {9, 4000, "{\"c\""},
                 {17, 4000, ""},
                 {2000, 4000, ""},
                 {0, 8, "{\"a\":1}\n"},
                 {0, 9, "{\"a\":1}\n{\"b\":2}\n"},
                 {1, 8, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_range range = range_of(cases[i].from, cases[i].to);
        assert_int_equal(cli_range_read(&range, &buffer, 1000, &lines, &error), 0);
        assert_str(lines, cases[i].lines);
        cli_range_release(&range);
    }
    pl_buf_free(&buffer);
}

static void what_cannot_be_read_is_an_error(void **state) {
    (void)state;
    static atomic_uint_fast64_t read_bytes;
    pl_buf buffer;
    pl_str lines;
    pl_buf_init(&buffer, 1 << 20);
    cli_shared_file *file = cli_shared_file_new(open("/tmp", O_RDONLY), "folder", 100, &read_bytes);
    cli_range range = {0};
    cli_range_hold(&range, file, 0, 100);
    cli_shared_file_release(file);
    assert_int_equal(cli_range_read(&range, &buffer, 1000, &lines, &error), -1);
    assert_string_equal(error.message, "folder: Is a directory");
    pl_buf_free(&buffer);
    pl_memory_fail_once(0);
    assert_int_equal(cli_range_read(&range, &buffer, 1000, &lines, &error), -1);
    assert_string_equal(error.code, "ServiceUnavailable");
    assert_true(pl_memory_fail_end());
    cli_range_release(&range);
    pl_buf_free(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_all_lengths_are_handed_out_once),
        cmocka_unit_test(lines_may_end_where_ranges_do),
        cmocka_unit_test(a_line_may_fill_many_ranges),
        cmocka_unit_test(small_files_and_others_between_are_read_as_ever),
        cmocka_unit_test(a_range_may_be_read_late),
        cmocka_unit_test(a_line_that_is_too_long_is_named),
        cmocka_unit_test(a_file_that_was_cut_ends_early),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
