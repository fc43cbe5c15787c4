/*
 * Finding an operation by what a request says. The tables name every handler, so this lies above the
 * handlers' rooms; only the gateway and the command line call it.
 */
#ifndef API_TABLES_FIND_H
#define API_TABLES_FIND_H

#include "api/operation.h"

enum api_find_result { API_FOUND = 0, API_NO_ACTION = -1, API_NO_VERSION = -2, API_NO_PRODUCT = -3 };

/*
 * Finds an operation by version and action, within one product or, when `product` is empty, within all. Names
 * are compared exactly (reference/gateway.md, section 2), after the operations' own names their aliases.
 * Returns an api_find_result that tells the first part nothing was found for; `*operation` is set on
 * API_FOUND.
 */
int api_find(pl_str product, pl_str version, pl_str action, const struct api_operation **operation);

#endif
