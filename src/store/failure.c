/* The errors that both drivers and the front tell alike, and how a work is marked as failed. */
#include "store/driver.h"

static const char conflict_code[] = "ConstraintViolation";

int store_fail_memory(pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "The server has no memory left for this request.");
}

int store_fail_conflict(pl_error *error, const char *detail) {
    return pl_fail_code(error, 409, conflict_code, "The change conflicts with a stored entry: %s", detail);
}

bool store_is_conflict(const pl_error *error) {
    return strcmp(error->code, conflict_code) == 0;
}

int store_session_fail(store_session *session, const pl_error *error) {
    if (!session->failed) {
        session->failed = true;
        session->failure = *error;
    }
    return -1;
}
