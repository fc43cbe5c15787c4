/*
 * `plumbline policy`: decisions about policies without a server, and what-if questions to one.
 *
 * Exit status: 0 allowed, all cases passed, nothing found or changed; 1 denied, a case failed, something
 * found or changed; 2 usage or input errors.
 */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/usage.h"
#include "cli/what_if.h"

#include "api/tables/products.gen.h"
#include "policy/cases.h"
#include "policy/lint.h"
#include "json/parser.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { GOOD = 0, BAD = 1, USAGE = 2, MAX_FILES = 64, MAX_LEVELS = 32, MAX_SERVICES = 16, MAX_ACTIONS = 512 };
static const size_t largest_file = (size_t)64 << 20;

static const char help[] =
    "usage: plumbline policy decide --action ACTION --resource ARN [OPTION]...\n"
    "       plumbline policy test FILE\n"
    "       plumbline policy lint [--kind identity|control|session|trust] FILE...|-\n"
    "       plumbline policy what-if --attach FILE|ID --target ID [OPTION]...\n"
    "       plumbline policy what-if --detach ID --target ID [OPTION]...\n"
    "\n"
    "decide: may the principal do the action on the resource?\n"
    "  --identity FILE        policy document (or a list of them) of the principal; may be repeated\n"
    "  --session FILE         session policy, of a role\n"
    "  --control FILE         control policies of one level: the first is the root folder, then down to the\n"
    "                         account; each file holds a document or a list of them\n"
    "  --principal ARN        acs:ram::ACCOUNT:user/NAME, :role/NAME or :root (default: a user, with "
    "--session\n"
    "                         a role); acs:PrincipalARN of the context, unless that has its own\n"
    "  --account-role member|management|standalone (default: member when --control is given)\n"
    "  --context JSON         condition keys, as {\"acs:SourceIp\":\"203.0.113.7\"}\n"
    "  --format text|json     (default: text)\n"
    "test: runs decision cases (tests/policy/cases.json shows their form)\n"
    "lint: unknown actions, impossible conditions, shadowed statements, over-broad grants, empty matches\n"
    "what-if: which calls that a running server has seen would be decided otherwise if a control policy "
    "were\n"
    "  attached or detached? Nothing is changed; 1 when a call would change\n"
    "  --attach FILE|ID       a document, or a policy of the directory (cp-...)\n"
    "  --detach ID            a policy that lies on the target\n"
    "  --target ID            folder or member account\n"
    "  --days N               calls of the last N days, 1 to 90 (default: 30)\n"
    "  --endpoint URL         server (default: of credentials.json, else http://127.0.0.1:7586)\n"
    "  --data DIR             directory of credentials.json (default: PLUMBLINE_DATA or ./plumbline-data)\n"
    "  --format table|json    (default: table on a terminal, else json)\n"
    "\n"
    "example\n"
    "  plumbline policy decide --identity admin.json --control guardrail.json \\\n"
    "      --action config:DeleteConfigRules --resource 'acs:config:*:100000000000001:rule/*'\n";

static int usage(const char *what, const char *value) {
    fprintf(stderr, "plumbline policy: %s %s\nTry `plumbline policy --help`.\n", what, value);
    return USAGE;
}

static int fail(const char *file, const pl_error *error) {
    fprintf(stderr, "plumbline policy: %s%s%s\n", file ? file : "", file ? ": " : "", error->message);
    return USAGE;
}

/* Errors name the file. */
static int read_json(pl_arena *arena, const char *file, pl_json *root, pl_error *error) {
    pl_str text;
    if (cli_file_read(arena, file, largest_file, &text, error) != 0)
        return -1;
    return pl_json_parse_in(arena, text, root, error) == 0 ? 0 : cli_file_blame(file, text, error);
}

/* --- test -------------------------------------------------------------------------------------------------
 */

typedef struct tally {
    size_t passed, failed;
} tally;

static void report_case(void *context, const pl_case_result *result) {
    tally *t = context;
    t->passed += result->passed;
    t->failed += !result->passed;
    if (!result->passed)
        printf("FAIL %.*s: %.*s expected, %.*s decided by %.*s\n", PL_FMT(result->id),
               PL_FMT(pl_ruling_name(result->expected)), PL_FMT(pl_ruling_name(result->decision->verdict)),
               PL_FMT(pl_decider_name(result->decision->decided_by)));
}

