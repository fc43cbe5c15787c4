/*
 * A second evaluator of conditions, written for plainness: it reads the tree anew for every document, looks
 * members up one by one and knows nothing of tries, cells or prediction. It covers paths of names, one index
 * or a trailing `[*]`, and the operators below; tests hold the program against it.
 */
#ifndef PL_TESTS_SLOW_EVALUATOR_H
#define PL_TESTS_SLOW_EVALUATOR_H

#include "json/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { SLOW_ITEMS = 32, SLOW_TEXT = 512 };

typedef struct slow_value {
    pl_json node;
    bool list; /* of `items` */
    pl_json items[SLOW_ITEMS];
    size_t count;
} slow_value;

static inline bool slow_absent(pl_json node) {
    return !pl_json_exists(node) || pl_json_is_null(node);
}

static inline void slow_text(pl_json node, char *out) {
    pl_buf text;
    pl_buf_init(&text, SLOW_TEXT - 1);
    pl_json_write_text(&text, node);
    memcpy(out, pl_buf_str(&text).p, text.n);
    out[text.n] = '\0';
    pl_buf_free(&text);
}

static inline slow_value slow_find(pl_json root, pl_str path) {
    slow_value out = {.node = root};
    pl_str rest = pl_str_skip(path, 1);
    while (rest.n) {
        size_t end = 1;
        while (end < rest.n && rest.p[end] != '.' && rest.p[end] != '[')
            end++;
        if (pl_str_starts(rest, PL_STR("[*]"))) {
            pl_str key;
            pl_json child;
            out.list = true;
            for (pl_json_walk w = pl_json_children(out.node); pl_json_step(&w, &key, &child);)
                out.items[out.count++] = child;
            out.node = PL_JSON_NONE;
        } else if (rest.p[0] == '[') {
            out.node = pl_json_at(out.node, (size_t)atoi(rest.p + 1));
        } else {
            out.node = pl_json_get(out.node, pl_str_of(rest.p + 1, end - 1));
        }
        rest = pl_str_skip(rest, end);
    }
    if (!out.list && pl_json_is_array(out.node)) {
        pl_str key;
        pl_json child;
        for (pl_json_walk w = pl_json_children(out.node); pl_json_step(&w, &key, &child);)
            out.items[out.count++] = child;
    }
    return out;
}

static inline bool slow_is_list(const slow_value *v) {
    return v->list || pl_json_is_array(v->node);
}

/* True when the text is one of the parts of `desired` between commas. */
static inline bool slow_listed(const char *text, const char *desired, bool fold) {
    char copy[SLOW_TEXT], *save = NULL;
    snprintf(copy, sizeof copy, "%s", desired);
    for (char *part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save))
        if (fold ? strcasecmp(part, text) == 0 : strcmp(part, text) == 0)
            return true;
    return false;
}

static inline bool slow_number(pl_json node, double *out) {
    char text[SLOW_TEXT], *end;
    slow_text(node, text);
    if (pl_json_double(node, out))
        return true;
    if (!pl_json_is_string(node) || !text[0] || !strchr("0123456789-+.", text[0]))
        return false;
    *out = strtod(text, &end);
    return *end == '\0';
}

/* The tests of single values; the negated operators turn the answer round. */
static inline bool slow_single(const char *op, pl_json node, const char *desired) {
    char text[SLOW_TEXT];
    double number, wanted = strtod(desired, NULL);
    slow_text(node, text);
    if (slow_absent(node))
        return false;
    if (strstr(op, "StringEquals"))
        return strcasecmp(text, desired) == 0;
    if (strstr(op, "StringIn"))
        return slow_listed(text, desired, true);
    if (strstr(op, "StringContains"))
        return strcasestr(text, desired) != NULL;
    if (strcmp(op, "In") == 0)
        return slow_listed(text, desired, false);
    if (!slow_number(node, &number))
        return false;
    if (strcmp(op, "Less") == 0)
        return number < wanted;
    if (strcmp(op, "LessOrEquals") == 0)
        return number <= wanted;
    if (strcmp(op, "Greater") == 0)
        return number > wanted;
    if (strcmp(op, "GreaterOrEquals") == 0)
        return number >= wanted;
    return !(number < wanted) && !(number > wanted);
}

