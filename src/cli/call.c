/*
 * `plumbline call`: one signed API call.
 *
 * Exit status: 0 when the server carried it out, 1 when it refused, 2 for usage and connection errors.
 */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/table.h"
#include "cli/usage.h"

#include "api/tables/find.h"
#include "api/tables/products.gen.h"
#include "base/encode.h"
#include "json/parser.h"

#include <stdio.h>
#include <unistd.h>

enum { DONE = 0, REFUSED = 1, USAGE = 2, PARAMETERS_MAX = 16 << 20 };

static const char help[] =
    "usage: plumbline call ACTION [--NAME VALUE]... [OPTION]...\n"
    "\n"
    "Calls one operation of a running server and prints its answer. Lists and objects are given as JSON text "
    "or\n"
    "flattened, as in --TagsScope.1.TagKey env.\n"
    "\n"
    "options\n"
    "  --product P            product of the operation, when several have it\n"
    "  --version V            API version (default: the newest that has the operation)\n"
    "  --endpoint URL         server (default: of credentials.json, else http://127.0.0.1:7586)\n"
    "  --data DIR             directory of credentials.json (default: PLUMBLINE_DATA or ./plumbline-data);\n"
    "                         without that file the key comes from ALIBABA_CLOUD_ACCESS_KEY_ID,\n"
    "                         ALIBABA_CLOUD_ACCESS_KEY_SECRET and ALIBABA_CLOUD_SECURITY_TOKEN\n"
    "  --format json|table    form of the answer (default: table on a terminal, else json)\n"
    "A certificate that the machine does not trust is trusted when SSL_CERT_FILE names it.\n"
    "\n"
    "example\n"
    "  plumbline call ListConfigRules --PageSize 20 --format table\n";

typedef struct options {
    const char *action, *product, *version, *endpoint, *data;
    bool table, help;
    const struct api_operation *operation;
    pl_buf parameters; /* urlencoded */
} options;

static int usage(const char *what, const char *value) {
    fprintf(stderr, "plumbline call: %s %s\nTry `plumbline call --help`.\n", what, value);
    return USAGE;
}

/* ---- the operation ---- */

static bool wanted(const options *o, const struct api_product *product) {
    return (!o->product || pl_str_eq_fold(product->name, pl_str_from(o->product))) &&
           (!o->version || pl_str_is(product->version, o->version));
}

/* Operations of all products and versions, one after the other. */
static pl_str operation_at(const void *context, size_t index) {
    const options *o = context;
    for (size_t i = 0; i < api_product_count; i++) {
        const struct api_product *product = api_products[i];
        if (!wanted(o, product))
            continue;
        if (index < product->operation_count)
            return product->operations[index].name;
        index -= product->operation_count;
    }
    return PL_STR("");
}

static int refuse_unknown(const options *o) {
    char near[CLI_SUGGESTION_TEXT];
    size_t count = 0;
    for (size_t i = 0; i < api_product_count; i++)
        count += wanted(o, api_products[i]) ? api_products[i]->operation_count : 0;
    fprintf(stderr, "plumbline call: no operation %s%s\nTry `plumbline call --help`.\n", o->action,
            cli_did_you_mean(near, cli_nearest(pl_str_from(o->action), operation_at, o, count)));
    return USAGE;
}

/* The newest version of the one product that has the operation. */
static int find_operation(options *o) {
    const struct api_operation *found = NULL;
    for (size_t i = 0; i < api_product_count; i++) {
        const struct api_operation *candidate;
        const struct api_product *product = api_products[i];
        if (!wanted(o, product) ||
            api_find(product->name, product->version, pl_str_from(o->action), &candidate) != API_FOUND ||
            !pl_str_eq(candidate->product->version, product->version))
            continue;
        if (found && !pl_str_eq(found->product->name, product->name)) {
            fprintf(stderr, "plumbline call: %s is an operation of %.*s and of %.*s: give --product\n",
                    o->action, PL_FMT(found->product->name), PL_FMT(product->name));
            return USAGE;
        }
        if (!found || pl_str_cmp(found->product->version, product->version) < 0)
            found = candidate;
    }
    o->operation = found;
    return found ? DONE : refuse_unknown(o);
}

/* ---- arguments ---- */

static const char **own_option(options *o, pl_str name) {
    const struct {
        const char *name;
        const char **value;
    } own[] = {
        {"product", &o->product}, {"version", &o->version}, {"endpoint", &o->endpoint}, {"data", &o->data}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (pl_str_is(name, own[i].name))
            return own[i].value;
    }
    return NULL;
}

static int take_format(options *o, const char *value) {
    o->table = strcmp(value, "table") == 0;
    return o->table || strcmp(value, "json") == 0 ? DONE : usage("no such format:", value);
}

static void add_parameter(options *o, pl_str name, const char *value) {
    if (o->parameters.n)
        pl_buf_add_char(&o->parameters, '&');
    pl_percent_encode(&o->parameters, name);
    pl_buf_add_char(&o->parameters, '=');
    pl_percent_encode(&o->parameters, pl_str_from(value));
}

