/*
 * The catalogue room: managed rules, compliance pack templates, resource types and Terraform mappings.
 *
 * The files of catalogue/ travel inside the program as one pack; `--catalogue DIR` adds rule files of the
 * user's own, which behave like managed ones. At opening only an index of names is made; a file is parsed
 * when it is first asked for, and what is kept of it is what this header shows (test cases never are).
 *
 * A catalogue is shared by all threads without further care. Everything it hands out belongs to it, is
 * immutable, and lives until catalogue_close. Functions that return pointers return NULL when there is no
 * such thing, or (embedded files that are damaged, memory exhausted) with InternalError or ServiceUnavailable
 * in `error`; `error->code` is empty when the thing merely does not exist.
 */
#ifndef CATALOGUE_CATALOGUE_H
#define CATALOGUE_CATALOGUE_H

#include "base/arena.h"
#include "base/error.h"
#include "json/tape.h"

struct pl_program; /* condition/program.h */
struct pl_program_rule;

typedef struct catalogue catalogue;

enum { CATALOGUE_TRIGGER_CHANGE = 1, CATALOGUE_TRIGGER_SCHEDULE = 2 }; /* as ENGINE_TRIGGER_... */

typedef struct catalogue_list {
    const pl_str *items;
    size_t count;
} catalogue_list;

typedef struct catalogue_parameter {
    pl_str name, description;
    pl_str default_value; /* absent: none */
    bool required;        /* compulsory: needs a value, the default counts as one */
} catalogue_parameter;

/* A managed rule (catalogue/README.md). Trees are compact JSON text; absent when the file has none. */
typedef struct catalogue_rule {
    pl_str identifier, name, description;
    catalogue_list resource_types; /* "*": every type */
    unsigned triggers;             /* CATALOGUE_TRIGGER_... */
    pl_str frequency;              /* of scheduled rules; absent otherwise */
    int risk_level;                /* 1 high to 3 low */
    catalogue_list labels;
    const catalogue_parameter *parameters;
    size_t parameter_count;
    pl_str applies_when;                /* condition tree; false: NOT_APPLICABLE */
    catalogue_list required_properties; /* JSONPaths; one absent: INSUFFICIENT_DATA */
    catalogue_list required_related;    /* resource types; none related: INSUFFICIENT_DATA */
    pl_str sufficient_when;             /* condition tree; false: INSUFFICIENT_DATA */
    pl_str condition;                   /* condition tree; absent when `missing` is set */
    pl_str missing; /* why recorded configuration cannot decide the rule: INSUFFICIENT_DATA always */
    pl_str annotation_operator; /* operator name that annotations print instead of the clause's own */
    pl_str remediation_template;
    bool supports_preview; /* usable before deployment: ListPreManagedRules, EvaluatePreConfigRules */
    bool own;              /* from the user's directory */
} catalogue_rule;

typedef struct catalogue_template_rule {
    pl_str identifier;
    bool default_enable;
    pl_str parameters; /* JSON object text of the template's own values; absent: the rule's defaults */
} catalogue_template_rule;

typedef struct catalogue_template {
    pl_str template_id, name, description;
    pl_str filter_type; /* "LAW": follows a law or a published standard; absent: best practices */
    int risk_level;
    const catalogue_template_rule *rules;
    size_t rule_count;
} catalogue_template;

/* A remediation template (catalogue/README.md, "Remediations"). */
typedef struct catalogue_remediation {
    pl_str identifier, name, description;
    catalogue_list rules; /* managed rules it is made for */
    pl_str definition;    /* {"Parameters":{...}} as JSON text */
    pl_str effect;        /* JSON object: what it does to a recorded configuration */
} catalogue_remediation;

typedef struct catalogue_relation {
    pl_str relation;    /* IsContained, IsAttachedTo, IsAssociatedIn, Contains */
    pl_str target_type; /* resource type */
    pl_str path;        /* JSONPath of the property that carries the related id */
    pl_str path_on;     /* type whose configuration holds `path`: the source's own, or the target's */
} catalogue_relation;

typedef struct catalogue_type {
    pl_str name;         /* "ACS::ECS::Instance": the spelling answers use */
    pl_str product;      /* "ECS" */
    pl_str product_name; /* "Elastic Compute Service" */
    pl_str title;        /* "Instance" */
    pl_str arn;          /* pattern with {region}, {account}, {id}, {name}; empty: not known */
    bool global;         /* its resources belong to the region "global" */
    catalogue_list aliases;
    const catalogue_relation *relations;
    size_t relation_count;
} catalogue_type;

/* What a resource's ARN is made of. */
typedef struct catalogue_subject {
    pl_str account_id, region_id, resource_id, name;
} catalogue_subject;

/*
 * The resource's ARN, in `arena`: the pattern of its type filled in. {name} is the resource's name, where it
 * has none its id; any other name than region and account is its id. Empty for NULL and types without a
 * pattern; absent without memory.
 */
pl_str catalogue_arn(pl_arena *arena, const catalogue_type *type, const catalogue_subject *subject);

/*
 * Opens the embedded catalogue and, when `extra_directory` is not NULL, the files (*.json) in it and in the
 * directories below: package templates in those named "packs", rules elsewhere. They are read and checked
 * whole, conditions compiled included; the first wrong one is refused with InvalidParameter naming file, JSON
 * path and reason, and so is a directory that cannot be read or holds none. The caller closes *out.
 */
