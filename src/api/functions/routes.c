/*
 * The table of paths: which operation each one is, what it needs to be allowed, how much it may send. Nothing
 * in the room lies above it.
 */
#include "api/functions/routes.h"

#include "api/functions/shared.h"

enum { CREATE_BODY = 92 << 20, EVENT_BODY = 32 << 20 };

#define ALL "functions/*"
#define ONE "functions/{}"

static const api_route routes[] = {
    {"POST", "/2023-03-30/functions", "CreateFunction", "fc:CreateFunction", ALL, CREATE_BODY, false,
     functions_create},
    {"GET", "/2023-03-30/functions", "ListFunctions", "fc:ListFunctions", ALL, 0, false, functions_list},
    {"GET", "/2023-03-30/functions/{}", "GetFunction", "fc:GetFunction", ONE, 0, false, functions_get},
    {"PUT", "/2023-03-30/functions/{}", "UpdateFunction", "fc:UpdateFunction", ONE, CREATE_BODY, false,
     functions_update},
    {"DELETE", "/2023-03-30/functions/{}", "DeleteFunction", "fc:DeleteFunction", ONE, 0, false,
     functions_delete},
    {"GET", "/2023-03-30/functions/{}/code", "GetFunctionCode", "fc:GetFunctionCode", ONE, 0, false,
     functions_get_code},
    {"GET", "/2023-03-30/functions/{}/package", "DownloadFunctionCode", "fc:GetFunctionCode", ONE, 0, true,
     functions_download_code},
    {"GET", "/2023-03-30/functions/{}/log", "GetFunctionLog", "fc:GetFunction", ONE, 0, false,
     functions_get_log},
    {"POST", "/2023-03-30/functions/{}/invocations", "InvokeFunction", "fc:InvokeFunction", ONE, EVENT_BODY,
     false, functions_run},
    {"POST", "/2023-03-30/functions/{}/versions", "PublishFunctionVersion", "fc:PublishFunctionVersion", ONE,
     0, false, functions_publish},
    {"GET", "/2023-03-30/functions/{}/versions", "ListFunctionVersions", "fc:ListFunctionVersions", ONE, 0,
     false, functions_list_published},
    {"DELETE", "/2023-03-30/functions/{}/versions/{}", "DeleteFunctionVersion", "fc:DeleteFunctionVersion",
     ONE, 0, false, functions_delete_published},
    {"POST", "/2023-03-30/functions/{}/aliases", "CreateAlias", "fc:CreateAlias", ONE, 0, false,
     functions_create_alias},
    {"GET", "/2023-03-30/functions/{}/aliases", "ListAliases", "fc:ListAliases", ONE, 0, false,
     functions_list_of_aliases},
    {"GET", "/2023-03-30/functions/{}/aliases/{}", "GetAlias", "fc:GetAlias", ONE, 0, false,
     functions_get_alias},
    {"PUT", "/2023-03-30/functions/{}/aliases/{}", "UpdateAlias", "fc:UpdateAlias", ONE, 0, false,
     functions_update_alias},
    {"DELETE", "/2023-03-30/functions/{}/aliases/{}", "DeleteAlias", "fc:DeleteAlias", ONE, 0, false,
     functions_delete_alias},
};

/* Clients of these sign in a way of their own, so that paths alone would not help them. */
static const char *const former[] = {"/2016-08-15/", "/2021-04-06/", NULL};

const api_route_product functions_api = {
    .prefix = PL_STR_INIT("/2023-03-30/"),
    .ram_code = PL_STR_INIT("fc"),
    .routes = routes,
    .count = sizeof routes / sizeof *routes,
    .former = former,
    .advice =
        "Function Compute 2.0 (services) is not served. Use the paths of /2023-03-30/: functions of both "
        "generations share one set of names, and ARNs of both forms lead to them."};