/* Options of our own start with a small letter, parameters of operations with a capital one. */
static int take_option(options *o, pl_str name, const char *value) {
    const char **own = own_option(o, name);
    if (own) {
        *own = value;
        return DONE;
    }
    if (pl_str_is(name, "format"))
        return take_format(o, value);
    if (name.n == 0 || name.p[0] < 'A' || name.p[0] > 'Z')
        return usage("unknown option", name.p - 2);
    add_parameter(o, name, value);
    return o->parameters.failed ? usage("parameters are too large:", o->action) : DONE;
}

/* Takes `--name value` or `--name=value` and moves `*at` to its last word; false when the value is missing.
 */
static bool take_pair(int argc, char **argv, int *at, pl_str *name, const char **value) {
    pl_str text = pl_str_from(argv[*at] + 2);
    size_t equals = pl_str_find_char(text, '=');
    *name = pl_str_head(text, equals);
    if (equals == PL_NOT_FOUND && *at + 1 == argc)
        return false;
    *value = equals == PL_NOT_FOUND ? argv[++*at] : text.p + equals + 1;
    return true;
}

static int parse(options *o, int argc, char **argv) {
    const char *value;
    pl_str name;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            o->help = true;
            return DONE;
        }
        if (strncmp(argv[i], "--", 2) != 0) {
            if (o->action)
                return usage("unexpected argument", argv[i]);
            o->action = argv[i];
            continue;
        }
        if (!take_pair(argc, argv, &i, &name, &value))
            return usage("a value is missing behind", argv[i]);
        int status = take_option(o, name, value);
        if (status != DONE)
            return status;
    }
    return o->action ? find_operation(o) : usage("an operation is missing, such as", "ListConfigRules");
}

static pl_str parameter_at(const void *context, size_t index) {
    return ((const struct api_operation *)context)->parameters[index].name;
}

/* A parameter that the operation does not have is a typing error; the server would ignore it. */
static int check_names(const options *o, int argc, char **argv) {
    const char *value;
    pl_str name;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || !take_pair(argc, argv, &i, &name, &value))
            continue;
        name = pl_str_head(name, pl_str_find_char(name, '.'));
        bool parameter = name.p[0] >= 'A' && name.p[0] <= 'Z';
        if (parameter && !pl_str_is(name, "RegionId") && !api_find_parameter(o->operation, name)) {
            char near[CLI_SUGGESTION_TEXT];
            pl_str nearest = cli_nearest(name, parameter_at, o->operation, o->operation->parameter_count);
            fprintf(stderr, "plumbline call: unknown option --%.*s: %.*s has no such parameter%s\n",
                    PL_FMT(name), PL_FMT(o->operation->name), cli_did_you_mean(near, nearest));
            return USAGE;
        }
    }
    return DONE;
}

/* ---- the call ---- */

static int refuse(pl_json answer, const cli_answer *received) {
    pl_str code = pl_json_str(pl_json_get(answer, PL_STR("Code")));
    pl_str message = pl_json_str(pl_json_get(answer, PL_STR("Message")));
    pl_str id = pl_json_str(pl_json_get(answer, PL_STR("RequestId")));
    fprintf(stderr, "plumbline call: status %d, %.*s: %.*s (request %.*s)\n", received->status, PL_FMT(code),
            PL_FMT(message), PL_FMT(id));
    return REFUSED;
}

static int show(const options *o, pl_json answer, const cli_answer *received) {
    pl_buf out;
    if (!o->table) {
        printf("%.*s\n", PL_FMT(received->body));
        return DONE;
    }
    pl_buf_init(&out, (size_t)256 << 20);
    cli_table_write(&out, answer);
    printf("%.*s", PL_FMT(pl_buf_str(&out)));
    pl_buf_free(&out);
    return DONE;
}

static int perform(options *o, pl_arena *arena, pl_error *error) {
    cli_client *client;
    cli_answer received;
    pl_json answer = PL_JSON_NONE;
    bool post = o->operation->methods & API_POST;
    if (cli_client_open(&client, o->endpoint, program_data_directory(o->data), error) != 0)
        return USAGE;
    cli_request request = cli_request_of(post, pl_str_from(o->action), o->operation->product->version,
                                         pl_buf_str(&o->parameters));
    int result = cli_client_send(client, arena, &request, &received, error);
    cli_client_close(client);
    if (result != 0)
        return USAGE;
    if (pl_json_parse_in(arena, received.body, &answer, error) != 0) {
        pl_failf(error, PL_E_ServiceUnavailable, "the server answered with status %d and no JSON",
                 received.status);
        return USAGE;
    }
    error->message[0] = '\0';
    return received.status < 400 ? show(o, answer, &received) : refuse(answer, &received);
}

int cli_call(int argc, char **argv) {
    options o = {.table = isatty(STDOUT_FILENO) == 1};
    pl_arena arena;
    pl_error error = {0};
    pl_arena_init(&arena, 0);
    pl_buf_init(&o.parameters, PARAMETERS_MAX);
    int status = parse(&o, argc, argv);
    if (o.help) {
        fputs(help, stdout);
    } else if (status == DONE && (status = check_names(&o, argc, argv)) == DONE) {
        status = perform(&o, &arena, &error);
        if (status == USAGE)
            fprintf(stderr, "plumbline call: %s\n", error.message);
    }
    pl_buf_free(&o.parameters);
    pl_arena_free(&arena);
    return status;
}
