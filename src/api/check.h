/*
 * Checking one scalar against its specification, and saying what is wrong with it. Internal to the binding.
 */
#ifndef API_CHECK_H
#define API_CHECK_H

#include "api/bind.h"

typedef enum check_fault { CHECK_INVALID, CHECK_MISSING, CHECK_TOO_MANY, CHECK_LENGTH } check_fault;

/*
 * Reads `value->text` as the type and holds it against the limits. NULL when it is right (number and flag are
 * set then), else the reason in words and the kind of fault. The reason lives as long as the specification.
 */
const char *check_scalar(const api_binder *binder, const struct api_parameter *spec, enum api_type type,
                         api_value *value, check_fault *fault);

/*
 * The refusal: the documented code of the parameter, else of the operation's own parameter `top` that it is
 * part of, else the product's generic one. The message names `path`; `reason` (NULL: none) follows it. -1.
 */
int check_refuse(const struct api_operation *operation, const struct api_parameter *top,
                 const struct api_parameter *spec, check_fault fault, pl_str path, const char *reason,
                 pl_error *error);

#endif