static inline bool slow_each(const char *op, const slow_value *v, const char *desired) {
    bool negated = strncmp(op, "Not", 3) == 0;
    if (!slow_is_list(v) || v->count == 0)
        return slow_single(op, slow_is_list(v) ? PL_JSON_NONE : v->node, desired) != negated;
    for (size_t i = 0; i < v->count; i++)
        if (slow_single(op, v->items[i], desired) == negated)
            return false;
    return true;
}

static inline bool slow_empty_text(pl_json node) {
    return slow_absent(node) || (pl_json_is_string(node) && pl_json_text(node).n == 0);
}

static inline bool slow_empty(const slow_value *v) {
    return slow_is_list(v) ? v->count == 0 : slow_absent(v->node);
}

static inline bool slow_all_texts(const slow_value *v, bool empty) {
    for (size_t i = 0; i < v->count; i++)
        if (slow_empty_text(v->items[i]) != empty)
            return false;
    return slow_is_list(v) ? empty || v->count > 0 : slow_empty_text(v->node) == empty;
}

/* A list that has the text, or shares an element with the list; a single text that contains it. */
static inline bool slow_has(const slow_value *v, const char *desired, bool listed) {
    char text[SLOW_TEXT];
    for (size_t i = 0; i < v->count; i++) {
        slow_text(v->items[i], text);
        if (!slow_absent(v->items[i]) &&
            (listed ? slow_listed(text, desired, false) : strcmp(text, desired) == 0))
            return true;
    }
    if (slow_is_list(v) || slow_absent(v->node))
        return false;
    slow_text(v->node, text);
    return listed ? slow_listed(text, desired, false) : desired[0] && strstr(text, desired);
}

static inline bool slow_clause(const char *op, const slow_value *v, const char *desired) {
    size_t length = slow_is_list(v) ? v->count : !slow_absent(v->node);
    if (strcmp(op, "IsStringEmpty") == 0 || strcmp(op, "IsNotStringEmpty") == 0)
        return slow_all_texts(v, strcmp(op, "IsStringEmpty") == 0);
    if (strcmp(op, "IsEmpty") == 0)
        return slow_empty(v);
    if (strcmp(op, "IsNotEmpty") == 0)
        return pl_json_is_object(v->node)   ? pl_json_count(v->node) > 0
               : pl_json_is_string(v->node) ? pl_json_text(v->node).n > 0
                                            : !slow_empty(v);
    if (strcmp(op, "Exists") == 0 || strcmp(op, "NotExists") == 0)
        return (slow_is_list(v) || !slow_absent(v->node)) == (op[0] == 'E');
    if (strcmp(op, "ArrayLengthGreaterOrEquals") == 0)
        return (double)length >= strtod(desired, NULL);
    if (strcmp(op, "ArrayLengthLessOrEquals") == 0)
        return (double)length <= strtod(desired, NULL);
    if (strcmp(op, "Contains") == 0 || strcmp(op, "NotContains") == 0)
        return slow_has(v, desired, false) == (op[0] == 'C');
    if (strcmp(op, "Intersects") == 0 || strcmp(op, "NotIn") == 0)
        return slow_has(v, desired, true) == (op[0] == 'I');
    return slow_each(op, v, desired);
}

/* Truth of a tree as a rule holds it. */
static inline bool slow_tree(pl_json tree, pl_json document) {
    pl_json children = pl_json_get(tree, PL_STR("children")), child;
    pl_str key;
    char op[64], desired[SLOW_TEXT];
    slow_text(pl_json_get(tree, PL_STR("operator")), op);
    if (pl_json_count(children) == 0) {
        slow_value v = slow_find(document, pl_json_str(pl_json_get(tree, PL_STR("featurePath"))));
        slow_text(pl_json_get(tree, PL_STR("desired")), desired);
        return slow_clause(op, &v, desired);
    }
    bool any = strcmp(op, "or") == 0, result = !any;
    for (pl_json_walk w = pl_json_children(children); pl_json_step(&w, &key, &child);)
        result = any ? slow_tree(child, document) || result : slow_tree(child, document) && result;
    return result;
}

#endif
