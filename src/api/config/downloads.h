/*
 * Addresses of finished files on this server. They carry their own permission: sealed, bound to account, file
 * and path, and good for an hour (reference/reports.md, section 2).
 */
#ifndef API_CONFIG_DOWNLOADS_H
#define API_CONFIG_DOWNLOADS_H

#include "api/route.h"
#include "reports/reports.h"

extern const api_route_product config_downloads;

/* The address of a complete file, in the call's arena. */
int downloads_link(api_call *call, const reports_file *file, pl_str *link);

#endif
