/* Parameters of an operation, and the errors it documents. */
#include "api/operation.h"

const struct api_parameter *api_find_parameter(const struct api_operation *operation, pl_str name) {
    for (size_t i = 0; i < operation->parameter_count; i++) {
        if (pl_str_eq(operation->parameters[i].name, name))
            return &operation->parameters[i];
    }
    return NULL;
}

static void put_text(char *into, size_t size, const char *text) {
    size_t n = strlen(text);
    if (n >= size)
        n = size - 1;
    memcpy(into, text, n);
    into[n] = '\0';
}

void api_error_localize(const struct api_operation *operation, pl_error *error) {
    if (!error->plain)
        return;
    for (size_t i = 0; i < operation->error_count; i++) {
        const struct api_error *own = &operation->errors[i];
        if (strcmp(pl_error_table[own->code].code, error->code) != 0)
            continue;
        error->http_status = own->http_status;
        put_text(error->message, sizeof error->message, own->message);
        return;
    }
}

void api_error_word_denial(const struct api_operation *operation, pl_error *error) {
    const char *message = operation->product->denied;
    for (size_t i = 0; i < operation->error_count; i++) {
        const struct api_error *own = &operation->errors[i];
        if (own->http_status == 403 && strcmp(pl_error_table[own->code].code, error->code) == 0)
            message = own->message;
    }
    if (message)
        put_text(error->message, sizeof error->message, message);
}

int api_fail(const struct api_operation *operation, pl_error *error, pl_error_code code) {
    pl_fail(error, code);
    api_error_localize(operation, error);
    return -1;
}

/* Copies `template` with each {Name} replaced; cut to fit. */
static void expand(char *into, size_t size, const char *template, pl_str name) {
    static const char placeholder[] = "{Name}";
    size_t used = 0;
    while (*template && used + 1 < size) {
        if (strncmp(template, placeholder, sizeof placeholder - 1) != 0) {
            into[used++] = *template ++;
            continue;
        }
        size_t n = name.n < size - 1 - used ? name.n : size - 1 - used;
        if (n > 0)
            memcpy(into + used, name.p, n);
        used += n;
        template += sizeof placeholder - 1;
    }
    into[used] = '\0';
}

int api_fail_generic(const struct api_generic_error *generic, pl_error *error, pl_str parameter) {
    char code[sizeof error->code];
    char message[sizeof error->message];
    expand(code, sizeof code, generic->code, parameter);
    expand(message, sizeof message, generic->message, parameter);
    return pl_fail_code(error, generic->http_status, code, "%s", message);
}