static int test(int argc, char **argv) {
    pl_arena arena;
    pl_error error;
    pl_json root;
    tally t = {0};
    if (argc != 2)
        return usage("test takes one file of", "cases");
    pl_arena_init(&arena, 0);
    int status = GOOD;
    if (read_json(&arena, argv[1], &root, &error) != 0)
        status = fail(NULL, &error);
    else if (pl_cases_run(root, report_case, &t, &error) != 0)
        status = fail(argv[1], &error);
    else
        printf("%zu passed, %zu failed\n", t.passed, t.failed);
    pl_arena_free(&arena);
    return status ? status : (t.failed ? BAD : GOOD);
}

/* --- lint -------------------------------------------------------------------------------------------------
 */

static bool same_code(pl_str action, pl_str code) {
    return action.n > code.n && action.p[code.n] == ':' && pl_str_starts(action, code);
}

typedef struct known_actions {
    pl_lint_service services[MAX_SERVICES];
    pl_str names[MAX_SERVICES][MAX_ACTIONS];
    size_t count;
} known_actions;

static void add_action(known_actions *known, pl_str action) {
    size_t colon = pl_str_find_char(action, ':'), at = 0;
    if (!action.n || colon == PL_NOT_FOUND)
        return;
    while (at < known->count && !same_code(action, known->services[at].code))
        at++;
    if (at == MAX_SERVICES)
        return;
    if (at == known->count)
        known->services[known->count++] = (pl_lint_service){pl_str_head(action, colon), known->names[at], 0};
    if (known->services[at].action_count < MAX_ACTIONS)
        known->names[at][known->services[at].action_count++] = pl_str_skip(action, colon + 1);
}

/*
 * Published actions of RAM and STS that no operation here asks for: policies name them all the same
 * (reference/policy-language.md, sections 3.3 and 6.5).
 */
static const char *const elsewhere[] = {"ram:BindMFADevice",          "ram:CreateVirtualMFADevice",
                                        "ram:DeleteVirtualMFADevice", "ram:DisableVirtualMFA",
                                        "ram:GetUserMFAInfo",         "ram:PassRole",
                                        "ram:ListVirtualMFADevices",  "sts:AssumeRoleWithOIDC",
                                        "sts:AssumeRoleWithSAML",     "sts:GetCallerIdentity"};

/* The RAM actions of the operation tables, by service. */
static known_actions *known_services(pl_arena *arena) {
    known_actions *known = pl_new(arena, known_actions, 1);
    for (size_t p = 0; known && p < api_product_count; p++)
        for (size_t i = 0; i < api_products[p]->operation_count; i++)
            add_action(known, api_products[p]->operations[i].ram_action);
    for (size_t i = 0; known && i < sizeof elsewhere / sizeof *elsewhere; i++)
        add_action(known, pl_str_from(elsewhere[i]));
    return known;
}

static bool parse_kind(const char *word, pl_policy_kind *kind) {
    static const char *const words[] = {"identity", "control", "session", "trust"};
    static const pl_policy_kind kinds[] = {PL_POLICY_IDENTITY, PL_POLICY_CONTROL, PL_POLICY_SESSION,
                                           PL_POLICY_TRUST};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            *kind = kinds[i];
            return true;
        }
    }
    return false;
}

