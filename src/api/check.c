/* Limits of scalars, compiled patterns, and the wording of refusals. The binder owns the compiled patterns.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "api/check.h"

#include "base/encode.h"
#include "base/map.h"
#include "base/memory.h"

#include <pcre2.h>
#include <stdio.h>

enum { PATTERN_STEPS = 100000, ALL_OPERATIONS_DEPTH = 8 };

struct api_binder {
    pl_map patterns; /* pattern text to pcre2_code */
    pcre2_match_context *limits;
};

static int add_pattern(api_binder *binder, const struct api_operation *operation, const char *pattern,
                       pl_error *error) {
    pl_str key = pl_str_from(pattern);
    if (pl_map_get(&binder->patterns, key))
        return 0;
    int code;
    PCRE2_SIZE at;
    /* Without DOLLAR_ENDONLY a line break at the end would pass. */
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, key.n, options, &code, &at, NULL);
    if (!compiled)
        return pl_failf(error, PL_E_InternalError, "The pattern \"%s\" of %.*s is wrong at byte %zu.",
                        pattern, PL_FMT(operation->name), (size_t)at);
    if (pl_map_put(&binder->patterns, key, compiled))
        return 0;
    pcre2_code_free(compiled);
    return pl_fail(error, PL_E_ServiceUnavailable);
}

static int add_patterns(api_binder *binder, const struct api_operation *operation,
                        const struct api_parameter *parameters, size_t count, unsigned depth,
                        pl_error *error) {
    for (size_t i = 0; i < count && depth < ALL_OPERATIONS_DEPTH; i++) {
        const struct api_parameter *parameter = &parameters[i];
        if (parameter->pattern && add_pattern(binder, operation, parameter->pattern, error) != 0)
            return -1;
        if (add_patterns(binder, operation, parameter->fields, parameter->field_count, depth + 1, error) != 0)
            return -1;
    }
    return 0;
}

static int add_product(api_binder *binder, const struct api_product *product, pl_error *error) {
    for (size_t i = 0; i < product->operation_count; i++) {
        const struct api_operation *operation = &product->operations[i];
        if (add_patterns(binder, operation, operation->parameters, operation->parameter_count, 0, error) != 0)
            return -1;
    }
    return 0;
}

api_binder *api_binder_new(const struct api_product *const *products, size_t count, pl_error *error) {
    api_binder *binder = pl_calloc(1, sizeof *binder);
    int result = binder ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
    if (result != 0)
        return NULL;
    pl_map_init(&binder->patterns, 0);
    binder->limits = pcre2_match_context_create(NULL);
    if (!binder->limits)
        result = pl_fail(error, PL_E_ServiceUnavailable);
    else
        pcre2_set_match_limit(binder->limits, PATTERN_STEPS);
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_product(binder, products[i], error);
    if (result == 0)
        return binder;
    api_binder_free(binder);
    return NULL;
}

void api_binder_free(api_binder *binder) {
    if (!binder)
        return;
    size_t cursor = 0;
    pl_str key;
    void *compiled;
    while (pl_map_next(&binder->patterns, &cursor, &key, &compiled))
        pcre2_code_free(compiled);
    pl_map_free(&binder->patterns);
    pcre2_match_context_free(binder->limits);
    pl_free(binder);
}

/* An exceeded step limit counts as no match: a value is only let through when the pattern says yes. */
static bool matches(const api_binder *binder, const char *pattern, pl_str text) {
    const pcre2_code *code = pl_map_get(&binder->patterns, pl_str_from(pattern));
    pcre2_match_data *data = code ? pcre2_match_data_create(1, NULL) : NULL;
    if (!data)
        return false;
    int found = pcre2_match(code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, PCRE2_NO_UTF_CHECK, data,
                            binder->limits);
    pcre2_match_data_free(data);
    return found >= 0;
}

static bool is_listed(const struct api_parameter *spec, pl_str text) {
    for (size_t i = 0; i < spec->value_count; i++) {
        if (pl_str_eq(spec->values[i], text))
            return true;
    }
    return spec->value_count == 0;
}

static const char *check_text(const api_binder *binder, const struct api_parameter *spec, pl_str text,
                              check_fault *fault) {
    if (!pl_utf8_valid(text))
        return "It is not valid UTF-8";
    if (pl_str_find_char(text, '\0') != PL_NOT_FOUND)
        return "It contains a NUL character";
    if (text.n == 0)
        return NULL;
    size_t length = pl_utf8_length(text);
    *fault = CHECK_LENGTH;
    if (spec->max_length && length > spec->max_length)
        return "It is too long";
    if (length < spec->min_length)
        return "It is too short";
    *fault = CHECK_INVALID;
    if (!is_listed(spec, text))
        return "It is none of the allowed values";
    if (spec->pattern && !matches(binder, spec->pattern, text))
        return "It does not have the required form";
    return NULL;
}

