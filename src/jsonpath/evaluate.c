/*
 * Walking a path over a tape. Depth first, node by node, which gives the order of RFC 9535 without lists
 * between the segments; descendants are read off the tape in a flat loop, since a tape is in document order.
 */
#include "jsonpath/path_internal.h"

int pl_path_visit(selection *s, uint64_t count) {
    s->visits += count;
    if (s->visits <= PL_PATH_MAX_VISITS)
        return 0;
    return pl_failf(s->error, PL_E_InvalidParameter, "the path looks at more than %d values",
                    PL_PATH_MAX_VISITS);
}

static int deliver(selection *s, pl_json node, sink *out) {
    if (out->count == 0)
        out->first = node;
    if (out->nodes) {
        pl_path_nodes *nodes = out->nodes;
        pl_json *larger =
            pl_arena_grow(s->scratch, nodes->items, nodes->count, &nodes->capacity, sizeof node);
        if (!larger)
            return pl_fail(s->error, PL_E_ServiceUnavailable);
        nodes->items = larger;
        nodes->items[nodes->count++] = node;
    }
    return ++out->count >= out->wanted ? WALK_ENOUGH : WALK_ON;
}

/* The element at `index`, negative from the end; missing when there is none. */
static pl_json element(pl_json array, int64_t index) {
    if (!pl_json_is_array(array))
        return PL_JSON_NONE;
    if (index < 0)
        index += (int64_t)pl_json_count(array);
    return index < 0 ? PL_JSON_NONE : pl_json_at(array, (size_t)index);
}

static pl_json single(const selector *one, pl_json node) {
    switch (one->kind) {
    case SELECT_NAME: return pl_json_get(node, one->name);
    case SELECT_INDEX: return element(node, one->start);
    default: return one->start ? element(node, -one->start) : PL_JSON_NONE;
    }
}

static int walk_single(selection *s, const pl_path *path, size_t at, const selector *one, pl_json node,
                       sink *out) {
    if (pl_path_visit(s, pl_json_count(node)) != 0)
        return -1;
    pl_json child = single(one, node);
    return pl_json_exists(child) ? pl_path_walk(s, path, at + 1, child, out) : WALK_ON;
}

/* Every child, or those for which the filter holds. */
static int walk_children(selection *s, const pl_path *path, size_t at, const expression *filter, pl_json node,
                         sink *out) {
    pl_str key;
    pl_json child;
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &key, &child);) {
        int status = pl_path_visit(s, 1);
        bool kept = true;
        if (status == 0 && filter) {
            status = pl_path_test(s, filter, child);
            kept = status == 1;
        }
        if (status >= 0)
            status = kept ? pl_path_walk(s, path, at + 1, child, out) : WALK_ON;
        if (status != WALK_ON)
            return status;
    }
    return WALK_ON;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : (value > high ? high : value);
}

/* The elements of a slice: from `from`, by `step`, up or down to `to` without it. */
typedef struct slice {
    int64_t from, to, step;
} slice;

/* RFC 9535, section 2.3.4.2.2. */
static slice slice_of(const selector *one, int64_t length) {
    bool up = one->step > 0;
    int64_t start = one->has_start ? one->start : (up ? 0 : length - 1);
    int64_t end = one->has_end ? one->end : (up ? length : -length - 1);
    start += start < 0 ? length : 0;
    end += end < 0 ? length : 0;
    int64_t low = up ? 0 : -1, high = up ? length : length - 1;
    return (slice){clamp(start, low, high), clamp(end, low, high), one->step};
}

static int slice_up(selection *s, const pl_path *path, size_t at, pl_json node, const slice *wanted,
                    sink *out) {
    pl_str key;
    pl_json child;
    int64_t index = 0;
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &key, &child); index++) {
        if (index == wanted->to)
            break;
        if (index < wanted->from || (index - wanted->from) % wanted->step != 0)
            continue;
        int status = pl_path_walk(s, path, at + 1, child, out);
        if (status != WALK_ON)
            return status;
    }
    return WALK_ON;
}