/* A document that is wrong is a finding of its own, with its place. */
static int lint_file(pl_arena *arena, const char *file, pl_policy_kind kind, const known_actions *known,
                     size_t *found, pl_error *error) {
    pl_str text;
    const pl_policy *policy;
    const pl_lint_finding *findings;
    size_t count, line, column;
    if (cli_file_read(arena, file, largest_file, &text, error) != 0)
        return -1;
    if (pl_policy_parse(arena, kind, text, &policy, error) != 0) {
        pl_text_position(text, error->position, &line, &column);
        printf("%s:%zu:%zu: error: %s\n", file, line, column, error->message);
        ++*found;
        return 0;
    }
    if (pl_policy_lint(arena, policy, known->services, known->count, &findings, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        printf("%s:%zu:%zu: %.*s: %.*s (%.*s)\n", file, findings[i].line, findings[i].column,
               PL_FMT(pl_lint_rule_name(findings[i].rule)), PL_FMT(findings[i].message),
               PL_FMT(findings[i].path));
    *found += count;
    return 0;
}

static int lint(int argc, char **argv) {
    static const struct option options[] = {{"kind", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
    pl_policy_kind kind = PL_POLICY_IDENTITY;
    pl_arena arena;
    pl_error error;
    int option, status = GOOD;
    size_t found = 0;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, options, NULL)) != -1)
        if (option != 'k')
            return usage(cli_option_fault(option, argv[optind - 1]), argv[optind - 1]);
        else if (!parse_kind(optarg, &kind))
            return usage("lint: no such kind:", optarg);
    if (optind == argc)
        return usage("lint: no", "file");
    pl_arena_init(&arena, 0);
    const known_actions *known = known_services(&arena);
    for (int i = optind; i < argc && status == GOOD; i++)
        if (!known || lint_file(&arena, argv[i], kind, known, &found, &error) != 0)
            status = known ? fail(NULL, &error) : usage("lint: out of", "memory");
    pl_arena_free(&arena);
    return status ? status : (found ? BAD : GOOD);
}

/* --- decide -----------------------------------------------------------------------------------------------
 */

typedef struct question {
    const char *action, *resource, *principal, *account_role, *context, *session;
    const char *identity[MAX_FILES], *control[MAX_LEVELS];
    size_t identity_count, control_count;
    bool json;
} question;

/* Everything a decision refers to. */
typedef struct inquiry {
    pl_arena arena;
    pl_policy_set *identity, *session, *control[MAX_LEVELS];
    pl_control_level levels[MAX_LEVELS];
    pl_authority authority;
    pl_request request;
    pl_decision decision;
} inquiry;

static const struct option decide_options[] = {
    {"action", required_argument, NULL, 'a'},       {"resource", required_argument, NULL, 'r'},
    {"identity", required_argument, NULL, 'i'},     {"session", required_argument, NULL, 's'},
    {"control", required_argument, NULL, 'c'},      {"principal", required_argument, NULL, 'p'},
    {"account-role", required_argument, NULL, 'R'}, {"context", required_argument, NULL, 'x'},
    {"format", required_argument, NULL, 'f'},       {NULL, 0, NULL, 0}};

static bool take_option(question *q, int option) {
    switch (option) {
    case 'a': q->action = optarg; return true;
    case 'r': q->resource = optarg; return true;
    case 's': q->session = optarg; return true;
    case 'p': q->principal = optarg; return true;
    case 'R': q->account_role = optarg; return true;
    case 'x': q->context = optarg; return true;
    case 'i': return q->identity_count < MAX_FILES && (q->identity[q->identity_count++] = optarg) != NULL;
    case 'c': return q->control_count < MAX_LEVELS && (q->control[q->control_count++] = optarg) != NULL;
    case 'f': q->json = strcmp(optarg, "json") == 0; return q->json || strcmp(optarg, "text") == 0;
    default: return false;
    }
}

static int load_set(inquiry *q, const char *file, pl_policy_kind kind, pl_policy_set **set, pl_error *error) {
    pl_json root;
    if (read_json(&q->arena, file, &root, error) == 0 &&
        pl_policy_set_from_json(&q->arena, root, kind, set, error) == 0)
        return 0;
    return pl_failf(error, PL_E_InvalidParameter, "%s: %.900s", file, error->message);
}

/* Several --identity files are one set: their documents are put into one list. */
static int load_identity(inquiry *q, const question *asked, pl_error *error) {
    pl_buf list;
    pl_json root, joined;
    int result = 0;
    pl_buf_init(&list, largest_file);
    pl_buf_add_char(&list, '[');
    for (size_t i = 0; i < asked->identity_count && result == 0; i++) {
        result = read_json(&q->arena, asked->identity[i], &root, error);
        if (result != 0)
            break;
        bool many = pl_json_is_array(root);
        for (size_t n = 0; n < (many ? pl_json_count(root) : 1); n++) {
            pl_buf_add(&list, list.n > 1 ? PL_STR(",") : PL_STR(""));
            pl_json_write(&list, many ? pl_json_at(root, n) : root);
        }
    }
    pl_buf_add_char(&list, ']');
    if (result == 0)
        result = pl_json_parse_in(&q->arena, pl_buf_str(&list), &joined, error);
    if (result == 0)
        result = pl_policy_set_from_json(&q->arena, joined, PL_POLICY_IDENTITY, &q->identity, error);
    pl_buf_free(&list);
    return result;
}

static int load_levels(inquiry *q, const question *asked, pl_error *error) {
    for (size_t i = 0; i < asked->control_count; i++) {
        if (load_set(q, asked->control[i], PL_POLICY_CONTROL, &q->control[i], error) != 0)
            return -1;
        q->levels[i] = (pl_control_level){pl_str_from(asked->control[i]), q->control[i]};
    }
    q->authority.control = q->levels;
    q->authority.control_count = asked->control_count;
    return 0;
}

/* Policies that could not bind this principal are a mistake of who asks. */
static int check_bounds(const pl_request_principal *who, const question *asked, pl_error *error) {
    if (asked->session && who->kind != PL_CALLER_ROLE)
        return pl_failf(error, PL_E_InvalidParameter, "--session: only a role as --principal has sessions");
    if (asked->control_count && who->account_role == PL_ACCOUNT_STANDALONE)
        return pl_failf(error, PL_E_InvalidParameter,
                        "--control: an account in no directory has no control policies");
    return 0;
}

static int fill_principal(inquiry *q, const question *asked, pl_error *error) {
    pl_request_principal *who = &q->request.principal;
    const char *someone =
        asked->session ? "acs:ram::100000000000001:role/someone" : "acs:ram::100000000000001:user/someone";
    who->arn = pl_principal_of_session(pl_str_from(asked->principal ? asked->principal : someone));
    pl_str rest = who->arn, part;
    for (int i = 0; i < 4 && pl_str_split(&rest, ':', &part); i++)
        who->account_id = part;
    if (!pl_str_starts(who->arn, PL_STR("acs:ram::")) || !rest.p)
        return pl_failf(error, PL_E_InvalidParameter, "--principal %s: not acs:ram::ACCOUNT:user/NAME",
                        asked->principal);
    bool role = pl_str_starts(rest, PL_STR("role/"));
    who->kind = pl_str_is(rest, "root") ? PL_CALLER_ROOT : (role ? PL_CALLER_ROLE : PL_CALLER_USER);
    const char *word =
        asked->account_role ? asked->account_role : (asked->control_count ? "member" : "standalone");
    if (strcmp(word, "member") == 0)
        who->account_role = PL_ACCOUNT_MEMBER;
    else if (strcmp(word, "management") == 0)
        who->account_role = PL_ACCOUNT_MANAGEMENT;
    else if (strcmp(word, "standalone") == 0)
        who->account_role = PL_ACCOUNT_STANDALONE;
    else
        return pl_failf(error, PL_E_InvalidParameter,
                        "--account-role %s: not member, management or standalone", word);
    return check_bounds(who, asked, error);
}

/* What the server would know of the principal is known here too. */
static int fill_context(inquiry *q, const question *asked, pl_error *error) {
    pl_json context;
    pl_request *request = &q->request;
    if (asked->context && pl_json_parse_in(&q->arena, pl_str_from(asked->context), &context, error) != 0)
        return cli_file_blame("--context", pl_str_from(asked->context), error);
    if (asked->context &&
        pl_context_from_json(&q->arena, context, &request->context, &request->context_count, error) != 0)
        return -1;
    return pl_context_add(&q->arena, &request->context, &request->context_count, PL_STR("acs:PrincipalARN"),
                          request->principal.arn, error);
}

static int prepare(inquiry *q, const question *asked, pl_error *error) {
    q->request.action = pl_str_from(asked->action);
    q->request.resource = pl_str_from(asked->resource);
    if (fill_principal(q, asked, error) != 0 || fill_context(q, asked, error) != 0 ||
        load_identity(q, asked, error) != 0 || load_levels(q, asked, error) != 0)
        return -1;
    if (asked->session && load_set(q, asked->session, PL_POLICY_SESSION, &q->session, error) != 0)
        return -1;
    q->authority.identity = q->identity;
    q->authority.session = q->session;
    return 0;
}

static pl_str level_of(const inquiry *q, const pl_matched_statement *matched) {
    return matched->step == PL_BY_CONTROL_POLICY ? q->levels[matched->level].id : PL_STR("");
}

static void print_text(const inquiry *q) {
    const pl_decision *d = &q->decision;
    printf("%.*s, decided by %.*s%s%.*s\n", PL_FMT(pl_ruling_name(d->verdict)),
           PL_FMT(pl_decider_name(d->decided_by)), d->decided_at.n ? " at " : "", PL_FMT(d->decided_at));
    for (size_t i = 0; i < d->matched_count; i++) {
        const pl_matched_statement *m = &d->matched[i];
        printf("  %s by statement %zu of %.*s (%.*s%s%.*s)\n",
               m->effect == PL_EFFECT_DENY ? "denied" : "allowed", m->statement,
               PL_FMT(pl_policy_set_name(m->set, m->policy)), PL_FMT(pl_decider_name(m->step)),
               level_of(q, m).n ? " at " : "", PL_FMT(level_of(q, m)));
    }
}

static void print_json(const inquiry *q) {
    const pl_decision *d = &q->decision;
    pl_buf out;
    pl_buf_init(&out, 1 << 20);
    pl_buf_printf(&out, "{\"Decision\":\"%.*s\",\"DecidedBy\":\"%.*s\",\"DecidedAt\":",
                  PL_FMT(pl_ruling_name(d->verdict)), PL_FMT(pl_decider_name(d->decided_by)));
    pl_json_write_string(&out, d->decided_at);
    pl_buf_add(&out, PL_STR(",\"MatchedStatements\":["));
    for (size_t i = 0; i < d->matched_count; i++) {
        const pl_matched_statement *m = &d->matched[i];
        pl_buf_printf(&out, "%s{\"Effect\":\"%s\",\"Step\":\"%.*s\",\"Level\":", i ? "," : "",
                      m->effect == PL_EFFECT_DENY ? "Deny" : "Allow", PL_FMT(pl_decider_name(m->step)));
        pl_json_write_string(&out, level_of(q, m));
        pl_buf_add(&out, PL_STR(",\"Policy\":"));
        pl_json_write_string(&out, pl_policy_set_name(m->set, m->policy));
        pl_buf_printf(&out, ",\"Statement\":%zu}", m->statement);
    }
    pl_buf_add(&out, PL_STR("]}\n"));
    fwrite(out.p, 1, out.n, stdout);
    pl_buf_free(&out);
}

static int answer(const question *asked) {
    pl_error error;
    inquiry q = {.identity = NULL};
    pl_arena_init(&q.arena, 0);
    int status = USAGE;
    if (prepare(&q, asked, &error) != 0 ||
        pl_decide_explained(&q.authority, &q.request, &q.decision, &error) != 0) {
        fail(NULL, &error);
    } else {
        asked->json ? print_json(&q) : print_text(&q);
        status = q.decision.verdict == PL_ALLOW ? GOOD : BAD;
    }
    for (size_t i = 0; i < asked->control_count; i++)
        pl_policy_set_release(q.control[i]);
    pl_policy_set_release(q.identity);
    pl_policy_set_release(q.session);
    pl_arena_free(&q.arena);
    return status;
}

static int decide(int argc, char **argv) {
    question q = {.action = NULL};
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, CLI_NO_SHORT_OPTIONS, decide_options, NULL)) != -1)
        if (!take_option(&q, option))
            return strchr("?:", option) ? usage(cli_option_fault(option, argv[optind - 1]), argv[optind - 1])
                                        : usage("decide: wrong value:", optarg);
    if (!q.action || !q.resource)
        return usage("decide needs", "--action and --resource");
    if (optind < argc)
        return usage("decide: unexpected", argv[optind]);
    return answer(&q);
}

int cli_policy(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        fputs(help, argc < 2 ? stderr : stdout);
        return argc < 2 ? USAGE : GOOD;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return GOOD;
        }
    }
    if (strcmp(argv[1], "decide") == 0)
        return decide(argc - 1, argv + 1);
    if (strcmp(argv[1], "test") == 0)
        return test(argc - 1, argv + 1);
    if (strcmp(argv[1], "lint") == 0)
        return lint(argc - 1, argv + 1);
    if (strcmp(argv[1], "what-if") == 0)
        return cli_policy_what_if(argc - 1, argv + 1);
    return usage("no such subcommand:", argv[1]);
}
