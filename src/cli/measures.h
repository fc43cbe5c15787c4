/* What a server shows of itself in /metrics beyond what the gateway counts. */
#ifndef CLI_MEASURES_H
#define CLI_MEASURES_H

#include "cli/program.h"
#include "gateway/gateway.h"

enum { CLI_MEASURES_MAX = 24 };

/* Fills the measures of a program, which outlives them, and returns how many there are. */
size_t cli_measures(program *p, gateway_gauge gauges[static CLI_MEASURES_MAX]);

#endif
