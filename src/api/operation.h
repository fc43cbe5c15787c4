/*
 * What the server knows about every API operation before it runs one.
 *
 * The tables are generated from api/<product>/<version>/<Operation>.json by tools/generate-api.py and are
 * immutable. The gateway reads them to find, decode, validate, authorize and answer a call; a handler only
 * sees the decoded input. INVARIANT: operations of a product are sorted by name in byte order.
 */
#ifndef API_OPERATION_H
#define API_OPERATION_H

#include "base/error.h"
#include "base/str.h"

struct api_call; /* one request on its way through the gateway: src/api/call.h */

/* Runs one operation. 0: the response is written; -1: the error of the call is filled. */
typedef int (*api_handler)(struct api_call *call);

enum api_type {
    API_STRING,
    API_BOOLEAN,
    API_INT32,
    API_INT64,
    API_OBJECT, /* members are `fields` */
    API_ARRAY,  /* of `item` */
    API_MAP,    /* object with free member names, values of `item` */
    API_ANY     /* any JSON value, taken as it is */
};

/* Declared form on the wire (reference/gateway.md, section 2). Other forms are accepted for arrays too. */
enum api_wire {
    API_WIRE_SCALAR, /* Name=value */
    API_WIRE_CSV,    /* Name=a,b,c; always an array of strings */
    API_WIRE_JSON,   /* Name=<JSON text> */
    API_WIRE_LIST,   /* Name.1=a or Name.1.Member=a */
    API_WIRE_FLAT    /* Name.Member=a */
};

enum api_method { API_GET = 1, API_POST = 2 };

enum api_paging {
    API_PAGING_NONE,
    API_PAGING_PAGE,  /* PageNumber, PageSize */
    API_PAGING_TOKEN, /* NextToken, MaxResults */
    API_PAGING_MARKER /* Marker, MaxItems */
};

/* How the operation touches the objects its RAM action names. */
enum api_access {
    API_ACCESS_NONE,
    API_ACCESS_CREATE,
    API_ACCESS_LIST,
    API_ACCESS_GET,
    API_ACCESS_UPDATE,
    API_ACCESS_DELETE
};

enum api_format { API_FORMAT_JSON, API_FORMAT_XML };

/*
 * A parameter, or a member of an object parameter. A limit of 0 in the unsigned members means "none".
 * Limits, pattern and values of an API_ARRAY of scalars hold for each of its items, except the two item
 * counts. A required parameter given as empty text counts as missing; an optional one given as empty text
 * skips length, pattern, values and range, and is passed on as given and empty.
 */
struct api_parameter {
    pl_str name;
    enum api_type type;
    enum api_type item; /* of API_ARRAY and API_MAP */
    enum api_wire wire; /* of members: API_WIRE_SCALAR, or the form of the whole parameter for containers */
    bool required;
    bool deprecated;
    bool has_min;
    bool has_max;
    int64_t min; /* both inclusive */
    int64_t max;
    uint32_t min_length; /* in characters, not bytes */
    uint32_t max_length;
    uint32_t min_items;
    uint32_t max_items;
    const pl_str *values; /* the only texts allowed, exact in letter case; numbers as decimal text */
    size_t value_count;
    const char *pattern; /* PCRE2 with UTF and UCP, anchored by itself; NULL: none */
    pl_str default_text; /* as it would come on the wire; absent: none */
    const struct api_parameter *fields;
    size_t field_count;
    /* Documented codes for a violation; PL_E_NONE: the generic one of the product (struct api_product). */
    pl_error_code error_missing;
    pl_error_code error_invalid; /* type, range, values, pattern; also length and count when those are none */
    pl_error_code error_too_many;
    pl_error_code error_length;
};

/* An error the operation documents, with its own status and message. */
struct api_error {
    pl_error_code code;
    int http_status;
    const char *message;
};

/*
 * `ram_resources` are ARN patterns; every resulting ARN must be allowed (reference/ram-authorization.md).
 * Placeholders, each replaced by `*` when the parameter is not given:
 *   {Name}         value of parameter Name; an array gives one ARN per item
 *   {@account}     account of the caller
 *   {@path:Name}   resource directory path of the folder or account that parameter Name identifies; of the
 *                  root folder when Name is optional and not given
 *   {@user:Name}   value of parameter Name, or the name of the calling RAM user
 *   {@node:Name}   account/<path> or folder/<path>, after what parameter Name identifies
 *   {@arn:Name}    the ARN in parameter Name with its region set to `*`
 *   {@policyOwner} account of the caller when parameter PolicyType is Custom, else system
 *   {@principal}   ARN after parameter PrincipalType: IMSUser acs:ims:*:<account>:user/<star>, IMSGroup
 *                  acs:ims:*:<account>:group/<star>, ServiceRole acs:ram:*:<account>:role/<star>,
 *                  <star> being a literal `*`
 */
struct api_operation {
    pl_str name;
    const struct api_product *product;
    pl_str group;
    unsigned methods; /* enum api_method, combined */
    bool https_only;  /* documented as such; see InvalidProtocol.NeedSsl */
    bool anonymous;   /* comes without signature */
    bool read_only;   /* changes nothing that is stored */
    bool idempotent;  /* takes ClientToken */
    bool deprecated;
    uint32_t max_body; /* bytes of the request body; 0: the gateway's common limit */
    enum api_paging paging;
    enum api_access access;
    pl_str ram_action; /* absent: every valid identity may call it */
    const pl_str *ram_resources;
    size_t ram_resource_count;
    bool ram_by_handler; /* the handler decides, by more than identity and resource */
    const struct api_parameter *parameters;
    size_t parameter_count;
    const struct api_error *errors;
    size_t error_count;
    api_handler handler; /* NULL: not implemented */
};

/* Another spelling of an operation's name that clients use. */
struct api_alias {
    pl_str name;
    const struct api_operation *operation;
};

/* Template of a code formed at run time; {Name} stands for the parameter's name in code and message. */
struct api_generic_error {
    const char *code;
    const char *message;
    int http_status;
};

struct api_product {
    pl_str name;
    pl_str version;
    pl_str ram_code;
    pl_str host; /* first label of the documented endpoints, e.g. config */
    enum api_format default_format;
    struct api_generic_error missing;
    struct api_generic_error invalid;
    const char *denied; /* how the product words that a policy denies a call; NULL: the common text */
    const struct api_operation *operations;
    size_t operation_count;
    const struct api_alias *aliases;
    size_t alias_count;
};

/* The operation's parameter of this name, or NULL. */
const struct api_parameter *api_find_parameter(const struct api_operation *operation, pl_str name);

/*
 * Gives an error that still has its code's common text (error->plain) the message and status that the
 * operation documents for that code. Anything else is left alone.
 */
void api_error_localize(const struct api_operation *operation, pl_error *error);

/* As pl_fail, with the operation's own message and status for the code; always -1. */
int api_fail(const struct api_operation *operation, pl_error *error, pl_error_code code);

/*
 * Words the denial of a call by a policy, status 403: as the operation documents it, else as its product does
 * (reference/ram-authorization.md, section 4).
 */
void api_error_word_denial(const struct api_operation *operation, pl_error *error);

/* Missing or invalid parameter with the product's generic code, e.g. MissingConfigRuleId; always -1. */
int api_fail_generic(const struct api_generic_error *generic, pl_error *error, pl_str parameter);

#endif
