/*
 * What the directory handlers share: who may ask, pages over a view's lists, and the objects that several
 * operations answer with. Members are written in the order of the response trees of api/resourcemanager/.
 */
#ifndef API_DIRECTORY_ANSWERS_H
#define API_DIRECTORY_ANSWERS_H

#include "api/answer.h"
#include "api/operations.gen.h"
#include "identity/identity.h"
#include "org/change.h"

static inline org_caller directory_caller(const api_call *call) {
    return (org_caller){.account_id = call->caller->account_id, .now = call->now, .arena = call->arena};
}

/* Writes an answer from the view; `directory` is the one the caller may read. */
typedef int (*directory_answer)(api_call *call, const org_view *view, const org_directory *directory);

/*
 * Opens the newest view and answers from it. The management account and delegated administrators may read
 * the directory; anybody else gets EntityNotExists.ResourceDirectory.
 */
int directory_read(api_call *call, directory_answer answer);

/* Answers from the view that a change left behind, and closes it. */
int directory_answer_after(api_call *call, const org_view *after, directory_answer answer);

/*
 * Fails with `code` when the account's owner calls: some changes of members are for its users and roles alone
 * (reference/resource-directory.md, section 1.3).
 */
int directory_refuse_owner(api_call *call, pl_error_code code);

/* --- Parameters ------------------------------------------------------------------------------------------
 */

/* The list Tag as sent: -1 when a key is missing or sent twice. */
int directory_tags(api_call *call, const char *name, org_tags *tags);

/* The texts of a list parameter. */
int directory_texts(api_call *call, const char *name, const pl_str **texts, size_t *count);

/* True when the object has every key of the filter, with the value where one was given. */
bool directory_has_tags(const org_tags *tags, const org_tags *filter);

/* InvalidParameter.Email unless it has one @ with something before and a dotted name behind it. */
int directory_check_email(api_call *call, pl_str email);

/* --- Pages -----------------------------------------------------------------------------------------------
 */

typedef struct directory_page {
    int64_t number, take, skip;
    int64_t total;
} directory_page;

/* The page that PageNumber and PageSize ask for, with nothing counted yet. */
directory_page directory_page_of(const api_call *call);

/* Counts one more match; true when it lies on the page. */
bool directory_page_take(directory_page *page);

/* PageNumber, PageSize, TotalCount. */
void directory_write_page(api_call *call, const directory_page *page);

/* --- Objects ---------------------------------------------------------------------------------------------
 */

/* "2021-03-18T09:24:19Z" and, for folders and members, "2019-02-19T09:34:50.757Z". */
void directory_write_time(pl_writer *out, const char *name, int64_t milliseconds);
void directory_write_fine_time(pl_writer *out, const char *name, int64_t milliseconds);

/* Letters of services and types as these operations write them. */
pl_str directory_lower(const api_call *call, pl_str text);

/* Lets what is associated follow, where the account wants it of resources that were there before. */
int directory_take_up_associated(api_call *call);

/* An array member of {Key, Value}. */
void directory_write_tags(pl_writer *out, const char *name, const org_tags *tags);

#endif
