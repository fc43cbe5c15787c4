/* Making and opening the addresses of files, and sending the files piece by piece. */
#include "api/config/downloads.h"

#include "base/digest.h"
#include "base/encode.h"
#include "identity/identity.h"

enum { LINK_MS = 3600000, TOKEN_MAX = 8192 };

static const pl_str bound = PL_STR_INIT("plumbline file link 1");

/* What comes between the account and the name in a path. */
static pl_str path_of(pl_arena *arena, const reports_file *file) {
    static const char *const rooms[] = {"",
                                        "RESOURCE_INVENTORY",
                                        "RESOURCE_SEARCH",
                                        "CompliancePackReports",
                                        "ConfigRuleReports",
                                        "TemplateReports"};
    pl_str middle = file->kind == REPORTS_RULES ? PL_STR("rules") : file->object_id;
    return pl_arena_printf(arena, "/reports/%s/%.*s/%.*s%s%.*s", rooms[file->kind], PL_FMT(file->account_id),
                           PL_FMT(middle), middle.n ? "/" : "", PL_FMT(file->name));
}

int downloads_link(api_call *call, const reports_file *file, pl_str *link) {
    pl_buf sealed, token;
    int64_t expires = call->now + LINK_MS;
    pl_str path = path_of(call->arena, file);
    pl_str plain = pl_arena_printf(call->arena, "%.*s %.*s %lld %.*s", PL_FMT(file->account_id),
                                   PL_FMT(file->file_id), (long long)expires, PL_FMT(path));
    pl_buf_init(&sealed, TOKEN_MAX);
    pl_buf_init(&token, 2 * TOKEN_MAX);
    bool made = plain.p && path.p &&
                pl_seal(&sealed, call->services->server_key, plain, bound, &call->services->random) == 0;
    pl_hex_encode(&token, pl_buf_str(&sealed));
    *link = pl_arena_printf(call->arena, "%s://%.*s%.*s?Expires=%lld&Signature=%.*s",
                            call->secure ? "https" : "http", PL_FMT(call->host), PL_FMT(path),
                            (long long)(expires / 1000), PL_FMT(pl_buf_str(&token)));
    made = made && !token.failed && link->p;
    pl_buf_free(&sealed);
    pl_buf_free(&token);
    return made ? 0 : pl_fail(call->error, PL_E_ServiceUnavailable);
}

/* --- Downloads -------------------------------------------------------------------------------------------
 */

typedef struct download {
    api_services *services;
    reports_file file;
    bool found;
    int64_t position;
    pl_arena *arena;
    pl_str bytes;
} download;

static int refuse(api_route_call *call) {
    return pl_fail_code(call->error, 403, "AccessDenied", "The link is not valid, or not valid any more.");
}

static int open_link(api_route_call *call, download *d) {
    pl_buf sealed, plain;
    pl_str rest, expiry;
    int64_t expires = 0;
    pl_buf_init(&sealed, TOKEN_MAX);
    pl_buf_init(&plain, TOKEN_MAX);
    pl_str signature = api_fields_text(call->query, PL_STR("Signature"));
    bool sound = signature.n <= 2 * TOKEN_MAX && pl_hex_decode(&sealed, signature) &&
                 pl_unseal(&plain, call->services->server_key, pl_buf_str(&sealed), bound) == 0;
    rest = sound ? pl_arena_copy(call->arena, pl_buf_str(&plain)) : PL_STR_NONE;
    bool failed = sealed.failed || plain.failed || call->arena->failed;
    pl_buf_free(&sealed);
    pl_buf_free(&plain);
    if (failed)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    sound = rest.p && pl_str_split(&rest, ' ', &d->file.account_id) &&
            pl_str_split(&rest, ' ', &d->file.file_id) && pl_str_split(&rest, ' ', &expiry) &&
            pl_str_to_i64(expiry, &expires) && expires > call->now && pl_str_eq(rest, call->path);
    return sound ? 0 : refuse(call);
}

static int find_work(store_session *session, void *argument, pl_error *error) {
    download *d = argument;
    pl_str account = d->file.account_id, id = d->file.file_id;
    return reports_find_id(session, d->arena, account, id, &d->file, &d->found, error);
}

static int read_work(store_session *session, void *argument, pl_error *error) {
    download *d = argument;
    return reports_read(session, d->arena, d->file.account_id, d->file.file_id, d->position, &d->bytes,
                        error);
}

/* The piece that holds `position`, from there on. The download outlives the call: it lies in the request. */
static int read_piece(void *context, uint64_t position, pl_buf *out) {
    download *d = context;
    pl_arena scratch;
    pl_error error;
    download one = *d;
    pl_arena_init(&scratch, 4 * REPORTS_CHUNK);
    one.arena = &scratch;
    one.position = (int64_t)(position / REPORTS_CHUNK);
    int result = store_read(d->services->store, read_work, &one, &error);
    if (result == 0)
        pl_buf_add(out, pl_str_skip(one.bytes, (size_t)(position % REPORTS_CHUNK)));
    pl_arena_free(&scratch);
    return result == 0 && !out->failed ? 0 : -1;
}

/* Browsers save a workbook under the name that office programs expect. */
static pl_str disposition(api_route_call *call, const reports_file *file) {
    bool workbook = pl_str_ends(file->name, PL_STR(".xls"));
    return pl_arena_printf(call->arena, "attachment; filename=\"%.*s%s\"", PL_FMT(file->name),
                           workbook ? "x" : "");
}

static int send(api_route_call *call) {
    download *d = pl_new(call->arena, download, 1);
    if (!d)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    d->services = call->services;
    d->arena = call->arena;
    if (open_link(call, d) != 0 || store_read(call->services->store, find_work, d, call->error) != 0)
        return -1;
    if (!d->found || d->file.state != REPORTS_COMPLETE)
        return pl_fail_code(call->error, 404, "NoSuchKey", "The file has been replaced by a newer one.");
    call->content_type = pl_arena_cstr(call->arena, d->file.content_type);
    pl_str named = disposition(call, &d->file);
    if (!call->content_type || !named.p)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    api_route_add_header(call, "Content-Disposition", named);
    api_route_add_header(call, "Cache-Control", PL_STR("private, no-store"));
    api_route_add_header(call, "X-Content-Type-Options", PL_STR("nosniff"));
    call->stream = (api_stream){read_piece, d, (uint64_t)d->file.size};
    return 0;
}

static const api_route routes[] = {
    {"GET", "/reports/RESOURCE_INVENTORY/{}/{}", "DownloadFile", NULL, NULL, 0, true, send},
    {"GET", "/reports/RESOURCE_SEARCH/{}/{}", "DownloadFile", NULL, NULL, 0, true, send},
    {"GET", "/reports/CompliancePackReports/{}/{}/{}", "DownloadFile", NULL, NULL, 0, true, send},
    {"GET", "/reports/ConfigRuleReports/{}/rules/{}", "DownloadFile", NULL, NULL, 0, true, send},
    {"GET", "/reports/TemplateReports/{}/{}/{}", "DownloadFile", NULL, NULL, 0, true, send},
};

const api_route_product config_downloads = {
    .prefix = PL_STR_INIT("/reports/"),
    .ram_code = PL_STR_INIT("config"),
    .routes = routes,
    .count = sizeof routes / sizeof *routes,
};
