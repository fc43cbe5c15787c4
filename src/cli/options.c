/* Reading options from the command line, the environment and a file. The table is the caller's. */
#include "cli/options.h"

#include "cli/file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

static cli_option *find(const cli_options *options, pl_str name) {
    for (size_t i = 0; i < options->count; i++) {
        if (pl_str_eq(pl_str_from(options->items[i].name), name))
            return &options->items[i];
    }
    return NULL;
}

static int set(cli_option *option, const char *value, pl_error *error) {
    bool flag = false;
    option->value = value;
    if (option->kind == CLI_NUMBER && (!pl_str_to_i64(pl_str_from(value), &option->number) ||
                                       option->number < option->least || option->number > option->most))
        return pl_failf(error, PL_E_InvalidParameter, "%s must be a number from %lld to %lld, not \"%s\"",
                        option->name, (long long)option->least, (long long)option->most, value);
    if (option->kind == CLI_FLAG) {
        if (!pl_str_to_bool(pl_str_from(value), &flag))
            return pl_failf(error, PL_E_InvalidParameter, "%s must be true or false, not \"%s\"",
                            option->name, value);
        option->number = flag;
    }
    return 0;
}

static int give(cli_option *option, const char *value, pl_error *error) {
    option->given = true;
    return set(option, value, error);
}

/* One `--name value`, `--name=value` or `--flag`; moves *at past it. */
static int parse_one(cli_options *options, int argc, char **argv, int *at, pl_error *error) {
    pl_str text = pl_str_from(argv[*at]);
    if (!pl_str_starts(text, PL_STR("--")) || text.n == 2)
        return pl_failf(error, PL_E_InvalidParameter, "unexpected argument %s", argv[*at]);
    pl_str name = pl_str_skip(text, 2);
    size_t equals = pl_str_find_char(name, '=');
    cli_option *option = find(options, pl_str_head(name, equals));
    if (!option)
        return pl_failf(error, PL_E_InvalidParameter, "unknown option --%.*s",
                        PL_FMT(pl_str_head(name, equals)));
    ++*at;
    if (equals != PL_NOT_FOUND)
        return give(option, name.p + equals + 1, error);
    if (option->kind == CLI_FLAG)
        return give(option, "true", error);
    if (*at == argc)
        return pl_failf(error, PL_E_InvalidParameter, "--%s needs a value", option->name);
    return give(option, argv[(*at)++], error);
}

static int set_fallbacks(cli_options *options, pl_error *error) {
    for (size_t i = 0; i < options->count; i++) {
        if (options->items[i].fallback && set(&options->items[i], options->items[i].fallback, error) != 0)
            return -1;
    }
    return 0;
}

int cli_options_parse(cli_options *options, int argc, char **argv, pl_error *error) {
    if (set_fallbacks(options, error) != 0)
        return -1;
    for (int at = 1; at < argc;) {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            options->help = true;
            return 0;
        }
        if (parse_one(options, argc, argv, &at, error) != 0)
            return -1;
    }
    return 0;
}

int cli_options_environment(cli_options *options, pl_error *error) {
    for (size_t i = 0; i < options->count; i++) {
        cli_option *option = &options->items[i];
        char name[80];
        int length = snprintf(name, sizeof name, "PLUMBLINE_%s", option->name);
        for (int c = 0; c < length; c++)
            name[c] = (char)(name[c] == '-' ? '_' : toupper((unsigned char)name[c]));
        const char *value = option->given ? NULL : getenv(name);
        if (value && *value && give(option, value, error) != 0)
            return -1;
    }
    return 0;
}

/* A comment starts the line or follows a blank: values such as addresses may hold the sign. */
static pl_str without_comment(pl_str line) {
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
            return pl_str_head(line, i);
    return line;
}

static int take_line(cli_options *options, pl_arena *arena, const char *file, unsigned number, pl_str line,
                     pl_error *error) {
    line = pl_str_trim(without_comment(line));
    if (line.n == 0)
        return 0;
    size_t equals = pl_str_find_char(line, '=');
    pl_str name = pl_str_trim(pl_str_head(line, equals));
    cli_option *option = find(options, name);
    if (equals == PL_NOT_FOUND)
        return pl_failf(error, PL_E_InvalidParameter, "%s:%u: \"%.*s\" is not name = value", file, number,
                        PL_FMT(line));
    if (!option)
        return pl_failf(error, PL_E_InvalidParameter, "%s:%u: no option \"%.*s\"", file, number,
                        PL_FMT(name));
    if (option->given)
        return 0;
    const char *value = pl_arena_cstr(arena, pl_str_trim(pl_str_skip(line, equals + 1)));
    pl_error wrong;
    if (!value)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return give(option, value, &wrong) == 0
               ? 0
               : pl_failf(error, PL_E_InvalidParameter, "%s:%u: %.900s", file, number, wrong.message);
}

int cli_options_file(cli_options *options, pl_arena *arena, const char *file, pl_error *error) {
    pl_str text, line;
    unsigned number = 0;
    if (access(file, F_OK) != 0)
        return 0;
    if (cli_file_read(arena, file, FILE_MAX, &text, error) != 0)
        return -1;
    while (pl_str_split(&text, '\n', &line)) {
        if (take_line(options, arena, file, ++number, line, error) != 0)
            return -1;
    }
    return 0;
}

const cli_option *cli_options_get(const cli_options *options, const char *name) {
    return find(options, pl_str_from(name));
}

void cli_options_print(const cli_options *options) {
    for (size_t i = 0; i < options->count; i++) {
        const cli_option *option = &options->items[i];
        printf("  --%s%s%s\n      %s", option->name, option->argument ? " " : "",
               option->argument ? option->argument : "", option->text);
        if (option->fallback && option->kind != CLI_FLAG)
            printf(" (default: %s)", option->fallback);
        putchar('\n');
    }
}
