/* Handing answers to the HTTP library: texts, streams, and the documents that are no operations. */
#ifndef GATEWAY_ANSWERING_H
#define GATEWAY_ANSWERING_H

#include <microhttpd.h>

#include "gateway/request.h"

/* The answer of a request that has run, counted in the metrics. MHD_NO ends the connection without one. */
enum MHD_Result answering_send(gateway_request *r);

/* A document by its path; false when the path is an operation's. */
bool answering_send_page(gateway_request *r, enum MHD_Result *result);

#endif
