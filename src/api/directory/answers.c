/* See answers.h. */
#include "api/directory/answers.h"

#include <stdio.h>

/* --- Who may ask -----------------------------------------------------------------------------------------
 */

static const org_directory *readable(const org_view *view, pl_str account_id) {
    const org_directory *managed = org_managed_directory(view, account_id);
    const org_directory *own = managed ? managed : org_directory_of(view, account_id);
    return managed || (own && org_is_delegate(own, account_id, PL_STR_NONE)) ? own : NULL;
}

static int answer_from(api_call *call, const org_view *view, directory_answer answer) {
    const org_directory *directory = readable(view, call->caller->account_id);
    return directory ? answer(call, view, directory)
                     : pl_fail(call->error, PL_E_EntityNotExists_ResourceDirectory);
}

int directory_read(api_call *call, directory_answer answer) {
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    if (!view)
        return -1;
    int failed = answer_from(call, view, answer);
    org_view_close(view);
    return failed;
}

int directory_answer_after(api_call *call, const org_view *after, directory_answer answer) {
    int failed = answer_from(call, after, answer);
    org_view_close(after);
    return failed;
}

int directory_refuse_owner(api_call *call, pl_error_code code) {
    return call->caller->kind == IDENTITY_ROOT ? pl_fail(call->error, code) : 0;
}

/* --- Parameters ------------------------------------------------------------------------------------------
 */

static int no_memory(api_call *call) {
    return pl_failf(call->error, PL_E_ServiceUnavailable, "Out of memory.");
}

static bool sent_before(const org_tag *items, size_t count, pl_str key) {
    for (size_t i = 0; i < count; i++) {
        if (pl_str_eq(items[i].key, key))
            return true;
    }
    return false;
}

int directory_tags(api_call *call, const char *name, org_tags *tags) {
    const api_value *list = api_input(call, name);
    *tags = (org_tags){NULL, 0};
    if (!list || list->count == 0)
        return 0;
    org_tag *items = pl_new(call->arena, org_tag, list->count);
    if (!items)
        return no_memory(call);
    for (size_t i = 0; i < list->count; i++) {
        pl_str key = api_member_text(&list->items[i], "Key");
        if (key.n == 0 || sent_before(items, i, key))
            return pl_failf(call->error, PL_E_InvalidParameter_Tag, "The Tag is invalid: %s.",
                            key.n == 0 ? "a key is missing" : "a key was given twice");
        items[i] = (org_tag){key, api_member_text(&list->items[i], "Value")};
    }
    *tags = (org_tags){items, list->count};
    return 0;
}

int directory_texts(api_call *call, const char *name, const pl_str **texts, size_t *count) {
    const api_value *list = api_input(call, name);
    *texts = NULL;
    *count = 0;
    if (!list || list->count == 0)
        return 0;
    pl_str *items = pl_new(call->arena, pl_str, list->count);
    if (!items)
        return no_memory(call);
    for (size_t i = 0; i < list->count; i++)
        items[i] = list->items[i].text;
    *texts = items;
    *count = list->count;
    return 0;
}

static bool has_tag(const org_tags *tags, const org_tag *wanted) {
    for (size_t i = 0; i < tags->count; i++) {
        if (pl_str_eq(tags->items[i].key, wanted->key))
            return wanted->value.n == 0 || pl_str_eq(tags->items[i].value, wanted->value);
    }
    return false;
}

bool directory_has_tags(const org_tags *tags, const org_tags *filter) {
    for (size_t i = 0; i < filter->count; i++) {
        if (!has_tag(tags, &filter->items[i]))
            return false;
    }
    return true;
}

int directory_check_email(api_call *call, pl_str email) {
    size_t at = pl_str_find_char(email, '@');
    bool good = at != PL_NOT_FOUND && at > 0 && email.n <= 254 &&
                pl_str_find_char(pl_str_skip(email, at + 1), '@') == PL_NOT_FOUND &&
                pl_str_find_char(pl_str_skip(email, at + 2), '.') != PL_NOT_FOUND &&
                pl_str_find_char(email, ' ') == PL_NOT_FOUND;
    return good ? 0 : pl_fail(call->error, PL_E_InvalidParameter_Email);
}

/* --- Pages -----------------------------------------------------------------------------------------------
 */

directory_page directory_page_of(const api_call *call) {
    directory_page page = {0};
    api_page(call, 10, &page.number, &page.take, &page.skip);
    return page;
}

bool directory_page_take(directory_page *page) {
    int64_t index = page->total++;
    return index >= page->skip && index - page->skip < page->take;
}

void directory_write_page(api_call *call, const directory_page *page) {
    pl_write_i64(call->out, PL_STR("PageNumber"), page->number);
    pl_write_i64(call->out, PL_STR("PageSize"), page->take);
    pl_write_i64(call->out, PL_STR("TotalCount"), page->total);
}

/* --- Objects ---------------------------------------------------------------------------------------------
 */

void directory_write_time(pl_writer *out, const char *name, int64_t milliseconds) {
    char text[PL_TIME_TEXT];
    api_write_text(out, name, pl_time_iso(milliseconds, text));
}

void directory_write_fine_time(pl_writer *out, const char *name, int64_t milliseconds) {
    char seconds[PL_TIME_TEXT], text[PL_TIME_TEXT + 8];
    pl_str whole = pl_time_iso(milliseconds, seconds);
    int fraction = (int)(((milliseconds % 1000) + 1000) % 1000);
    int n = snprintf(text, sizeof text, "%.*s.%03dZ", (int)(whole.n - 1), whole.p, fraction);
    api_write_text(out, name, pl_str_of(text, (size_t)n));
}

void directory_write_tags(pl_writer *out, const char *name, const org_tags *tags) {
    pl_write_array(out, pl_str_from(name));
    for (size_t i = 0; i < tags->count; i++) {
        pl_write_object(out, PL_STR("Tag"));
        api_write_text(out, "Key", tags->items[i].key);
        api_write_text(out, "Value", tags->items[i].value);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

pl_str directory_lower(const api_call *call, pl_str text) {
    char *copy = pl_arena_cstr(call->arena, text);
    for (char *c = copy; c && *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    return copy ? pl_str_of(copy, text.n) : PL_STR("");
}
