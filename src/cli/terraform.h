/*
 * Terraform state and plan files as configuration items: `terraform show -json` of a state or plan (format
 * 0.x or 1.x; its changes alone will do), and state files of version 4. What an attribute means is data
 * (catalogue/terraform/); unknown resource types are left out.
 */
#ifndef CLI_TERRAFORM_H
#define CLI_TERRAFORM_H

#include "base/buf.h"
#include "base/error.h"
#include "json/tape.h"

struct catalogue;

/* True when the document looks like a Terraform state or plan. */
bool terraform_recognises(pl_json root);

/*
 * Appends one line per resource: an item with resourceType, resourceId (the id, or the address while it is
 * not known), regionId, resourceName, tags, terraformAddress and configuration. -1 when the document is not
 * one.
 */
int terraform_items(const struct catalogue *known, pl_json root, pl_buf *lines, pl_error *error);

#endif
