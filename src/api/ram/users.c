/* RAM users and their groups. */
#include "api/answer.h"
#include "api/operations.gen.h"

/* --- The texts of a user
 * ------------------------------------------------------------------------------------
 */

static bool plain_text(pl_str text) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f || text.p[i] == '<' || text.p[i] == '>')
            return false;
    return true;
}

static bool digits(pl_str text, size_t least, size_t most) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return text.n >= least && text.n <= most;
}

/* International area code, hyphen, number. */
static bool phone(pl_str text) {
    size_t hyphen = pl_str_find_char(text, '-');
    return text.n == 0 || (hyphen != PL_NOT_FOUND && digits(pl_str_head(text, hyphen), 1, 5) &&
                           digits(pl_str_skip(text, hyphen + 1), 4, 15));
}

static bool email(pl_str text) {
    size_t at = pl_str_find_char(text, '@');
    if (text.n == 0)
        return true;
    pl_str domain = at == PL_NOT_FOUND ? PL_STR("") : pl_str_skip(text, at + 1);
    size_t dot = pl_str_find_char(domain, '.');
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return false;
    return text.n <= 254 && at > 0 && pl_str_find_char(domain, '@') == PL_NOT_FOUND && dot != PL_NOT_FOUND &&
           dot > 0 && dot + 1 < domain.n;
}

typedef struct names {
    const char *display_name, *mobile_phone, *email, *comments;
} names;

static int read_texts(api_call *call, const names *n, identity_user *user) {
    user->display_name = api_text(call, n->display_name);
    user->mobile_phone = api_text(call, n->mobile_phone);
    user->email = api_text(call, n->email);
    user->comments = api_text(call, n->comments);
    if (!plain_text(user->display_name))
        return api_refuse_invalid(call, n->display_name);
    if (!phone(user->mobile_phone))
        return api_refuse_invalid(call, n->mobile_phone);
    return email(user->email) ? 0 : api_refuse_invalid(call, n->email);
}

/* --- Users
 * --------------------------------------------------------------------------------------------------
 */

enum { SHOW_UPDATED = 1, SHOW_LOGIN = 2 };

static void write_user(pl_writer *out, pl_str name, const identity_user *user, unsigned show) {
    pl_write_object(out, name);
    api_write_text(out, "Comments", user->comments);
    api_write_time(out, "CreateDate", user->created);
    api_write_text(out, "DisplayName", user->display_name);
    api_write_text(out, "Email", user->email);
    if (show & SHOW_LOGIN)
        api_write_time(out, "LastLoginDate", user->last_login);
    api_write_text(out, "MobilePhone", user->mobile_phone);
    if (show & SHOW_UPDATED)
        api_write_time(out, "UpdateDate", user->updated);
    api_write_text(out, "UserId", user->id);
    api_write_text(out, "UserName", user->name);
    pl_write_object_end(out);
}

static int create_user(api_call *call, store_session *session) {
    static const names of_create = {"DisplayName", "MobilePhone", "Email", "Comments"};
    identity_scope in = api_scope(call, session);
    identity_user user = {.name = api_text(call, "UserName")};
    if (read_texts(call, &of_create, &user) != 0 || identity_user_create(&in, &user, call->error) != 0)
        return -1;
    write_user(call->out, PL_STR("User"), &user, 0);
    return 0;
}

int ram_create_user(api_call *call) {
    return api_answer_write(call, create_user);
}

static int update_user(api_call *call, store_session *session) {
    static const names of_update = {"NewDisplayName", "NewMobilePhone", "NewEmail", "NewComments"};
    identity_scope in = api_scope(call, session);
    identity_user changes = {.name = api_text(call, "NewUserName")}, user;
    if (read_texts(call, &of_update, &changes) != 0 ||
        identity_user_update(&in, api_text(call, "UserName"), &changes, &user, call->error) != 0)
        return -1;
    write_user(call->out, PL_STR("User"), &user, SHOW_UPDATED);
    return 0;
}

int ram_update_user(api_call *call) {
    return api_answer_write(call, update_user);
}

static int get_user(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_user user;
    if (identity_user_find(&in, api_text(call, "UserName"), &user, call->error) != 0)
        return -1;
    write_user(call->out, PL_STR("User"), &user, SHOW_UPDATED | SHOW_LOGIN);
    return 0;
}

int ram_get_user(api_call *call) {
    return api_answer_read(call, get_user);
}

static int delete_user(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    return identity_user_delete(&in, api_text(call, "UserName"), call->error);
}

int ram_delete_user(api_call *call) {
    return api_answer_write(call, delete_user);
}

