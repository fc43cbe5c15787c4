/*
 * Where catalogue files come from: the pack inside the program, and a directory of the user's. Makes the
 * entries of the shelves; parses nothing.
 */
#include "catalogue/internal.h"

#include "base/encode.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MOST_FILES = 20000, LARGEST_FILE = 1 << 20, DEEPEST = 8 };

extern const char pl_pack_catalogue[];
extern const char pl_pack_catalogue_end[];

static int add_entry(catalogue *c, catalogue_shelf *shelf, catalogue_entry entry, pl_error *error) {
    if (shelf->count >= MOST_FILES)
        return pl_failf(error, PL_E_InvalidParameter, "A catalogue holds at most %d files of a kind.",
                        MOST_FILES);
    catalogue_entry *entries =
        pl_arena_grow(&c->arena, shelf->entries, shelf->count, &shelf->capacity, sizeof *entries);
    if (!entries)
        return catalogue_no_memory(error);
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
    struct stat about;
    /* A pipe would be waited for if it were opened. */
    FILE *file = stat(path, &about) == 0 && S_ISREG(about.st_mode) ? fopen(path, "rb") : NULL;
    if (!file || fstat(fileno(file), &about) != 0 || about.st_size > LARGEST_FILE) {
        if (file)
            fclose(file);
        return pl_failf(error, PL_E_InvalidParameter, "%s: cannot be read, or is larger than 1 MiB.", path);
    }
    size_t size = (size_t)about.st_size;
    char *bytes = pl_arena_alloc(&c->arena, size + PL_JSON_PADDING);
    size_t got = bytes ? fread(bytes, 1, size, file) : 0;
    fclose(file);
    *text = pl_utf8_skip_mark(pl_str_of(bytes, got));
    return bytes ? 0 : catalogue_no_memory(error);
}

static int add_file(catalogue *c, int shelf, const char *path, pl_error *error) {
    catalogue_entry entry = {.file = pl_arena_copy(&c->arena, pl_str_from(path))};
    if (!entry.file.p)
        return catalogue_no_memory(error);
    const char *slash = strrchr(entry.file.p, '/');
    entry.name = pl_str_from(slash ? slash + 1 : entry.file.p);
    if (pl_str_ends(entry.name, PL_STR(".json")))
        entry.name.n -= 5;
    if (read_file(c, path, &entry.text, error) != 0)
        return -1;
    return add_entry(c, &c->shelves[shelf], entry, error);
}

int catalogue_index_file(catalogue *c, const char *path, pl_error *error) {
    return add_file(c, CATALOGUE_RULES, path, error);
}

/* A walk through the user's directory. */
struct walk {
    catalogue *c;
    size_t found;
    pl_error *error;
};

static int walk_directory(struct walk *w, const char *path, int shelf, unsigned depth);

/* A folder named "packs" holds package templates, all other folders hold rules. */
static int add_own(struct walk *w, const char *directory, pl_str name, int shelf, unsigned depth) {
    struct stat about;
    const char *path = pl_arena_printf(&w->c->arena, "%s/%.*s", directory, PL_FMT(name)).p;
    if (!path)
        return catalogue_no_memory(w->error);
    if (stat(path, &about) != 0)
        return pl_failf(w->error, PL_E_InvalidParameter, "%s: %s.", path, strerrordesc_np(errno));
    if (S_ISDIR(about.st_mode))
        return walk_directory(w, path, pl_str_is(name, "packs") ? CATALOGUE_PACKS : shelf, depth + 1);
    if (!pl_str_ends(name, PL_STR(".json")))
        return 0;
    w->found++;
    return add_file(w->c, shelf, path, w->error);
}

static int walk_directory(struct walk *w, const char *path, int shelf, unsigned depth) {
    struct dirent **names = NULL;
    if (depth > DEEPEST)
        return pl_failf(w->error, PL_E_InvalidParameter, "%s: directories are nested too deep.", path);
    int count = scandir(path, &names, NULL, alphasort), result = 0;
    if (count < 0)
        return pl_failf(w->error, PL_E_InvalidParameter, "%s: the directory cannot be read: %s.", path,
                        strerrordesc_np(errno));
    for (int i = 0; i < count; i++) {
        if (result == 0 && names[i]->d_name[0] != '.')
            result = add_own(w, path, pl_str_from(names[i]->d_name), shelf, depth);
        (free)(names[i]); /* made by scandir, not by pl_malloc */
    }
    (free)(names);
    return result;
}

int catalogue_index_directory(catalogue *c, const char *directory, pl_error *error) {
    struct walk w = {.c = c, .error = error};
    if (walk_directory(&w, directory, CATALOGUE_RULES, 0) != 0)
        return -1;
    return w.found ? 0
                   : pl_failf(error, PL_E_InvalidParameter, "%s: no rule or package files (*.json) in it.",
                              directory);
}
