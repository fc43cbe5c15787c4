/*
 * Reading files into batches of item lines. Owns the open file (shared ones together with the ranges that
 * were handed out) and, for whole files, their rewritten lines.
 */
#include "cli/source.h"

#include "base/memory.h"
#include "cli/file.h"
#include "cli/terraform.h"
#include "json/parser.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files of less than SHARED_BYTES are not worth sharing. */
enum { BATCH_BYTES = 1 << 16, SHARED_BYTES = 2 * BATCH_BYTES };
static const size_t longest_line = (size_t)64 << 20;
static const size_t largest_file = (size_t)2 << 30;

struct cli_source {
    char *const *files;
    size_t count, next;
    cli_source_format format;
    const struct catalogue *catalogue;
    uint64_t size;
    atomic_uint_fast64_t read; /* other threads look at it */
    int fd;                    /* -1: no file is open */
    const char *name;          /* of the open file */
    bool ended;                /* the open file has no more bytes */
    uint64_t line;             /* number of the next line or item */
    pl_buf rest;      /* the begin of a line that was read with the last batch; for whole files all lines */
    size_t rest_from; /* how much of `rest` has been handed out; whole files only */
    bool whole;       /* `rest` holds rewritten lines */
    bool shares;
    cli_shared_file *shared; /* the open file, when ranges of it are handed out; has the descriptor */
    uint64_t claimed;        /* where its next range begins */
};

bool cli_source_format_parse(const char *word, cli_source_format *format) {
    static const char *const words[] = {"auto", "snapshot", "jsonl", "terraform"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            *format = (cli_source_format)i;
            return true;
        }
    }
    return false;
}

void cli_batch_init(cli_batch *batch) {
    *batch = (cli_batch){.file = ""};
    pl_buf_init(&batch->buffer, largest_file);
}

void cli_batch_free(cli_batch *batch) {
    pl_buf_free(&batch->buffer);
    cli_range_release(&batch->range);
}

static uint64_t sum_sizes(char *const *files, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        if (stat(files[i], &status) != 0 || !S_ISREG(status.st_mode))
            return 0;
        sum += (uint64_t)status.st_size;
    }
    return sum;
}

int cli_source_open(cli_source **out, char *const *files, size_t count, cli_source_format format,
                    const struct catalogue *catalogue, pl_error *error) {
    cli_source *source = pl_calloc(1, sizeof *source);
    if (!source)
        return pl_fail(error, PL_E_ServiceUnavailable);
    source->files = files;
    source->count = count;
    source->format = format;
    source->catalogue = catalogue;
    source->size = sum_sizes(files, count);
    source->fd = -1;
    pl_buf_init(&source->rest, largest_file);
    *out = source;
    return 0;
}

void cli_source_share(cli_source *source) {
    source->shares = true;
}

static void close_file(cli_source *source) {
    if (source->shared)
        cli_shared_file_release(source->shared);
    else if (source->fd > STDIN_FILENO)
        close(source->fd);
    source->shared = NULL;
    source->fd = -1;
}

void cli_source_close(cli_source *source) {
    if (!source)
        return;
    close_file(source);
    pl_buf_free(&source->rest);
    pl_free(source);
}

uint64_t cli_source_size(const cli_source *source) {
    return source->size;
}

uint64_t cli_source_read(const cli_source *source) {
    return atomic_load_explicit(&source->read, memory_order_relaxed);
}

static int open_next(cli_source *source, pl_error *error) {
    source->name = source->files[source->next++];
    bool standard_input = strcmp(source->name, "-") == 0;
    source->fd = standard_input ? STDIN_FILENO : open(source->name, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0)
        return pl_failf(error, PL_E_InvalidParameter, "%s: %s", source->name, strerror(errno));
    if (standard_input)
        source->name = "standard input";
    source->ended = source->whole = false;
    source->line = 1;
    source->rest_from = 0;
    pl_buf_clear(&source->rest);
    return 0;
}

static pl_str pending(const cli_source *source) {
    return pl_str_skip(pl_buf_str(&source->rest), source->rest_from);
}

