/*
 * What the references in a Terraform plan's configuration mean: while an id is unknown they tell which
 * resource an attribute is about, also through variables and outputs of modules. Reads views of the plan and
 * owns nothing.
 */
#ifndef CLI_TERRAFORM_REFERENCE_H
#define CLI_TERRAFORM_REFERENCE_H

#include "base/arena.h"
#include "json/tape.h"

/* The parts of a resource's address, as `module.net["a"].alicloud_instance.web[0]`; views of it. */
typedef struct terraform_place {
    pl_str module; /* address of its module instance; empty: the root */
    pl_str type, name;
    pl_str key; /* of `count` or `for_each` as in the address, with its quotes; absent: none */
} terraform_place;

/* The parts of a resource's address; views into it. */
terraform_place terraform_place_of(pl_str address);

/* What an attribute of the resource refers to, a list of texts; NONE when the plan's configuration does not
 * tell. */
pl_json terraform_references(pl_json plan, const terraform_place *place, pl_str attribute);

/*
 * How surely these references of the resource at `place` mean `target`; 0: they do not. An equal module
 * instance counts most, then a key that is named or that both have by the same `count` or `for_each`.
 */
unsigned terraform_means(pl_arena *arena, pl_json plan, const terraform_place *place, pl_json references,
                         const terraform_place *target);

#endif
