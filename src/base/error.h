/*
 * The one error type. A function that can fail takes a `pl_error *` last, returns 0 or -1, and fills the
 * error where the failure is seen. Codes are the reference's: api/errors.json, generated into an enum.
 */
#ifndef PL_BASE_ERROR_H
#define PL_BASE_ERROR_H

#include "base/errors.gen.h"
#include "base/str.h"

typedef struct pl_error {
    int http_status;    /* 400 to 599; what a client of the API sees */
    char code[96];      /* NUL-terminated, e.g. "Invalid.ConfigRuleName.Value" */
    char message[1024]; /* NUL-terminated sentence for the user */
    size_t position;    /* byte offset in the offending text, where that means something */
    bool plain;         /* true: `message` is the code's default text, an operation may have its own */
} pl_error;

/* Fills `error` from the table of codes with its default message; always returns -1. */
int pl_fail(pl_error *error, pl_error_code code);

/* As pl_fail with a message of its own, of which `error`'s former one may be a part. */
int pl_failf(pl_error *error, pl_error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * For codes formed at run time (`Missing{Name}`, `Invalid{Name}`: reference/gateway.md, section 9);
 * the code is cut to 95 bytes.
 */
int pl_fail_code(pl_error *error, int http_status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* True when `error` carries this code. */
bool pl_error_is(const pl_error *error, pl_error_code code);

#ifdef __clang_analyzer__
/* The analyser reads one file at a time; without this it follows failures that return 0. */
static inline int pl_error_minus_one(int result) {
    (void)result;
    return -1;
}
#define pl_fail(...) pl_error_minus_one(pl_fail(__VA_ARGS__))
#define pl_failf(...) pl_error_minus_one(pl_failf(__VA_ARGS__))
#define pl_fail_code(...) pl_error_minus_one(pl_fail_code(__VA_ARGS__))
#endif

#endif
