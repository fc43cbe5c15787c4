/* The cases of test_changes.c once more, where everything that is written is first tried with failures
 * beneath. */
#define PL_TESTS_WITH_FAULTS
#include "test_changes.c"
