/*
 * The scope of a rule or pack: which resources it covers (reference/evaluation-semantics.md, section 2).
 * Lists are taken apart once; entries are trimmed and empty ones dropped. Stored as one JSON object.
 */
#ifndef ENGINE_SCOPE_H
#define ENGINE_SCOPE_H

#include "engine/rule.h"
#include "inventory/inventory.h"

/* Takes a comma-separated text apart, or joins items; -1 without memory. An absent text gives an absent list.
 */
int engine_list_parse(pl_arena *arena, pl_str text, engine_list *out, pl_error *error);
int engine_list_join(pl_arena *arena, const pl_str *items, size_t count, engine_list *out, pl_error *error);

/* True when the list holds exactly this entry. */
bool engine_list_has(const engine_list *list, pl_str entry);

/* The list that the API parameter of this name fills ("RegionIdsScope"), or NULL. */
engine_list *engine_scope_list(engine_scope *scope, pl_str name);

/* TagKeyLogicScope as it was given: AND, OR, or absent, which means OR. Other texts set none. */
pl_str engine_scope_logic(const engine_scope *scope);
void engine_scope_set_logic(engine_scope *scope, pl_str logic);

/* Appends the scope as compact JSON with the API's member names; members that are not set are left out. */
void engine_scope_write(const engine_scope *scope, pl_buf *out);

/* True when both were written alike. */
bool engine_scope_equal(const engine_scope *a, const engine_scope *b);

/* Reads what engine_scope_write wrote. Views live in the arena. */
int engine_scope_read(pl_arena *arena, pl_str json, engine_scope *out, pl_error *error);

/*
 * Reads a scope as pack templates write it (complianceRegionIds and so on; reference/condition-rules.md,
 * section 2.4) into an empty one. A missing node restricts nothing; one that cannot be read whole is
 * Invalid.TemplateContent.Value, so that no scope becomes a wider one. Views live in the arena.
 */
int engine_scope_read_template(pl_arena *arena, pl_json node, engine_scope *scope, pl_error *error);

/* Appends tags as [{"TagKey":...,"TagValue":...}]; reads them back. */
void engine_tags_write(const engine_tags *tags, pl_buf *out);
int engine_tags_read(pl_arena *arena, pl_json list, engine_tags *out, pl_error *error);

/*
 * Whether stored tags (JSON array of {TagKey, TagValue}; absent: none) hold every wanted one; a wanted tag
 * with an absent or empty value matches the key alone. InternalError when the stored text is no JSON.
 */
int engine_tags_match(pl_str stored, const engine_tags *wanted, bool *match, pl_error *error);

/*
 * Checks what one parameter alone cannot show: TagKeyScope and TagValueScope come together
 * (Invalid.TagKeyScope.Value), at least one resource type for rules (Invalid.ResourceTypesScope.Empty).
 */
int engine_scope_check(const engine_scope *scope, bool of_rule, pl_error *error);

/* What a scope is compared with. `tags` as the inventory stores them, {"key":["value"]}, or missing. */
typedef struct engine_scope_subject {
    pl_str resource_type, region_id, resource_id, group_id, name;
    pl_json tags;
} engine_scope_subject;

/*
 * True when the resource lies in the scope as far as type, region, id, name, resource group and tags go;
 * accounts and folders are the engine's to ask. A pack's scope has no types and covers all of them.
 */
bool engine_scope_covers(const engine_scope *scope, const engine_scope_subject *subject);

#endif
