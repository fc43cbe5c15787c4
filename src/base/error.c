/* Filling the one error type from the generated table of codes. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static void set(pl_error *error, int http_status, const char *code, bool plain) {
    error->http_status = http_status;
    snprintf(error->code, sizeof error->code, "%s", code);
    error->position = 0;
    error->plain = plain;
}

int(pl_fail)(pl_error *error, pl_error_code code) {
    const struct pl_error_info *info = &pl_error_table[code];
    set(error, info->http_status, info->code, true);
    snprintf(error->message, sizeof error->message, "%s", info->message);
    return -1;
}

int(pl_failf)(pl_error *error, pl_error_code code, const char *format, ...) {
    const struct pl_error_info *info = &pl_error_table[code];
    char message[sizeof error->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    set(error, info->http_status, info->code, false);
    memcpy(error->message, message, sizeof message);
    return -1;
}

int(pl_fail_code)(pl_error *error, int http_status, const char *code, const char *format, ...) {
    char message[sizeof error->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    set(error, http_status, code, false);
    memcpy(error->message, message, sizeof message);
    return -1;
}

bool pl_error_is(const pl_error *error, pl_error_code code) {
    return strcmp(error->code, pl_error_table[code].code) == 0;
}