/* Reads once more behind the bytes of `into`. */
static int read_some(cli_source *source, pl_buf *into, pl_error *error) {
    if (!pl_buf_reserve(into, BATCH_BYTES + PL_JSON_PADDING))
        return pl_failf(error, PL_E_InvalidParameter, "%s: more than %zu bytes in one piece", source->name,
                        largest_file);
    ssize_t n = read(source->fd, into->p + into->n, BATCH_BYTES);
    if (n < 0)
        return pl_failf(error, PL_E_InvalidParameter, "%s: %s", source->name, strerror(errno));
    into->n += (size_t)n;
    atomic_fetch_add_explicit(&source->read, (uint64_t)n, memory_order_relaxed);
    source->ended = n == 0;
    return 0;
}

/* Offset behind the last line feed, or 0. */
static size_t whole_lines(pl_str text) {
    const char *last = text.n ? memrchr(text.p, '\n', text.n) : NULL;
    return last ? (size_t)(last - text.p) + 1 : 0;
}

static uint64_t count_lines(pl_str text) {
    uint64_t count = 0;
    const char *end = text.p + text.n;
    for (const char *at = text.p; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        count++;
    return count;
}

/* The first `n` bytes of the batch's buffer are what it hands out. */
static int hand_out(cli_source *source, cli_batch *batch, size_t n) {
    cli_range_release(&batch->range);
    batch->text = pl_str_head(pl_buf_str(&batch->buffer), n);
    batch->file = source->name;
    batch->first = source->line;
    batch->items = source->whole;
    source->line += count_lines(batch->text);
    return 1;
}

/* Hands out the whole lines in the batch's buffer and keeps the begin of the next one for the next batch. */
static int hand_out_lines(cli_source *source, cli_batch *batch, size_t n, pl_error *error) {
    pl_buf_clear(&source->rest);
    pl_buf_add(&source->rest, pl_str_skip(pl_buf_str(&batch->buffer), n));
    return source->rest.failed ? pl_fail(error, PL_E_ServiceUnavailable) : hand_out(source, batch, n);
}

/* The batch's buffer begins with this text; there is room for padding behind it. */
static int begin_batch(cli_batch *batch, pl_str text, pl_error *error) {
    pl_buf_clear(&batch->buffer);
    pl_buf_reserve(&batch->buffer, text.n + PL_JSON_PADDING);
    pl_buf_add(&batch->buffer, text);
    return batch->buffer.failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

/* Reads until a whole line or the end is there. */
static int next_lines(cli_source *source, cli_batch *batch, pl_error *error) {
    if (begin_batch(batch, pending(source), error) != 0)
        return -1;
    for (size_t searched = 0;;) {
        pl_str text = pl_buf_str(&batch->buffer);
        size_t n = source->ended ? text.n : whole_lines(pl_str_skip(text, searched));
        if (n)
            return hand_out_lines(source, batch, source->ended ? n : searched + n, error);
        if (source->ended)
            return 0;
        if (text.n > longest_line)
            return pl_failf(error, PL_E_InvalidParameter, "%s:%llu: the line is longer than %zu bytes",
                            source->name, (unsigned long long)source->line, longest_line);
        searched = text.n;
        if (read_some(source, &batch->buffer, error) != 0)
            return -1;
    }
}

static int next_whole(cli_source *source, cli_batch *batch, pl_error *error) {
    pl_str text = pending(source);
    size_t n = text.n > BATCH_BYTES ? whole_lines(pl_str_head(text, BATCH_BYTES)) : text.n;
    if (n == 0 && text.n)
        n = pl_str_find_char(text, '\n') + 1;
    if (n == 0)
        return 0;
    source->rest_from += n;
    return begin_batch(batch, pl_str_head(text, n), error) == 0 ? hand_out(source, batch, n) : -1;
}

/* The next range of a shared file, which the batch's holder reads. */
static int next_range(cli_source *source, cli_batch *batch) {
    cli_shared_file *file = source->shared;
    uint64_t from = source->claimed, left = file->size - from;
    if (left == 0)
        return 0;
    source->claimed += left < BATCH_BYTES ? left : BATCH_BYTES;
    cli_range_hold(&batch->range, file, from, source->claimed);
    batch->text = PL_STR("");
    batch->file = source->name;
    batch->first = 1;
    batch->items = false;
    return 1;
}

int cli_batch_read(cli_batch *batch, pl_error *error) {
    return batch->range.file
               ? cli_range_read(&batch->range, &batch->buffer, longest_line, &batch->text, error)
               : 0;
}

uint64_t cli_batch_lines_before(const cli_batch *batch) {
    return batch->range.file ? cli_range_lines_before(&batch->range) : 0;
}

static int read_all(cli_source *source, pl_error *error) {
    while (!source->ended)
        if (read_some(source, &source->rest, error) != 0)
            return -1;
    return 0;
}

static void add_line(pl_buf *lines, pl_json item) {
    pl_json_write(lines, item);
    pl_buf_add_char(lines, '\n');
}

static void add_items(pl_buf *lines, pl_json items) {
    pl_str key;
    pl_json item;
    for (pl_json_walk walk = pl_json_children(items); pl_json_step(&walk, &key, &item);)
        add_line(lines, item);
}

/* The parsed file's items as lines, by what kind of document it is. */
static int rewrite(cli_source *source, pl_json root, pl_buf *lines, pl_error *error) {
    if (source->format == CLI_FORMAT_DOCUMENTS) {
        add_line(lines, root);
        return 0;
    }
    pl_json items = pl_json_is_array(root) ? root : pl_json_get(root, PL_STR("configurationItems"));
    if (!pl_json_exists(items))
        items = pl_json_get(root, PL_STR("ConfigurationItems"));
    if (source->format != CLI_FORMAT_TERRAFORM && pl_json_is_array(items)) {
        add_items(lines, items);
        return 0;
    }
    if (source->format == CLI_FORMAT_TERRAFORM ||
        (source->format == CLI_FORMAT_AUTO && terraform_recognises(root)))
        return terraform_items(source->catalogue, root, lines, error);
    if (source->format == CLI_FORMAT_AUTO && pl_json_is_object(root)) {
        add_line(lines, root);
        return 0;
    }
    return pl_failf(error, PL_E_InvalidParameter, "$: no member configurationItems");
}

static int parse_file(const cli_source *source, pl_json_parser *parser, pl_json *root, pl_error *error) {
    if (!parser)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (pl_json_parse_padded(parser, pending(source), root, error) == 0)
        return 0;
    return cli_file_blame(source->name, pending(source), error);
}

static int rewrite_named(cli_source *source, pl_json root, pl_buf *lines, pl_error *error) {
    if (rewrite(source, root, lines, error) == 0)
        return lines->failed ? pl_failf(error, PL_E_ServiceUnavailable, "%s: the items do not fit in memory",
                                        source->name)
                             : 0;
    char message[sizeof error->message];
    memcpy(message, error->message, sizeof message);
    return pl_failf(error, PL_E_InvalidParameter, "%s: %.900s", source->name, message);
}

static int rewrite_file(cli_source *source, pl_error *error) {
    pl_buf lines;
    pl_json root;
    pl_buf_init(&lines, largest_file);
    pl_json_parser *parser = pl_json_parser_new(largest_file);
    int result = parse_file(source, parser, &root, error);
    if (result == 0)
        result = rewrite_named(source, root, &lines, error);
    pl_json_parser_free(parser);
    if (result != 0) {
        pl_buf_free(&lines);
        return -1;
    }
    pl_buf_free(&source->rest);
    source->rest = lines;
    source->rest_from = 0;
    source->whole = true;
    return 0;
}

/* What is behind empty lines at the begin of the open file. */
static pl_str first_content(const cli_source *source) {
    pl_str text = pending(source);
    while (text.n && memchr(" \t\r\n", text.p[0], 4))
        text = pl_str_skip(text, 1);
    return text;
}

static bool is_item(pl_json root) {
    return pl_json_is_object(root) && (pl_json_exists(pl_json_get(root, PL_STR("resourceType"))) ||
                                       pl_json_exists(pl_json_get(root, PL_STR("ResourceType"))));
}

/* Does the file look like one item (or, where that is wanted, document) a line? Looks at the first line only.
 */
static bool begins_with_line(const cli_source *source, pl_str text) {
    pl_str line = pl_str_trim(pl_str_head(text, pl_str_find_char(text, '\n')));
    pl_arena arena;
    pl_json root;
    pl_error ignored;
    pl_arena_init(&arena, 0);
    bool fits = line.n && pl_json_parse_in(&arena, line, &root, &ignored) == 0 &&
                (source->format == CLI_FORMAT_DOCUMENTS || is_item(root));
    pl_arena_free(&arena);
    return fits;
}

/* Drops the byte order mark; it counts as never read, which a shared file's first range reads again. */
static int skip_byte_order_mark(cli_source *source, pl_error *error) {
    while (!source->ended && source->rest.n < cli_byte_order_mark.n)
        if (read_some(source, &source->rest, error) != 0)
            return -1;
    if (!pl_str_starts(pending(source), cli_byte_order_mark))
        return 0;
    source->rest.n -= cli_byte_order_mark.n;
    memmove(source->rest.p, source->rest.p + cli_byte_order_mark.n, source->rest.n);
    atomic_fetch_sub_explicit(&source->read, cli_byte_order_mark.n, memory_order_relaxed);
    return 0;
}

/* No document at all: whoever was to write it most likely failed. */
static int refuse_empty(const cli_source *source, pl_error *error) {
    return pl_failf(error, PL_E_InvalidParameter, "%s: empty: only jsonl, where it is named, may be",
                    source->name);
}

/* After opening: decides between lines and a whole file. */
static int begin_file(cli_source *source, pl_error *error) {
    if (skip_byte_order_mark(source, error) != 0)
        return -1;
    if (source->format == CLI_FORMAT_LINES)
        return 0;
    while (!source->ended && whole_lines(first_content(source)) == 0 && pending(source).n < longest_line)
        if (read_some(source, &source->rest, error) != 0)
            return -1;
    if (first_content(source).n == 0 && source->ended)
        return source->format == CLI_FORMAT_DOCUMENTS ? 0 : refuse_empty(source, error);
    if ((source->format == CLI_FORMAT_AUTO || source->format == CLI_FORMAT_DOCUMENTS) &&
        begins_with_line(source, first_content(source)))
        return 0;
    return read_all(source, error) != 0 || rewrite_file(source, error) != 0 ? -1 : 0;
}

/* A large file of lines is shared, when that is wanted. */
static int share_file(cli_source *source, pl_error *error) {
    struct stat status;
    if (!source->shares || source->whole || source->fd == STDIN_FILENO || fstat(source->fd, &status) != 0 ||
        !S_ISREG(status.st_mode) || status.st_size < SHARED_BYTES)
        return 0;
    atomic_fetch_sub_explicit(&source->read, pending(source).n, memory_order_relaxed); /* is read again */
    source->shared = cli_shared_file_new(source->fd, source->name, (uint64_t)status.st_size, &source->read);
    source->claimed = 0;
    return source->shared ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int next_of_file(cli_source *source, cli_batch *batch, pl_error *error) {
    if (source->shared)
        return next_range(source, batch);
    return source->whole ? next_whole(source, batch, error) : next_lines(source, batch, error);
}

int cli_source_next(cli_source *source, cli_batch *batch, pl_error *error) {
    for (;;) {
        if (source->fd < 0) {
            if (source->next == source->count)
                return 0;
            if (open_next(source, error) != 0 || begin_file(source, error) != 0 ||
                share_file(source, error) != 0)
                return -1;
        }
        int result = next_of_file(source, batch, error);
        if (result != 0)
            return result;
        close_file(source);
    }
}
