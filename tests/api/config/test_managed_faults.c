/* The stories of test_managed.c once more, where statements and allocations beneath every call fail first. */
#define PL_TESTS_WITH_FAULTS
#include "test_managed.c"
