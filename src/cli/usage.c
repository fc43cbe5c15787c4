/* Wrong arguments in words. No state. */
#include "cli/usage.h"

#include <getopt.h>
#include <stdio.h>

enum { NAME_MAX_BYTES = 127, LETTERS_TO_AN_ERROR = 4 };

const char *cli_option_fault(int option, const char *text) {
    if (option == ':')
        return "a value is missing for";
    return optopt && text[0] == '-' && text[1] == '-' ? "no value is taken by" : "unknown option";
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool is_swapped(pl_str a, size_t i, pl_str b, size_t k) {
    return i > 1 && k > 1 && a.p[i - 1] == b.p[k - 2] && a.p[i - 2] == b.p[k - 1];
}

/* How many letters must be changed, put in, taken out or swapped with their neighbour. */
static size_t distance(pl_str a, pl_str b) {
    size_t rows[3][NAME_MAX_BYTES + 1];
    for (size_t k = 0; k <= b.n; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = rows[i % 3], *last = rows[(i - 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= b.n; k++) {
            now[k] = least(least(now[k - 1], last[k]) + 1, last[k - 1] + (a.p[i - 1] != b.p[k - 1]));
            if (is_swapped(a, i, b, k))
                now[k] = least(now[k], rows[(i - 2) % 3][k - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}

pl_str cli_nearest(pl_str wanted, pl_str (*name)(const void *, size_t), const void *context, size_t count) {
    pl_str nearest = PL_STR_NONE;
    size_t best = wanted.n / LETTERS_TO_AN_ERROR + 1;
    if (wanted.n > NAME_MAX_BYTES)
        return nearest;
    for (size_t i = 0; i < count; i++) {
        pl_str candidate = name(context, i);
        size_t longer = candidate.n > wanted.n ? candidate.n - wanted.n : wanted.n - candidate.n;
        if (candidate.n > NAME_MAX_BYTES || longer >= best)
            continue;
        size_t found = distance(wanted, candidate);
        if (found < best) {
            best = found;
            nearest = candidate;
        }
    }
    return nearest;
}

static pl_str identifier_at(const void *context, size_t index) {
    pl_error ignored;
    const catalogue_rule *rule = catalogue_rule_at(context, index, &ignored);
    return rule ? rule->identifier : PL_STR("");
}

pl_str cli_nearest_rule(const catalogue *all, pl_str identifier) {
    return cli_nearest(identifier, identifier_at, all, catalogue_rule_count(all));
}

const char *cli_did_you_mean(char text[static CLI_SUGGESTION_TEXT], pl_str name) {
    text[0] = '\0';
    if (name.n)
        snprintf(text, CLI_SUGGESTION_TEXT, "; did you mean %.*s?", PL_FMT(name));
    return text;
}
