/*
 * Where catalogue files come from: the pack inside the program, and a directory of the user's. Makes the
 * entries of the shelves; parses nothing.
 */
#include "catalogue/internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MOST_FILES = 20000, LARGEST_FILE = 1 << 20 };

extern const char pl_pack_catalogue[];
extern const char pl_pack_catalogue_end[];

static int add_entry(catalogue *c, catalogue_shelf *shelf, catalogue_entry entry, pl_error *error) {
    if (shelf->count >= MOST_FILES)
        return pl_failf(error, PL_E_InvalidParameter, "A catalogue holds at most %d files of a kind.",
                        MOST_FILES);
    catalogue_entry *entries =
        pl_arena_grow(&c->arena, shelf->entries, shelf->count, &shelf->capacity, sizeof *entries);
    if (!entries)
        return pl_failf(error, PL_E_ServiceUnavailable, "No memory for the catalogue.");
    shelf->entries = entries;
    shelf->entries[shelf->count++] = entry;
    return 0;
}

static catalogue_shelf *shelf_of(catalogue *c, pl_str path) {
    for (int i = 0; i < CATALOGUE_SHELVES; i++)
        if (pl_str_starts(path, c->shelves[i].folder) && pl_str_ends(path, PL_STR(".json")))
            return &c->shelves[i];
    return NULL;
}

int catalogue_index_pack(catalogue *c, bool with_rules, pl_error *error) {
    const char *at = pl_pack_catalogue;
    while (at < pl_pack_catalogue_end) { // cppcheck-suppress comparePointers
        pl_str path = pl_str_from(at);
        pl_str digits = pl_str_from(at + path.n + 1);
        uint64_t length = 0;
        const char *bytes = digits.p + digits.n + 1;
        if (!pl_str_to_u64(digits, &length) || length > (uint64_t)(pl_pack_catalogue_end - bytes))
            return pl_failf(error, PL_E_InternalError, "The embedded catalogue is damaged.");
        catalogue_shelf *shelf = shelf_of(c, path);
        pl_str name = shelf ? pl_str_skip(path, shelf->folder.n) : path;
        catalogue_entry entry = {pl_str_head(name, name.n - 5), pl_str_of(bytes, (size_t)length),
                                 PL_STR_NONE};
        if (shelf && (with_rules || shelf != &c->shelves[CATALOGUE_RULES]) &&
            add_entry(c, shelf, entry, error) != 0)
            return -1;
        at = bytes + length + 1;
    }
    return 0;
}

static int read_file(catalogue *c, const char *path, pl_str *text, pl_error *error) {
    FILE *file = fopen(path, "rb");
    struct stat about;
    if (!file || fstat(fileno(file), &about) != 0 || !S_ISREG(about.st_mode) ||
        about.st_size > LARGEST_FILE) {
        if (file)
            fclose(file);
        return pl_failf(error, PL_E_InvalidParameter, "%s: cannot be read, or is larger than 1 MiB.", path);
    }
    size_t size = (size_t)about.st_size;
    char *bytes = pl_arena_alloc(&c->arena, size + PL_JSON_PADDING);
    size_t got = bytes ? fread(bytes, 1, size, file) : 0;
    fclose(file);
    *text = pl_str_of(bytes, got);
    return bytes ? 0 : pl_failf(error, PL_E_ServiceUnavailable, "No memory for the catalogue.");
}

int catalogue_index_file(catalogue *c, const char *path, pl_error *error) {
    catalogue_entry entry = {.file = pl_arena_copy(&c->arena, pl_str_from(path))};
    if (!entry.file.p)
        return pl_failf(error, PL_E_ServiceUnavailable, "No memory for the catalogue.");
    const char *slash = strrchr(entry.file.p, '/');
    entry.name = pl_str_from(slash ? slash + 1 : entry.file.p);
    if (pl_str_ends(entry.name, PL_STR(".json")))
        entry.name.n -= 5;
    if (read_file(c, path, &entry.text, error) != 0)
        return -1;
    return add_entry(c, &c->shelves[CATALOGUE_RULES], entry, error);
}

static int add_own_file(catalogue *c, const char *directory, pl_str name, pl_error *error) {
    pl_str path = pl_arena_printf(&c->arena, "%s/%.*s", directory, PL_FMT(name));
    return path.p ? catalogue_index_file(c, path.p, error)
                  : pl_failf(error, PL_E_ServiceUnavailable, "No memory for the catalogue.");
}

int catalogue_index_directory(catalogue *c, const char *directory, pl_error *error) {
    struct dirent **names = NULL;
    int count = scandir(directory, &names, NULL, alphasort);
    if (count < 0)
        return pl_failf(error, PL_E_InvalidParameter, "%s: the directory cannot be read.", directory);
    int result = 0;
    for (int i = 0; i < count; i++) {
        pl_str name = pl_str_from(names[i]->d_name);
        if (result == 0 && name.p[0] != '.' && pl_str_ends(name, PL_STR(".json")))
            result = add_own_file(c, directory, name, error);
        (free)(names[i]); /* made by scandir, not by pl_malloc */
    }
    (free)(names);
    return result;
}
