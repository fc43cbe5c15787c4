/* Answers on their way out. Bodies stay with their request, which outlives the response. */
#include "gateway/answering.h"

#include <stdio.h>

enum { STREAM_BLOCK = 64 << 10 };

static enum MHD_Result send_response(struct MHD_Connection *mhd, int status, const char *type,
                                     struct MHD_Response *response, gateway_request *r) {
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    if (r && r->request_id[0])
        MHD_add_response_header(response, "x-acs-request-id", r->request_id);
    if (r && r->retry_after_ms >= 0) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)r->retry_after_ms);
        MHD_add_response_header(response, "x-acs-retry-after", number);
    }
    for (size_t i = 0; r && r->route && i < r->route_call.header_count; i++) {
        const api_route_header *header = &r->route_call.headers[i];
        MHD_add_response_header(response, header->name, pl_arena_cstr(&r->arena, header->value));
    }
    enum MHD_Result result = MHD_queue_response(mhd, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_text(struct MHD_Connection *mhd, int status, const char *type, pl_str body,
                                 enum MHD_ResponseMemoryMode mode, gateway_request *r) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)(body.p ? body.p : ""), mode);
    return send_response(mhd, status, type, response, r);
}

/* Bytes of a streamed answer: `scratch` holds the piece that was read last. */
static ssize_t read_stream(void *context, uint64_t position, char *to, size_t most) {
    gateway_request *r = context;
    const api_stream *stream = &r->route_call.stream;
    if (position < r->stream_at || position - r->stream_at >= r->scratch.n) {
        pl_buf_clear(&r->scratch);
        r->stream_at = position;
        if (stream->read(stream->context, position, &r->scratch) != 0 || r->scratch.n == 0)
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t from = (size_t)(position - r->stream_at), left = r->scratch.n - from;
    size_t taken = left < most ? left : most;
    memcpy(to, r->scratch.p + from, taken);
    return (ssize_t)taken;
}

static enum MHD_Result send_stream(gateway_request *r) {
    pl_buf_clear(&r->scratch);
    r->stream_at = 0;
    struct MHD_Response *response =
        MHD_create_response_from_callback(r->route_call.stream.size, STREAM_BLOCK, read_stream, r, NULL);
    return send_response(r->connection, r->status, r->content_type.p, response, r);
}

enum MHD_Result answering_send(gateway_request *r) {
    metrics *m = &r->shared->metrics;
    metrics_count(m, r->product_index, r->operation, r->status, pl_monotonic_ns() - r->started_ns);
    if (r->out.failed)
        return MHD_NO;
    if (r->route && r->route_call.stream.read)
        return send_stream(r);
    return send_text(r->connection, r->status, r->content_type.p, pl_buf_str(&r->out), MHD_RESPMEM_PERSISTENT,
                     r);
}

static enum MHD_Result send_metrics(gateway_request *r) {
    pl_buf_clear(&r->out);
    metrics_write(&r->shared->metrics, r->shared->options, &r->out);
    return send_text(r->connection, 200, "text/plain; version=0.0.4", pl_buf_str(&r->out),
                     MHD_RESPMEM_PERSISTENT, NULL);
}

bool answering_send_page(gateway_request *r, enum MHD_Result *result) {
    const gateway_options *options = r->shared->options;
    gateway_page page;
    bool ready = atomic_load(&r->shared->ready);
    if (!pl_str_is(r->method, "GET") && !pl_str_is(r->method, "HEAD"))
        return false;
    if (pl_str_is(r->path, "/healthz"))
        *result = send_text(r->connection, 200, "text/plain", PL_STR("ok\n"), MHD_RESPMEM_PERSISTENT, NULL);
    else if (pl_str_is(r->path, "/readyz"))
        *result = send_text(r->connection, ready ? 200 : 503, "text/plain",
                            ready ? PL_STR("ready\n") : PL_STR("not ready\n"), MHD_RESPMEM_PERSISTENT, NULL);
    else if (pl_str_is(r->path, "/metrics"))
        *result = send_metrics(r);
    else if (options->find_page && options->find_page(options->page_context, r->path, &r->arena, &page))
        *result = send_text(r->connection, 200, page.content_type.p, page.body, MHD_RESPMEM_PERSISTENT, NULL);
    else
        return false;
    return true;
}