/* A tape is read forwards only, so the elements are listed first; `from` is the place of one. */
static int slice_down(selection *s, const pl_path *path, size_t at, pl_json node, const slice *wanted,
                      sink *out) {
    pl_str key;
    if (wanted->from <= wanted->to)
        return WALK_ON;
    pl_json *children = pl_new(s->scratch, pl_json, (size_t)wanted->from + 1);
    if (!children)
        return pl_fail(s->error, PL_E_ServiceUnavailable);
    pl_json_walk walk = pl_json_children(node);
    for (int64_t index = 0; index <= wanted->from; index++)
        pl_json_step(&walk, &key, &children[index]);
    for (int64_t index = wanted->from; index > wanted->to; index += wanted->step) {
        int status = pl_path_walk(s, path, at + 1, children[index], out);
        if (status != WALK_ON)
            return status;
    }
    return WALK_ON;
}

static int walk_slice(selection *s, const pl_path *path, size_t at, const selector *one, pl_json node,
                      sink *out) {
    int64_t length = (int64_t)pl_json_count(node);
    if (!pl_json_is_array(node) || one->step == 0)
        return WALK_ON;
    if (pl_path_visit(s, (uint64_t)length) != 0)
        return -1;
    slice wanted = slice_of(one, length);
    return one->step > 0 ? slice_up(s, path, at, node, &wanted, out)
                         : slice_down(s, path, at, node, &wanted, out);
}

static int walk_selector(selection *s, const pl_path *path, size_t at, const selector *one, pl_json node,
                         sink *out) {
    switch (one->kind) {
    case SELECT_WILDCARD: return walk_children(s, path, at, NULL, node, out);
    case SELECT_FILTER: return walk_children(s, path, at, one->filter, node, out);
    case SELECT_SLICE: return walk_slice(s, path, at, one, node, out);
    default: return walk_single(s, path, at, one, node, out);
    }
}

static int walk_selectors(selection *s, const pl_path *path, size_t at, pl_json node, sink *out) {
    const segment *here = &path->segments[at];
    int status = WALK_ON;
    for (size_t i = 0; i < here->count && status == WALK_ON; i++)
        status = walk_selector(s, path, at, &here->selectors[i], node, out);
    return status;
}

/* The node and all below it, parents first. Scalars and keys select nothing and are stepped over. */
static int walk_descendants(selection *s, const pl_path *path, size_t at, pl_json node, sink *out) {
    uint32_t end = pl_json_behind(node);
    if (pl_path_visit(s, end - node.at) != 0)
        return -1;
    for (; node.at < end; node.at++) {
        char tag = pl_json_tag(node);
        int status = tag == '{' || tag == '[' ? walk_selectors(s, path, at, node, out) : WALK_ON;
        if (status != WALK_ON)
            return status;
        if (tag == 'l' || tag == 'u' || tag == 'd')
            node.at++;
    }
    return WALK_ON;
}

int pl_path_walk(selection *s, const pl_path *path, size_t at, pl_json node, sink *out) {
    if (at == path->count)
        return deliver(s, node, out);
    return path->segments[at].descend ? walk_descendants(s, path, at, node, out)
                                      : walk_selectors(s, path, at, node, out);
}

int pl_path_select_from(const pl_path *path, size_t from, pl_json start, pl_json root, pl_arena *scratch,
                        pl_path_nodes *out, pl_error *error) {
    selection s = {
        .root = root, .scratch = scratch, .error = error, .strict = path->dialect == PL_PATH_RFC9535};
    sink all = {.nodes = out, .wanted = SIZE_MAX};
    *out = (pl_path_nodes){.items = NULL};
    if (!pl_json_exists(start))
        return 0;
    return pl_path_walk(&s, path, from, start, &all) < 0 ? -1 : 0;
}

int pl_path_select(const pl_path *path, pl_json root, pl_arena *scratch, pl_path_nodes *out,
                   pl_error *error) {
    return pl_path_select_from(path, 0, root, root, scratch, out, error);
}

pl_json pl_path_find_from(const pl_path *path, size_t from, pl_json start) {
    pl_json node = start;
    for (size_t at = from; at < path->count && pl_json_exists(node); at++)
        node = single(&path->segments[at].selectors[0], node);
    return node;
}

pl_json pl_path_find(const pl_path *path, pl_json root) {
    return pl_path_find_from(path, 0, root);
}
