/*
 * Related resources in a check: an index of the configurations of the types that rules ask for, made in a
 * first pass over the input, so that `RELATED:<type>` finds them without a server.
 *
 * Which resources are related is data of the catalogue: a relation names the property that carries the other
 * resource's id, on either side, and may be declared by either type (inventory/relation.h). Every resource of
 * an account is related to the account itself. Built by one thread, then read by all.
 */
#ifndef CLI_CHECK_RELATED_H
#define CLI_CHECK_RELATED_H

#include "catalogue/catalogue.h"
#include "json/tape.h"

typedef struct check_related check_related;

/* An empty index of the given types (views must outlive it). */
int check_related_new(check_related **out, const catalogue *known, const pl_str *types, size_t count,
                      pl_error *error);
void check_related_free(check_related *related);

/* True when items of this type belong into the index. */
bool check_related_wants(const check_related *related, pl_str type);

/* Adds one item's configuration (an object). */
int check_related_add(check_related *related, pl_str type, pl_str id, pl_str account, pl_json configuration,
                      pl_error *error);

/* The resource for which related ones are asked; the context of check_related_find. */
typedef struct check_related_query {
    const check_related *related;
    pl_str type, id, account;
    pl_json configuration;
    pl_arena *arena; /* the answer lives here */
} check_related_query;

/*
 * The callback of pl_program_input: an array with the configurations of the related resources of `type`.
 * `context` is a check_related_query.
 */
int check_related_find(void *context, pl_str type, pl_json *list, pl_error *error);

#endif
