/*
 * Configuration items from files, for import and check: whatever the format, the reader hands out batches of
 * lines, one item as JSON object a line.
 *
 * JSON Lines pass through untouched. Snapshot and change files (reference/delivery.md, section 3), a JSON
 * array of items, and Terraform state and plan files are read whole and rewritten as lines. A byte order mark
 * before the text of a file is passed over. A file with nothing in it is an error, but for CLI_FORMAT_LINES,
 * where it is a list without items, and CLI_FORMAT_DOCUMENTS. One thread at a time may call cli_source_next;
 * batches may be read (cli_batch_read) and worked on by others.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "base/buf.h"
#include "base/error.h"
#include "cli/source_range.h"

struct catalogue;

typedef enum cli_source_format {
    CLI_FORMAT_AUTO,
    CLI_FORMAT_SNAPSHOT,
    CLI_FORMAT_LINES,
    CLI_FORMAT_TERRAFORM,
    CLI_FORMAT_DOCUMENTS /* any JSON: one document a line, or one that takes all lines; no word says it */
} cli_source_format;

/* Some lines of one file. The buffer belongs to the batch and is reused by the next call. */
typedef struct cli_batch {
    pl_buf buffer;
    pl_str text;      /* whole lines; PL_JSON_PADDING readable bytes follow */
    const char *file; /* name for messages; lives as long as the source */
    uint64_t first;   /* number of the first line, or of the first item, from 1 */
    bool items;       /* `first` counts items: the file is not made of lines */
    cli_range range;  /* of a shared source: what cli_batch_read reads; `first` counts from its begin */
} cli_batch;

typedef struct cli_source cli_source;

/* "auto", "snapshot", "jsonl", "terraform"; false on another word. */
bool cli_source_format_parse(const char *word, cli_source_format *format);

/*
 * Opens a list of files ("-" is standard input); `files` must outlive the source. The catalogue translates
 * Terraform resources. Files are opened one after the other by cli_source_next.
 */
int cli_source_open(cli_source **out, char *const *files, size_t count, cli_source_format format,
                    const struct catalogue *catalogue, pl_error *error);
void cli_source_close(cli_source *source);

/*
 * From now on large files of lines are handed out as ranges, in order: whoever has the batch reads it. Their
 * lines are numbered within the batch only. To be called before cli_source_next.
 */
void cli_source_share(cli_source *source);

/*
 * 1: the batch holds at least one line, or a range to be read; 0: the end; -1: error with the file and place
 * in its message.
 */
int cli_source_next(cli_source *source, cli_batch *batch, pl_error *error);

/* Reads what a shared source left to be read, perhaps no line; else does nothing. Errors as cli_source_next.
 */
int cli_batch_read(cli_batch *batch, pl_error *error);

/* What has to be added to numbers that count from `first`; reads all of the file that is before the batch. */
uint64_t cli_batch_lines_before(const cli_batch *batch);

/*
 * Bytes of all regular files (0 when one is not) and bytes read so far, for the progress bar; any thread may
 * ask.
 */
uint64_t cli_source_size(const cli_source *source);
uint64_t cli_source_read(const cli_source *source);

/* An empty batch, and its end; it may be filled any number of times between. */
void cli_batch_init(cli_batch *batch);
void cli_batch_free(cli_batch *batch);

#endif