static const char *check_number(const struct api_parameter *spec, enum api_type type, api_value *value) {
    if (!pl_str_to_i64(value->text, &value->number))
        return "It is not a whole number";
    if (type == API_INT32 && (value->number < INT32_MIN || value->number > INT32_MAX))
        return "It does not fit 32 bits";
    if ((spec->has_min && value->number < spec->min) || (spec->has_max && value->number > spec->max))
        return "It is out of range";
    char digits[24];
    pl_buf text = {.p = digits, .capacity = sizeof digits, .limit = sizeof digits};
    pl_buf_add_i64(&text, value->number);
    return is_listed(spec, pl_buf_str(&text)) ? NULL : "It is none of the allowed values";
}

const char *check_scalar(const api_binder *binder, const struct api_parameter *spec, enum api_type type,
                         api_value *value, check_fault *fault) {
    *fault = CHECK_INVALID;
    switch (type) {
    case API_BOOLEAN:
        return pl_str_to_bool(value->text, &value->flag) ? NULL : "It is neither true nor false";
    case API_INT32:
    case API_INT64: return check_number(spec, type, value);
    default: return check_text(binder, spec, value->text, fault);
    }
}

static pl_error_code documented(const struct api_parameter *spec, check_fault fault) {
    switch (fault) {
    case CHECK_MISSING: return spec->error_missing;
    case CHECK_TOO_MANY: return spec->error_too_many ? spec->error_too_many : spec->error_invalid;
    case CHECK_LENGTH: return spec->error_length ? spec->error_length : spec->error_invalid;
    default: return spec->error_invalid;
    }
}

/* The reason, with the limit that was missed where there is one. */
static void add_reason(pl_error *error, const struct api_parameter *spec, check_fault fault,
                       const char *reason) {
    size_t used = strlen(error->message);
    char *at = error->message + used;
    size_t room = sizeof error->message - used;
    if (!reason)
        return;
    if (fault == CHECK_LENGTH && spec->max_length)
        snprintf(at, room, " %s: %u to %u characters are allowed.", reason, spec->min_length,
                 spec->max_length);
    else if (fault == CHECK_INVALID && spec->has_min && spec->has_max)
        snprintf(at, room, " %s: %lld to %lld is allowed.", reason, (long long)spec->min,
                 (long long)spec->max);
    else
        snprintf(at, room, " %s.", reason);
}

static bool documents(const struct api_operation *operation, pl_error_code code) {
    for (size_t i = 0; i < operation->error_count; i++)
        if (operation->errors[i].code == code)
            return true;
    return false;
}

/* Clients compare the messages of "missing" and of documented limits; a reason would only repeat them. */
static bool says_all(const struct api_operation *operation, check_fault fault,
                     const struct api_parameter *spec, const struct api_parameter *top) {
    return fault == CHECK_MISSING ||
           (fault == CHECK_LENGTH && documents(operation, documented(spec, fault))) ||
           (fault == CHECK_TOO_MANY && (spec->error_too_many || top->error_too_many));
}

/* Names the member below the parameter that was refused. */
static void add_place(pl_error *error, const struct api_parameter *top, pl_str path) {
    pl_str message = pl_str_of(error->message, strlen(error->message));
    size_t used = message.n;
    if (!pl_str_eq(path, top->name) && pl_str_find(message, path) == PL_NOT_FOUND)
        snprintf(error->message + used, sizeof error->message - used, " (%.*s)", PL_FMT(path));
}

int check_refuse(const struct api_operation *operation, const struct api_parameter *top,
                 const struct api_parameter *spec, check_fault fault, pl_str path, const char *reason,
                 pl_error *error) {
    pl_error_code code = documented(spec, fault);
    if (!code)
        code = documented(top, fault);
    if (code) {
        api_fail(operation, error, code);
        add_place(error, top, path);
    } else {
        const struct api_generic_error *generic =
            fault == CHECK_MISSING ? &operation->product->missing : &operation->product->invalid;
        pl_error by_path;
        api_fail_generic(generic, &by_path, path);
        api_fail_generic(generic, error, top->name);
        memcpy(error->message, by_path.message, sizeof error->message);
    }
    if (!says_all(operation, fault, spec, top))
        add_reason(error, spec, fault, reason);
    error->plain = false;
    return -1;
}