int catalogue_open(catalogue **out, const char *extra_directory, pl_error *error);

/*
 * A catalogue whose rules are those of the given files and nothing else (types, templates and mappings as
 * always); for testing rule files, embedded ones included.
 */
int catalogue_open_files(catalogue **out, const char *const *files, size_t count, pl_error *error);
void catalogue_close(catalogue *c);

/* Managed rules in byte order of their identifiers, the user's own among them. */
size_t catalogue_rule_count(const catalogue *c);
const catalogue_rule *catalogue_rule_at(const catalogue *c, size_t index, pl_error *error);
const catalogue_rule *catalogue_find_rule(const catalogue *c, pl_str identifier, pl_error *error);

/* The rule's parameter of this name, or NULL. */
const catalogue_parameter *catalogue_find_parameter(const catalogue_rule *rule, pl_str name);

/* True when the rule is made for the resource type (letter case aside). */
bool catalogue_rule_covers(const catalogue_rule *rule, pl_str resource_type);

/*
 * The values a rule runs with, as a JSON object of texts in `arena`: `input` (the rule's input parameters, an
 * object; missing is allowed) over the defaults. Fails with Invalid.InputParameters.Value when a compulsory
 * parameter has no value, when a name is unknown, or when a value is an object or a list.
 */
int catalogue_parameters(const catalogue_rule *rule, pl_arena *arena, pl_json input, pl_json *values,
                         pl_error *error);

/*
 * Checks values (of catalogue_parameters): Invalid.InputParameters.Value when a clause of the rule cannot
 * read one, because it is no number, port, address or expression. What they are checked with lives in
 * `arena`.
 */
int catalogue_check_values(const catalogue_rule *rule, pl_arena *arena, pl_json values, pl_error *error);

/*
 * The first compulsory parameter that has neither a value in `input` (not empty) nor a default, or NULL. A
 * rule that lacks one cannot judge: INSUFFICIENT_DATA.
 */
const catalogue_parameter *catalogue_lacking_parameter(const catalogue_rule *rule, pl_json input);

/*
 * Adds the rule with these values (of catalogue_parameters) to an open program. The rule must have a
 * condition (`missing` absent). Errors as pl_program_add; `arena` is scratch.
 */
int catalogue_program_add(const catalogue_rule *rule, struct pl_program *program, pl_arena *arena,
                          pl_json values, pl_error *error);

/* What catalogue_program_add tells the program of the rule; lives as long as the arena and the rule. */
int catalogue_program_rule(const catalogue_rule *rule, pl_arena *arena, pl_json values,
                           struct pl_program_rule *out, pl_error *error);

/* Pack templates in byte order of their ids. */
size_t catalogue_template_count(const catalogue *c);
const catalogue_template *catalogue_template_at(const catalogue *c, size_t index, pl_error *error);
const catalogue_template *catalogue_find_template(const catalogue *c, pl_str template_id, pl_error *error);

/* Remediation templates in byte order of their identifiers. */
size_t catalogue_remediation_count(const catalogue *c);
const catalogue_remediation *catalogue_remediation_at(const catalogue *c, size_t index, pl_error *error);
const catalogue_remediation *catalogue_find_remediation(const catalogue *c, pl_str identifier,
                                                        pl_error *error);

/* Resource types in byte order; found by name or alias without regard to letter case. */
size_t catalogue_type_count(const catalogue *c);
const catalogue_type *catalogue_type_at(const catalogue *c, size_t index, pl_error *error);
const catalogue_type *catalogue_find_type(const catalogue *c, pl_str name, pl_error *error);

/* The catalogue's spelling of a type name; `name` itself when the type is unknown, or none can be loaded: for
 * questions, which then find what is called exactly so. */
pl_str catalogue_type_name(const catalogue *c, pl_str name);

/* The same for a name that is kept: -1 when the types cannot be loaded, so that no other spelling is stored
 * then. */
int catalogue_spell_type(const catalogue *c, pl_str *name, pl_error *error);

/*
 * Parts of a type's file that are not kept, parsed into `arena`; missing when the type or the part is, and on
 * failure, which `error` tells (its code is empty otherwise).
 */
pl_json catalogue_type_properties(const catalogue *c, pl_arena *arena, const catalogue_type *type,
                                  pl_error *error);
pl_json catalogue_type_sample(const catalogue *c, pl_arena *arena, const catalogue_type *type,
                              pl_error *error);

/* The mapping of a Terraform resource type ("alicloud_instance"), parsed into `arena`; missing when unknown.
 */
pl_json catalogue_terraform(const catalogue *c, pl_arena *arena, pl_str terraform_type, pl_error *error);

/*
 * The mapping of a type of the orchestration service ("ALIYUN::OSS::Bucket"), parsed into `arena`; missing
 * when there is none, and on failure, which `error` tells (its code is empty otherwise).
 */
pl_json catalogue_orchestration(const catalogue *c, pl_arena *arena, pl_str type, pl_error *error);

/* The text of an embedded or own rule file with its cases, for `rules show` and `rules test`; absent: none.
 */
pl_str catalogue_rule_text(const catalogue *c, pl_str identifier);

#endif
