/* The stories of test_reports.c once more, where statements and allocations beneath every call fail first. */
#define PL_TESTS_WITH_FAULTS
#include "test_reports.c"
