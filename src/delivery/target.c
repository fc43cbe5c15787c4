/*
 * Where targets lie and how a document is sent there: OSS (S3) objects by PUT, MNS messages, SLS logs as web
 * tracking, plain POSTs, and files below a directory.
 */
#include "delivery/private.h"

#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_MS = 5000, SEND_MS = 30000, PROBE_MS = 10000, PATH_MAX_BYTES = 2048, ANSWER_MOST = 16 << 10 };

/* --- Places ----------------------------------------------------------------------------------------------
 */

static const char *address_of(const delivery *d, delivery_type type) {
    switch (type) {
    case DELIVERY_OSS: return d->config.oss_url;
    case DELIVERY_MNS: return d->config.mns_url;
    case DELIVERY_SLS: return d->config.sls_url;
    default: return d->config.events_url;
    }
}

static void fill_address(pl_buf *out, pl_str pattern, const delivery_target *t, pl_str service) {
    const struct {
        pl_str name, value;
    } values[] = {{PL_STR("{region}"), t->region},   {PL_STR("{account}"), t->account_id},
                  {PL_STR("{bucket}"), t->bucket},   {PL_STR("{topic}"), t->topic},
                  {PL_STR("{project}"), t->project}, {PL_STR("{logstore}"), t->logstore},
                  {PL_STR("{service}"), service}};
    enum { VALUES = sizeof values / sizeof *values };
    while (pattern.n) {
        size_t i = 0;
        while (i < VALUES && !pl_str_starts(pattern, values[i].name))
            i++;
        if (i < VALUES)
            pl_buf_add(out, values[i].value);
        else
            pl_buf_add_char(out, pattern.p[0]);
        pattern = pl_str_skip(pattern, i < VALUES ? values[i].name.n : 1);
    }
}

static bool mentions(pl_str pattern, const char *name) {
    return pl_str_find(pattern, pl_str_from(name)) != PL_NOT_FOUND;
}

/* The vendor's paths below the address, unless the address names the bucket or project itself. */
static void add_path(pl_buf *out, pl_str pattern, const delivery_target *t) {
    if (t->type == DELIVERY_OSS && !mentions(pattern, "{bucket}"))
        pl_buf_printf(out, "/%.*s", PL_FMT(t->bucket));
    if (t->type == DELIVERY_MNS)
        pl_buf_printf(out, "/topics/%.*s", PL_FMT(t->topic));
    if (t->type == DELIVERY_SLS && !mentions(pattern, "{project}"))
        pl_buf_printf(out, "/%.*s", PL_FMT(t->project));
    if (t->type == DELIVERY_SLS)
        pl_buf_printf(out, "/logstores/%.*s", PL_FMT(t->logstore));
}

