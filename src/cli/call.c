/*
 * `plumbline call`: one API operation from the command line.
 *
 * Exit status: 0, 1 when the API answers with an error, 2 for usage errors and when no server answers.
 */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/program.h"

#include "api/tables/products.gen.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DONE = 0, REFUSED = 1, USAGE = 2, MAX_PARAMETERS = 256, COLUMNS = 8, WIDTH = 48 };

static const char help[] =
    "usage: plumbline call ACTION [--NAME VALUE]... [OPTION]...\n"
    "\n"
    "Calls an operation of any product with its own parameter names.\n"
    "\n"
    "options\n"
    "  --product P            when several products have the operation (Config, ResourceManager, Ram, Sts, "
    "...)\n"
    "  --version V            API version (default: the newest that has the operation)\n"
    "  --endpoint URL         server (default: credentials.json of the data directory)\n"
    "  --data DIR             data directory (default: PLUMBLINE_DATA or ./plumbline-data)\n"
    "  --format json|table    (default: table on a terminal, else json)\n"
    "\n"
    "example\n"
    "  plumbline call ListConfigRules --PageSize 5\n"
    "  plumbline call GetConfigRule --ConfigRuleId cr-0123456789abcdef0123\n";

typedef struct request {
    pl_str action, product, version;
    const char *endpoint, *data;
    cli_parameter parameters[MAX_PARAMETERS];
    size_t count;
    bool table;
} request;

static int usage(const char *what, const char *value) {
    fprintf(stderr, "plumbline call: %s %s\nTry `plumbline call --help`.\n", what, value);
    return USAGE;
}

/* True when `name` was one of the options; everything else is a parameter of the operation. */
static bool take_option(request *r, const char *name, const char *value) {
    if (strcmp(name, "product") == 0)
        r->product = pl_str_from(value);
    else if (strcmp(name, "version") == 0)
        r->version = pl_str_from(value);
    else if (strcmp(name, "endpoint") == 0)
        r->endpoint = value;
    else if (strcmp(name, "data") == 0)
        r->data = value;
    else if (strcmp(name, "format") == 0)
        r->table = strcmp(value, "table") == 0;
    else
        return false;
    return true;
}

static int parse(request *r, int argc, char **argv) {
    r->action = pl_str_from(argv[1]);
    for (int i = 2; i < argc; i += 2) {
        if (strncmp(argv[i], "--", 2) != 0)
            return usage("unexpected", argv[i]);
        if (i + 1 == argc)
            return usage("no value for", argv[i]);
        if (strcmp(argv[i], "--format") == 0 && strcmp(argv[i + 1], "json") != 0 &&
            strcmp(argv[i + 1], "table") != 0)
            return usage("no such format:", argv[i + 1]);
        if (take_option(r, argv[i] + 2, argv[i + 1]))
            continue;
        if (r->count == MAX_PARAMETERS)
            return usage("more parameters than", "256");
        r->parameters[r->count++] = (cli_parameter){pl_str_from(argv[i] + 2), pl_str_from(argv[i + 1])};
    }
    return 0;
}

static bool has_operation(const struct api_product *product, pl_str action) {
    for (size_t i = 0; i < product->operation_count; i++)
        if (pl_str_eq(product->operations[i].name, action))
            return true;
    return false;
}

/* The newest version that has the operation, in the product named or in any. */
static bool find_version(request *r) {
    const struct api_product *best = NULL;
    for (size_t i = 0; i < api_product_count; i++) {
        const struct api_product *product = api_products[i];
        bool fits = (!r->product.n || pl_str_eq_fold(product->name, r->product)) &&
                    (!r->version.n || pl_str_eq(product->version, r->version));
        if (fits && has_operation(product, r->action) &&
            (!best || pl_str_cmp(product->version, best->version) > 0))
            best = product;
    }
    if (best)
        r->version = best->version;
    return best != NULL;
}

/* --- tables -----------------------------------------------------------------------------------------------
 */

/* The first list of objects anywhere below, by breadth of the usual answers. */
static pl_json find_list(pl_json node, int depth) {
    pl_str key;
    pl_json value;
    if (pl_json_is_array(node) && pl_json_is_object(pl_json_at(node, 0)))
        return node;
    for (pl_json_walk w = pl_json_children(node);
         depth && pl_json_is_object(node) && pl_json_step(&w, &key, &value);) {
        pl_json found = find_list(value, depth - 1);
        if (pl_json_exists(found))
            return found;
    }
    return PL_JSON_NONE;
}

static void print_cell(pl_json value) {
    pl_buf text;
    pl_buf_init(&text, 1 << 24);
    pl_json_write_text(&text, value);
    pl_str shown = pl_str_head(pl_buf_str(&text), WIDTH);
    printf("%-*.*s ", 28, PL_FMT(shown));
    pl_buf_free(&text);
}

static size_t columns_of(pl_json list, pl_str *names) {
    size_t count = 0;
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(pl_json_at(list, 0));
         count < COLUMNS && pl_json_step(&w, &key, &value);)
        if (!pl_json_is_object(value) && !pl_json_is_array(value))
            names[count++] = key;
    return count;
}

static void print_table(pl_json list) {
    pl_str names[COLUMNS], key;
    pl_json row;
    size_t count = columns_of(list, names);
    for (size_t i = 0; i < count; i++)
        printf("%-*.*s ", 28, PL_FMT(names[i]));
    putchar('\n');
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &row); putchar('\n'))
        for (size_t i = 0; i < count; i++)
            print_cell(pl_json_get(row, names[i]));
}

static void print_members(pl_json node, int indent) {
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value);) {
        printf("%*s%-*.*s ", indent, "", 28, PL_FMT(key));
        if (pl_json_is_object(value)) {
            putchar('\n');
            print_members(value, indent + 2);
        } else {
            print_cell(value);
            putchar('\n');
        }
    }
}

static void print_answer(const request *r, pl_json answer) {
    pl_json list = find_list(answer, 3);
    if (r->table && pl_json_exists(list)) {
        print_table(list);
    } else if (r->table) {
        print_members(answer, 0);
    } else {
        pl_buf text;
        pl_buf_init(&text, (size_t)1 << 30);
        pl_json_write(&text, answer);
        printf("%.*s\n", PL_FMT(pl_buf_str(&text)));
        pl_buf_free(&text);
    }
}

static int run(const request *r) {
    cli_client *client;
    pl_arena arena;
    pl_error error;
    pl_json answer;
    int status = DONE;
    if (cli_client_open(&client, r->endpoint, program_data_directory(r->data), &error) != 0)
        return usage("", error.message);
    pl_arena_init(&arena, 0);
    if (cli_client_call(client, &arena, r->action, r->version, r->parameters, r->count, &answer, &error) ==
        0) {
        print_answer(r, answer);
    } else {
        bool answered = error.http_status >= 400 && error.http_status < 600 &&
                        strcmp(error.code, "ServiceUnavailable") != 0;
        fprintf(stderr, "plumbline call: %s: %s\n", error.code, error.message);
        status = answered ? REFUSED : USAGE;
    }
    pl_arena_free(&arena);
    cli_client_close(client);
    return status;
}

int cli_call(int argc, char **argv) {
    request r = {.table = isatty(STDOUT_FILENO) == 1};
    if (argc < 2)
        return usage("no", "operation");
    if (strcmp(argv[1], "--help") == 0)
        return fputs(help, stdout) < 0 ? USAGE : DONE;
    int status = parse(&r, argc, argv);
    if (status)
        return status;
    if (!find_version(&r))
        return usage("no such operation:", argv[1]);
    return run(&r);
}
