/* Folders of a resource directory. */
#include "api/directory/answers.h"

static const org_node *find_folder(const org_view *view, const org_directory *directory, pl_str id) {
    if (id.n == 0)
        return directory->root;
    const org_node *node = org_find_node(view, id);
    return node && !node->account && node->directory == directory ? node : NULL;
}

static void write_folder(api_call *call, const org_node *folder, bool with_path) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("Folder"));
    directory_write_fine_time(out, "CreateTime", folder->created);
    api_write_text(out, "FolderId", folder->id);
    api_write_text(out, "FolderName", folder->name);
    api_write_text(out, "ParentFolderId", folder->parent ? folder->parent->id : PL_STR(""));
    if (with_path)
        api_write_text(out, "ResourceDirectoryPath", folder->path);
    pl_write_object_end(out);
}

/* One line of a list. */
static void write_row(api_call *call, const org_node *folder) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("Folder"));
    directory_write_fine_time(out, "CreateTime", folder->created);
    api_write_text(out, "FolderId", folder->id);
    api_write_text(out, "FolderName", folder->name);
    pl_write_object_end(out);
}

int directory_create_folder(api_call *call) {
    org_caller caller = directory_caller(call);
    const org_view *after;
    pl_str id;
    if (org_create_folder(call->services->org, &caller, api_text(call, "ParentFolderId"),
                          api_text(call, "FolderName"), NULL, &id, &after, call->error))
        return -1;
    write_folder(call, org_find_node(after, id), false);
    org_view_close(after);
    return 0;
}

int directory_update_folder(api_call *call) {
    org_caller caller = directory_caller(call);
    const org_view *after;
    pl_str id = api_text(call, "FolderId");
    if (org_rename_folder(call->services->org, &caller, id, api_text(call, "NewFolderName"), &after,
                          call->error))
        return -1;
    write_folder(call, org_find_node(after, id), false);
    org_view_close(after);
    return 0;
}

int directory_delete_folder(api_call *call) {
    org_caller caller = directory_caller(call);
    return org_delete_folder(call->services->org, &caller, api_text(call, "FolderId"), call->error);
}

static int answer_folder(api_call *call, const org_view *view, const org_directory *directory) {
    const org_node *folder = find_folder(view, directory, api_text(call, "FolderId"));
    if (!folder)
        return pl_fail(call->error, PL_E_EntityNotExists_Folder);
    write_folder(call, folder, true);
    return 0;
}

int directory_get_folder(api_call *call) {
    return directory_read(call, answer_folder);
}

static int answer_children(api_call *call, const org_view *view, const org_directory *directory) {
    const org_node *parent = find_folder(view, directory, api_text(call, "ParentFolderId"));
    if (!parent)
        return pl_fail(call->error, PL_E_EntityNotExists_Folder);
    pl_str keyword = api_text(call, "QueryKeyword");
    directory_page page = directory_page_of(call);
    pl_write_object(call->out, PL_STR("Folders"));
    pl_write_array(call->out, PL_STR("Folder"));
    for (size_t i = 0; i < directory->folder_count; i++) {
        const org_node *folder = directory->folders[i];
        if (folder->parent == parent && pl_str_find(folder->name, keyword) != PL_NOT_FOUND &&
            directory_page_take(&page))
            write_row(call, folder);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &page);
    return 0;
}

int directory_list_folders_for_parent(api_call *call) {
    return directory_read(call, answer_children);
}

static int answer_ancestors(api_call *call, const org_view *view, const org_directory *directory) {
    const org_node *child = find_folder(view, directory, api_text(call, "ChildId"));
    if (!child)
        return pl_fail(call->error, PL_E_EntityNotExists_Folder);
    pl_write_object(call->out, PL_STR("Folders"));
    pl_write_array(call->out, PL_STR("Folder"));
    for (unsigned depth = 0; depth < child->depth; depth++) {
        const org_node *at = child->parent;
        while (at->depth > depth)
            at = at->parent;
        write_row(call, at);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

int directory_list_ancestors(api_call *call) {
    return directory_read(call, answer_ancestors);
}