int target_place(delivery *d, pl_arena *arena, const delivery_target *target, pl_str service,
                 delivery_place *out, pl_error *error) {
    pl_str pattern = pl_str_from(address_of(d, target->type));
    pl_buf url;
    *out = (delivery_place){.target = *target};
    if (pattern.n == 0)
        return 0;
    out->webhook = target->type == DELIVERY_EVENTS || pl_str_starts(pattern, PL_STR("webhook+"));
    if (pl_str_starts(pattern, PL_STR("webhook+")))
        pattern = pl_str_skip(pattern, 8);
    while (pl_str_ends(pattern, PL_STR("/")))
        pattern.n--;
    pl_buf_init(&url, PATH_MAX_BYTES);
    fill_address(&url, pattern, target, service);
    if (!out->webhook)
        add_path(&url, pattern, target);
    if (!url.failed) {
        char *text = pl_arena_cstr(arena, pl_buf_str(&url));
        out->url = pl_str_from(text);
    }
    pl_buf_free(&url);
    return out->url.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* --- Requests --------------------------------------------------------------------------------------------
 */

typedef struct request {
    delivery *d;
    CURL *curl;
    pl_arena *arena;
    const delivery_place *place;
    struct curl_slist *headers;
    pl_buf answer;
    char *reason;
    bool failed; /* no memory */
} request;

static size_t take_answer(char *data, size_t size, size_t count, void *context) {
    pl_buf *answer = context;
    size_t room = ANSWER_MOST - answer->n, n = size * count;
    pl_buf_add(answer, pl_str_of(data, n < room ? n : room));
    return n;
}

static void add_header(request *r, const char *format, pl_str value) {
    pl_str line = pl_arena_printf(r->arena, format, PL_FMT(value));
    struct curl_slist *longer = line.p ? curl_slist_append(r->headers, line.p) : NULL;
    r->failed = r->failed || !longer;
    if (longer)
        r->headers = longer;
}

static bool signs(const request *r) {
    return r->d->config.access_key_id && r->d->config.access_key_secret && !r->place->webhook;
}

/* Signature V4 as object stores check it (AWS S3, MinIO, OSS at its S3 endpoints). */
static void sign_object(request *r, pl_str payload) {
    char digest[PL_SHA256_SIZE * 2 + 1];
    pl_str provider = pl_arena_printf(r->arena, "aws:amz:%.*s:s3", PL_FMT(r->place->target.region));
    pl_str user =
        pl_arena_printf(r->arena, "%s:%s", r->d->config.access_key_id, r->d->config.access_key_secret);
    r->failed = r->failed || !provider.p || !user.p || pl_sha256_hex(payload, digest) != 0;
    if (r->failed)
        return;
    add_header(r, "x-amz-content-sha256: %.*s", pl_str_from(digest));
    curl_easy_setopt(r->curl, CURLOPT_AWS_SIGV4, provider.p);
    curl_easy_setopt(r->curl, CURLOPT_USERPWD, user.p);
}

/* The signature of the message service: verb, digest (none), type, date, its own headers, resource. */
static void sign_message(request *r, const char *verb, pl_str type, pl_str resource) {
    char date[64];
    struct tm parts;
    unsigned char mac[PL_SHA1_SIZE];
    time_t seconds = (time_t)(pl_now(&r->d->config.clock) / 1000);
    pl_buf out;
    pl_buf_init(&out, 256);
    gmtime_r(&seconds, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    pl_str text = pl_arena_printf(r->arena, "%s\n\n%.*s\n%s\nx-mns-version:2015-06-06\n%.*s", verb,
                                  PL_FMT(type), date, PL_FMT(resource));
    if (!text.p || pl_hmac_sha1(pl_str_from(r->d->config.access_key_secret), text, mac) != 0)
        r->failed = true;
    else
        pl_base64_encode(&out, pl_str_of((const char *)mac, sizeof mac));
    pl_str header =
        pl_arena_printf(r->arena, "%s:%.*s", r->d->config.access_key_id, PL_FMT(pl_buf_str(&out)));
    add_header(r, "Date: %.*s", pl_str_from(date));
    add_header(r, "Authorization: MNS %.*s", header);
    pl_buf_free(&out);
}

static void set_common(request *r, const char *url, long milliseconds) {
    curl_easy_reset(r->curl);
    curl_easy_setopt(r->curl, CURLOPT_URL, url);
    curl_easy_setopt(r->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(r->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(r->curl, CURLOPT_TIMEOUT_MS, milliseconds);
    curl_easy_setopt(r->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(r->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(r->curl, CURLOPT_WRITEDATA, &r->answer);
    curl_easy_setopt(r->curl, CURLOPT_TCP_NODELAY, 1L);
}

static void set_body(request *r, const char *verb, pl_str body) {
    curl_easy_setopt(r->curl, CURLOPT_CUSTOMREQUEST, verb);
    curl_easy_setopt(r->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, body.n ? body.p : "");
    curl_easy_setopt(r->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
}

/* The Code of the vendor's error document, else the status. */
static void explain_status(request *r, long status) {
    pl_str text = pl_buf_str(&r->answer);
    size_t from = pl_str_find(text, PL_STR("<Code>"));
    if (from != PL_NOT_FOUND) {
        pl_str code = pl_str_skip(text, from + 6);
        size_t end = pl_str_find_char(code, '<');
        code = pl_str_head(code, end == PL_NOT_FOUND ? 0 : end);
        if (code.n && code.n < 64) {
            snprintf(r->reason, DELIVERY_REASON, "%.*s", PL_FMT(code));
            return;
        }
    }
    snprintf(r->reason, DELIVERY_REASON, "HTTP status %ld", status);
}

/* What might be taken later is told apart from what never will be. */
static delivery_sent perform(request *r) {
    long status = 0;
    curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, r->headers);
    CURLcode result = r->failed ? CURLE_OUT_OF_MEMORY : curl_easy_perform(r->curl);
    if (result != CURLE_OK) {
        snprintf(r->reason, DELIVERY_REASON, "%s", curl_easy_strerror(result));
        return DELIVERY_UNREACHABLE;
    }
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return DELIVERY_TAKEN;
    explain_status(r, status);
    bool refused = status == 400 || status == 405 || status == 413 || status == 415 || status == 422;
    return refused ? DELIVERY_REFUSED : DELIVERY_UNREACHABLE;
}

static delivery_sent finish(request *r, delivery_sent sent) {
    curl_slist_free_all(r->headers);
    pl_buf_free(&r->answer);
    return sent;
}

/* --- The services ----------------------------------------------------------------------------------------
 */

static delivery_sent send_object(request *r, pl_str key, pl_str payload) {
    pl_str url = pl_arena_printf(r->arena, "%.*s/%.*s", PL_FMT(r->place->url), PL_FMT(key));
    r->failed = !url.p;
    set_common(r, url.p ? url.p : "", SEND_MS);
    set_body(r, "PUT", payload);
    add_header(r, "Content-Type: %.*s", PL_STR("application/json"));
    if (signs(r))
        sign_object(r, payload);
    return perform(r);
}

static delivery_sent send_message(request *r, pl_str payload) {
    pl_buf body;
    pl_str type = PL_STR("text/xml;charset=utf-8");
    pl_buf_init(&body, 8 * DELIVERY_MESSAGE_MAX);
    pl_buf_add(&body, PL_STR("<?xml version=\"1.0\" encoding=\"utf-8\"?><Message "
                             "xmlns=\"http://mns.aliyuncs.com/doc/v1/\"><MessageBody>"));
    pl_xml_escape(&body, payload, false);
    pl_buf_add(&body, PL_STR("</MessageBody></Message>"));
    pl_str url = pl_arena_printf(r->arena, "%.*s/messages", PL_FMT(r->place->url));
    pl_str resource = pl_arena_printf(r->arena, "/topics/%.*s/messages", PL_FMT(r->place->target.topic));
    r->failed = !url.p || !resource.p || body.failed;
    set_common(r, url.p ? url.p : "", SEND_MS);
    set_body(r, "POST", pl_buf_str(&body));
    add_header(r, "Content-Type: %.*s", type);
    add_header(r, "x-mns-version: %.*s", PL_STR("2015-06-06"));
    if (signs(r))
        sign_message(r, "POST", type, resource);
    delivery_sent sent = perform(r);
    pl_buf_free(&body);
    return sent;
}

static void write_logs(pl_buf *body, pl_str payload) {
    pl_buf_add(body, PL_STR("{\"__topic__\":\"staging\",\"__source__\":\"plumbline\",\"__logs__\":"));
    pl_buf_add(body, payload);
    pl_buf_add_char(body, '}');
}

static delivery_sent send_logs(request *r, pl_str payload) {
    pl_buf body;
    pl_buf_init(&body, payload.n + 256);
    write_logs(&body, payload);
    pl_str url =
        r->place->webhook ? r->place->url : pl_arena_printf(r->arena, "%.*s/track", PL_FMT(r->place->url));
    r->failed = !url.p || body.failed;
    set_common(r, url.p ? url.p : "", SEND_MS);
    set_body(r, "POST", pl_buf_str(&body));
    add_header(r, "Content-Type: %.*s", PL_STR("application/json"));
    add_header(r, "x-log-apiversion: %.*s", PL_STR("0.6.0"));
    add_header(r, "x-log-bodyrawsize: %.*s", pl_arena_printf(r->arena, "%zu", body.n));
    delivery_sent sent = perform(r);
    pl_buf_free(&body);
    return sent;
}

static delivery_sent send_document(request *r, pl_str key, pl_str payload) {
    set_common(r, r->place->url.p, SEND_MS);
    set_body(r, "POST", payload);
    add_header(r, "Content-Type: %.*s",
               r->place->target.type == DELIVERY_EVENTS ? PL_STR("application/cloudevents+json")
                                                        : PL_STR("application/json"));
    if (key.n)
        add_header(r, "X-Plumbline-Object: %.*s", key);
    return perform(r);
}

/* --- Directories -----------------------------------------------------------------------------------------
 */

/* Makes every directory on the way to the last part of `path`, which is changed and restored. */
static int make_way(char *path) {
    for (char *c = path + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = 0;
        int status = mkdir(path, 0700);
        *c = '/';
        if (status != 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

static bool is_directory_writable(delivery *d, char *reason) {
    char path[PATH_MAX_BYTES];
    int n = snprintf(path, sizeof path, "%s/", d->config.directory);
    if (n > 0 && (size_t)n < sizeof path && make_way(path) == 0 && access(path, W_OK) == 0)
        return true;
    snprintf(reason, DELIVERY_REASON, "%.200s: %s", d->config.directory, strerror(errno));
    return false;
}

static int write_all(int fd, pl_str bytes) {
    while (bytes.n) {
        ssize_t written = write(fd, bytes.p, bytes.n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes = pl_str_skip(bytes, (size_t)written);
    }
    return 0;
}

/* Under another name first, so that readers never see half a file. */
static int write_file(const char *path, pl_str bytes) {
    char other[PATH_MAX_BYTES + 8];
    snprintf(other, sizeof other, "%s.part", path);
    int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int status = write_all(fd, bytes) == 0 && fsync(fd) == 0 ? 0 : -1;
    if (close(fd) != 0 || (status == 0 && rename(other, path) != 0))
        status = -1;
    return status;
}

static pl_str file_path(delivery *d, pl_arena *arena, const delivery_place *place, pl_str key, pl_str id) {
    const delivery_target *t = &place->target;
    const char *root = d->config.directory;
    switch (t->type) {
    case DELIVERY_OSS:
        return pl_arena_printf(arena, "%s/oss/%.*s/%.*s", root, PL_FMT(t->bucket), PL_FMT(key));
    case DELIVERY_MNS:
        return pl_arena_printf(arena, "%s/mns/%.*s/%.*s.json", root, PL_FMT(t->topic), PL_FMT(id));
    case DELIVERY_SLS:
        return pl_arena_printf(arena, "%s/sls/%.*s/%.*s/%.*s.json", root, PL_FMT(t->project),
                               PL_FMT(t->logstore), PL_FMT(id));
    default: return pl_arena_printf(arena, "%s/events/%.*s/%.*s.json", root, PL_FMT(t->bucket), PL_FMT(id));
    }
}

static delivery_sent directory_send(delivery *d, pl_arena *arena, const delivery_place *place,
                                    pl_str object_key, pl_str delivery_id, pl_str payload,
                                    char reason[static DELIVERY_REASON]) {
    pl_buf body;
    pl_str path = file_path(d, arena, place, object_key, delivery_id);
    char *text = path.p && path.n < PATH_MAX_BYTES ? pl_arena_cstr(arena, path) : NULL;
    if (!text) {
        snprintf(reason, DELIVERY_REASON, "the path is too long");
        return DELIVERY_REFUSED;
    }
    pl_buf_init(&body, payload.n + 256);
    if (place->target.type == DELIVERY_SLS)
        write_logs(&body, payload);
    int status = body.failed ? -1 : make_way(text);
    if (status == 0)
        status = write_file(text, body.n ? pl_buf_str(&body) : payload);
    if (status != 0)
        snprintf(reason, DELIVERY_REASON, "%.200s: %s", text, strerror(errno));
    pl_buf_free(&body);
    return status == 0 ? DELIVERY_TAKEN : DELIVERY_UNREACHABLE;
}

/* --- Sending ---------------------------------------------------------------------------------------------
 */

delivery_sent target_send(delivery *d, CURL *curl, pl_arena *arena, const delivery_place *place,
                          pl_str object_key, pl_str delivery_id, pl_str payload,
                          char reason[static DELIVERY_REASON]) {
    request r = {.d = d, .curl = curl, .arena = arena, .place = place, .reason = reason};
    if (!place->url.p)
        return directory_send(d, arena, place, object_key, delivery_id, payload, reason);
    pl_buf_init(&r.answer, ANSWER_MOST);
    if (place->target.type == DELIVERY_SLS)
        return finish(&r, send_logs(&r, payload));
    if (place->webhook)
        return finish(&r, send_document(&r, object_key, payload));
    return finish(&r, place->target.type == DELIVERY_OSS ? send_object(&r, object_key, payload)
                                                         : send_message(&r, payload));
}

/* --- Is it there? ------------------------------------------------------------------------------------------
 */

bool target_probe(delivery *d, pl_arena *arena, const delivery_place *place,
                  char reason[static DELIVERY_REASON]) {
    request r = {.d = d, .arena = arena, .place = place, .reason = reason};
    long status = 0;
    if (!place->url.p)
        return is_directory_writable(d, reason);
    r.curl = curl_easy_init();
    pl_buf_init(&r.answer, ANSWER_MOST);
    if (!r.curl)
        return false;
    set_common(&r, place->url.p, PROBE_MS);
    if (place->target.type != DELIVERY_MNS || place->webhook)
        curl_easy_setopt(r.curl, CURLOPT_NOBODY, 1L);
    if (signs(&r) && place->target.type == DELIVERY_OSS)
        sign_object(&r, PL_STR(""));
    if (signs(&r) && place->target.type == DELIVERY_MNS) {
        pl_str resource = pl_arena_printf(arena, "/topics/%.*s", PL_FMT(place->target.topic));
        add_header(&r, "x-mns-version: %.*s", PL_STR("2015-06-06"));
        sign_message(&r, "GET", PL_STR(""), resource);
    }
    delivery_sent sent = perform(&r);
    curl_easy_getinfo(r.curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(r.curl);
    /* Who answers but does not know this verb, or wants the credentials that only logs go without, is there.
     */
    bool there = sent == DELIVERY_TAKEN || status == 405 || status == 501 ||
                 (place->target.type == DELIVERY_SLS && (status == 400 || status == 401 || status == 403)) ||
                 (place->webhook && status != 0 && status < 500);
    finish(&r, sent);
    return there;
}