static int list_users(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_user *users;
    api_marker marker;
    size_t count;
    if (api_marker_open(call, &marker) != 0 ||
        identity_user_list(&in, marker.after, marker.limit + 1, &users, &count, call->error) != 0)
        return -1;
    size_t shown = count > (size_t)marker.limit ? (size_t)marker.limit : count;
    api_marker_write(call, count > shown, shown ? users[shown - 1].name : PL_STR(""));
    pl_write_object(call->out, PL_STR("Users"));
    pl_write_array(call->out, PL_STR("User"));
    for (size_t i = 0; i < shown; i++)
        write_user(call->out, PL_STR_NONE, &users[i], SHOW_UPDATED);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

int ram_list_users(api_call *call) {
    return api_answer_read(call, list_users);
}

/* --- Groups
 * -------------------------------------------------------------------------------------------------
 */

static void write_group(pl_writer *out, pl_str name, const identity_group *group, unsigned show) {
    pl_write_object(out, name);
    api_write_text(out, "Comments", group->comments);
    api_write_time(out, "CreateDate", group->created);
    api_write_text(out, "GroupId", group->id);
    api_write_text(out, "GroupName", group->name);
    if (show & SHOW_UPDATED)
        api_write_time(out, "UpdateDate", group->updated);
    pl_write_object_end(out);
}

static int create_group(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_group group = {.name = api_text(call, "GroupName"), .comments = api_text(call, "Comments")};
    if (identity_group_create(&in, &group, call->error) != 0)
        return -1;
    write_group(call->out, PL_STR("Group"), &group, 0);
    return 0;
}

int ram_create_group(api_call *call) {
    return api_answer_write(call, create_group);
}

static int update_group(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_group changes = {.name = api_text(call, "NewGroupName"),
                              .comments = api_text(call, "NewComments")},
                   group;
    if (changes.name.n == 0)
        changes.name = PL_STR_NONE;
    if (identity_group_update(&in, api_text(call, "GroupName"), &changes, &group, call->error) != 0)
        return -1;
    write_group(call->out, PL_STR("Group"), &group, SHOW_UPDATED);
    return 0;
}

int ram_update_group(api_call *call) {
    return api_answer_write(call, update_group);
}

static int get_group(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_group group;
    if (identity_group_find(&in, api_text(call, "GroupName"), &group, call->error) != 0)
        return -1;
    write_group(call->out, PL_STR("Group"), &group, SHOW_UPDATED);
    return 0;
}

int ram_get_group(api_call *call) {
    return api_answer_read(call, get_group);
}

static int delete_group(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    return identity_group_delete(&in, api_text(call, "GroupName"), call->error);
}

int ram_delete_group(api_call *call) {
    return api_answer_write(call, delete_group);
}

enum { GROUP_PAGE_MAX = 100 };

/*
 * A page holds at most 100 groups. Clients ask for more all the same, as they may of users and roles, and
 * follow the marker.
 */
static int open_groups(api_call *call, api_marker *marker) {
    int result = api_marker_open(call, marker);
    if (marker->limit > GROUP_PAGE_MAX)
        marker->limit = GROUP_PAGE_MAX;
    return result;
}

static int list_groups(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_group *groups;
    api_marker marker;
    size_t count;
    if (open_groups(call, &marker) != 0 ||
        identity_group_list(&in, marker.after, marker.limit + 1, &groups, &count, call->error) != 0)
        return -1;
    size_t shown = count > (size_t)marker.limit ? (size_t)marker.limit : count;
    pl_write_object(call->out, PL_STR("Groups"));
    pl_write_array(call->out, PL_STR("Group"));
    for (size_t i = 0; i < shown; i++)
        write_group(call->out, PL_STR_NONE, &groups[i], SHOW_UPDATED);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    api_marker_write(call, count > shown, shown ? groups[shown - 1].name : PL_STR(""));
    return 0;
}

int ram_list_groups(api_call *call) {
    return api_answer_read(call, list_groups);
}

/* --- Memberships
 * --------------------------------------------------------------------------------------------
 */

static int add_user_to_group(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    return identity_group_join(&in, api_text(call, "GroupName"), api_text(call, "UserName"), call->error);
}

int ram_add_user_to_group(api_call *call) {
    return api_answer_write(call, add_user_to_group);
}

static int remove_user_from_group(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    return identity_group_leave(&in, api_text(call, "GroupName"), api_text(call, "UserName"), call->error);
}

int ram_remove_user_from_group(api_call *call) {
    return api_answer_write(call, remove_user_from_group);
}

static int list_groups_for_user(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_group *groups;
    size_t count;
    pl_writer *out = call->out;
    if (identity_group_list_of_user(&in, api_text(call, "UserName"), &groups, &count, call->error) != 0)
        return -1;
    pl_write_object(out, PL_STR("Groups"));
    pl_write_array(out, PL_STR("Group"));
    for (size_t i = 0; i < count; i++) {
        pl_write_object(out, PL_STR_NONE);
        api_write_text(out, "Comments", groups[i].comments);
        api_write_text(out, "GroupId", groups[i].id);
        api_write_text(out, "GroupName", groups[i].name);
        api_write_time(out, "JoinDate", groups[i].joined);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
    pl_write_object_end(out);
    return 0;
}

int ram_list_groups_for_user(api_call *call) {
    return api_answer_read(call, list_groups_for_user);
}

static void write_member(pl_writer *out, const identity_member *member) {
    pl_write_object(out, PL_STR_NONE);
    api_write_text(out, "DisplayName", member->display_name);
    api_write_time(out, "JoinDate", member->joined);
    api_write_text(out, "UserName", member->name);
    pl_write_object_end(out);
}

static int list_users_for_group(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_member *members;
    api_marker marker;
    size_t count;
    if (api_marker_open(call, &marker) != 0 ||
        identity_group_members(&in, api_text(call, "GroupName"), marker.after, marker.limit + 1, &members,
                               &count, call->error) != 0)
        return -1;
    size_t shown = count > (size_t)marker.limit ? (size_t)marker.limit : count;
    api_marker_write(call, count > shown, shown ? members[shown - 1].name : PL_STR(""));
    pl_write_object(call->out, PL_STR("Users"));
    pl_write_array(call->out, PL_STR("User"));
    for (size_t i = 0; i < shown; i++)
        write_member(call->out, &members[i]);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

int ram_list_users_for_group(api_call *call) {
    return api_answer_read(call, list_users_for_group);
}
