/*
 * The rules of one check: gathered from a pack file, a template, managed rules or a condition file, and
 * compiled into one program per resource type as types are met.
 *
 * INVARIANT: no two rules have one name. What is given again, with the same parameters, level and scope, is
 * the same rule; another rule of a name that is taken gets a number behind it.
 *
 * Gathering happens before the threads start; check_rules_program may be called by all of them.
 */
#ifndef CLI_CHECK_RULES_H
#define CLI_CHECK_RULES_H

#include "catalogue/catalogue.h"
#include "condition/program.h"
#include "engine/scope.h"

typedef struct check_rule {
    pl_str name, identifier;
    int risk_level;
    catalogue_list types; /* "*" covers every type */
    pl_program_rule parts;
    const engine_scope *scope, *pack_scope; /* without types; NULL where nothing is restricted */
} check_rule;

/* The program of one resource type; `rules[i]` is what the program's rule i belongs to. */
typedef struct check_program {
    pl_str type;
    pl_program *program;
    const check_rule **rules;
    size_t count;
    bool scoped; /* a rule covers some resources of the type only: ask check_rule_covers */
} check_program;

/* Whether the rule looks at the resource, which is of one of its types: both scopes have to cover it. */
bool check_rule_covers(const check_rule *rule, const engine_scope_subject *subject);

typedef struct check_rules check_rules;

/* The catalogue must outlive the rules. */
int check_rules_new(check_rules **out, const catalogue *known, pl_error *error);
void check_rules_free(check_rules *rules);

/* Adds the rules of a file in the form of TemplateContent (reference/condition-rules.md, section 2.4). */
int check_rules_add_pack(check_rules *rules, const char *file, pl_error *error);

/* Adds every rule of a pack template with the template's parameters. */
int check_rules_add_template(check_rules *rules, const char *template_id, pl_error *error);

/* Adds a managed rule; `parameters` are "key=value" texts. */
int check_rules_add_managed(check_rules *rules, const char *identifier, char *const *parameters, size_t count,
                            pl_error *error);

/* Adds a condition file for one resource type: `Conditions` text or the bare tree. */
int check_rules_add_conditions(check_rules *rules, const char *file, const char *type, pl_error *error);

/* How many rules were added, and rule `index` of them, from 0; it lives as long as the rules. */
size_t check_rules_count(const check_rules *rules);

/* How many were given again and are left out; `*name` is that of the first. */
size_t check_rules_repeated(const check_rules *rules, pl_str *name);
const check_rule *check_rules_at(const check_rules *rules, size_t index);

/* The program of a type, compiled at the first call; NULL with an error when a rule does not compile. */
const check_program *check_rules_program(check_rules *rules, pl_str type, pl_error *error);

/*
 * Compiles every rule once, so that a broken one is told before any document is read, and collects the
 * resource types that RELATED sources name. Returns their number, PL_NOT_FOUND with an error when a rule is
 * broken.
 */
size_t check_rules_related(check_rules *rules, pl_str *types, size_t capacity, pl_error *error);

#endif
