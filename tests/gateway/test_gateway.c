/* Whole requests over a socket: what a client sends and what it gets. */
#include "gateway/toy.h"

static void signed_requests_of_both_versions_are_answered(void **state) {
    toy *t = *state;
    toy_request q = {.method = "GET",
                     .action = "Echo",
                     .query = "Text=a%20b%2B&Items.2=y&Items.1=x&RegionId=cn-x&Format=JSON"};
    pl_str (*const signers[])(toy *, toy_request) = {toy_v1, toy_v3};
    for (size_t i = 0; i < 2; i++) {
        reply r = toy_send(t, signers[i](t, q));
        assert_int_equal(r.status, 200);
        assert_str(toy_member(r, "Text"), "a b+");
        assert_str(toy_member(r, "Account"), "1000000000000001");
        assert_str(pl_json_str(pl_json_at(pl_json_get(r.json, PL_STR("Items")), 1)), "y");
        assert_int_equal(toy_member(r, "RequestId").n, 36);
        assert_true(pl_str_find(r.head, toy_member(r, "RequestId")) != PL_NOT_FOUND);
        assert_true(pl_str_find(r.head, PL_STR("Content-Type: application/json;charset=utf-8")) !=
                    PL_NOT_FOUND);
    }
}

static void a_form_or_json_body_is_read(void **state) {
    toy *t = *state;
    toy_request q = {.method = "POST", .action = "Echo", .body = "Text=f%C3%BCnf&Items=%5B%22x%22%5D"};
    assert_str(toy_member(toy_send(t, toy_v1(t, q)), "Text"), "f\xc3\xbcnf");
    q.algorithm = "HMAC-SHA256";
    assert_str(toy_member(toy_send(t, toy_v1(t, q)), "Text"), "f\xc3\xbcnf");
    assert_str(toy_member(toy_send(t, toy_v3(t, q)), "Text"), "f\xc3\xbcnf");
    q = (toy_request){
        .method = "POST", .action = "Echo", .body = "{\"Text\":\"x\",\"Items\":[\"1\",2]}", .json = true};
    reply r = toy_send(t, toy_v3(t, q));
    assert_str(toy_member(r, "Text"), "x");
    assert_int_equal(pl_json_count(pl_json_get(r.json, PL_STR("Items"))), 2);
    q.body = "{\"Text\":";
    assert_refused(toy_send(t, toy_v3(t, q)), 400, "InvalidRequestBody", "byte 8");
}

static void xml_on_demand(void **state) {
    toy *t = *state;
    toy_request q = {
        .method = "GET", .action = "Echo", .query = "Text=%3Ca%3E&Items.1=x&Items.2=y&Format=xml"};
    reply r = toy_send(t, toy_v1(t, q));
    assert_int_equal(r.status, 200);
    assert_true(pl_str_find(r.head, PL_STR("Content-Type: text/xml;charset=utf-8")) != PL_NOT_FOUND);
    assert_true(
        pl_str_starts(r.body, PL_STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?><EchoResponse><RequestId>")));
    assert_true(
        pl_str_ends(r.body, PL_STR("<Text>&lt;a&gt;</Text><Account>1000000000000001</Account><Items>x</Items>"
                                   "<Items>y</Items></EchoResponse>")));
    q = (toy_request){.method = "GET", .action = "Echo", .extra = "Accept: application/xml\r\n"};
    r = toy_send(t, toy_v3(t, q));
    assert_int_equal(r.status, 400);
    assert_true(pl_str_find(r.body, PL_STR("<Error><RequestId>")) != PL_NOT_FOUND);
    assert_true(
        pl_str_find(r.body, PL_STR("<HostId>toy.example</HostId><Code>MissingText</Code><Message>Text is "
                                   "mandatory for this action.</Message><Recommend><![CDATA[https://")) !=
        PL_NOT_FOUND);
}

static void errors_have_the_format_that_was_asked_for(void **state) {
    toy *t = *state;
    static const char *const requests[] = {
        "POST /?Action=Echo&Version=2026-01-01&Format=XML HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
        "POST /?Action=Echo&Version=2026-01-01&Format=XML HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\nVersion=2000",
        "POST / HTTP/1.1\r\nHost: h\r\nx-acs-action: Echo\r\nx-acs-version: 2026-01-01\r\n"
        "Accept: application/xml\r\nContent-Length: 0\r\n\r\n"};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        reply r = toy_send(t, pl_str_from(requests[i]));
        assert_int_equal(r.status, 400);
        assert_true(pl_str_find(r.body, PL_STR("<Error><RequestId>")) != PL_NOT_FOUND);
    }
}

static void what_is_wrong_with_a_request_is_said(void **state) {
    toy *t = *state;
    toy_request q = {.method = "GET", .action = "Echo", .query = "Text=a"};
    toy_request w;
    w = q, w.action = "Nothing";
    assert_refused(toy_send(t, toy_v1(t, w)), 404, "InvalidAction.NotFound", "not found");
    assert_refused(toy_send(t, toy_v3(t, w)), 404, "InvalidAction.NotFound", "not found");
    w = q, w.skew = -15 * 60 * 1000 - 1000;
    assert_refused(toy_send(t, toy_v1(t, w)), 400, "InvalidTimeStamp.Expired", "expired");
    assert_refused(toy_send(t, toy_v3(t, w)), 400, "InvalidTimeStamp.Expired", "expired");
    w = q, w.key = "LTAInobody";
    assert_refused(toy_send(t, toy_v1(t, w)), 404, "InvalidAccessKeyId.NotFound", "not found");
    w = q, w.key = "LTAIinactive";
    assert_refused(toy_send(t, toy_v3(t, w)), 400, "InvalidAccessKeyId.Inactive", "disabled");
    w = q, w.method = "POST", w.action = "Make", w.method = "GET";
    assert_refused(toy_send(t, toy_v3(t, w)), 400, "UnsupportedHTTPMethod", "method");
    w = q, w.query = "Text=a&Format=yaml";
    assert_refused(toy_send(t, toy_v1(t, w)), 400, "InvalidParameter.Format", "format");
    w = q, w.query = "Text=123456789012345678901";
    assert_refused(toy_send(t, toy_v1(t, w)), 400, "InvalidText", "20 characters");
    w = q, w.query = "Text=a&Text=b";
    assert_refused(toy_send(t, toy_v1(t, w)), 400, "InvalidParameter", "\"Text\"");
    w = q, w.algorithm = "HMAC-MD5";
    assert_refused(toy_send(t, toy_v1(t, w)), 400, "InvalidSignatureMethod", "method");
    w = q, w.action = "Fail";
    assert_refused(toy_send(t, toy_v1(t, w)), 404, "ConfigRuleNotExists", "This toy has no such rule.");
    w = q, w.action = "Unfinished";
    assert_refused(toy_send(t, toy_v1(t, w)), 501, "UnsupportedOperation", "Unfinished");
    w = q, w.query = "SignatureType=BEARERTOKEN";
    assert_refused(toy_send(t, toy_v1(t, w)), 400, "UnsupportedSignatureType", "type");
    reply r = toy_send(t, toy_v1(t, (toy_request){.method = "GET", .action = "Fail"}));
    assert_str(toy_member(r, "HostId"), "toy.example");
    assert_true(pl_str_starts(
        toy_member(r, "Recommend"),
        PL_STR("https://api.aliyun.com/troubleshoot?q=ConfigRuleNotExists&product=Toy&requestId=")));
}

static void requests_without_common_parameters(void **state) {
    toy *t = *state;
    assert_refused(toy_send(t, PL_STR("GET / HTTP/1.1\r\nHost: h\r\n\r\n")), 400, "MissingParameter",
                   "\"Action\"");
    assert_refused(toy_send(t, PL_STR("GET /?Action=Echo HTTP/1.1\r\nHost: h\r\n\r\n")), 400,
                   "MissingParameter", "\"Version\"");
    assert_refused(toy_send(t, PL_STR("GET /?Action=Echo&Version=2026-01-01 HTTP/1.1\r\nHost: h\r\n\r\n")),
                   400, "MissingParameter", "\"AccessKeyId\"");
    assert_refused(toy_send(t, PL_STR("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n")), 400, "UnsupportedHTTPMethod",
                   "");
    assert_refused(toy_send(t, PL_STR("GET /other HTTP/1.1\r\nHost: h\r\n\r\n")), 404,
                   "InvalidAction.NotFound", "");
    assert_refused(toy_send(t, PL_STR("GET /?Action=%zz HTTP/1.1\r\nHost: h\r\n\r\n")), 400,
                   "InvalidParameter.Encoding", "");
    assert_refused(
        toy_send(t, PL_STR("POST / HTTP/1.1\r\nHost: h\r\nx-acs-action: Echo\r\nx-acs-version: 2026-01-01\r\n"
                           "Content-Length: 0\r\n\r\n")),
        400, "IncompleteSignature", "");
}

static void a_wrong_secret_is_told_with_the_string_to_sign(void **state) {
    toy *t = *state;
    toy_request q = {.method = "GET", .action = "Echo", .query = "Text=a", .secret = "other", .nonce = "n"};
    assert_refused(
        toy_send(t, toy_v1(t, q)), 400, "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation. server string to sign is:GET&%2F&"
        "AccessKeyId%3DLTAI");
    assert_refused(toy_send(t, toy_v3(t, q)), 400, "SignatureDoesNotMatch",
                   "server StringToSign is [ACS3-HMAC-SHA256\n");
    assert_refused(toy_send(t, toy_v3(t, q)), 400, "SignatureDoesNotMatch",
                   "server CanonicalRequest is [GET\n/\nText=a\n");
    /* A stranger cannot burn the nonce of a request whose signature is right. */
    q.secret = NULL;
    assert_int_equal(toy_send(t, toy_v1(t, q)).status, 200);
}

static void session_keys_need_their_token(void **state) {
    toy *t = *state;
    toy_request q = {.method = "GET", .action = "Echo", .query = "Text=a", .key = "STS.1"};
    assert_refused(toy_send(t, toy_v1(t, q)), 400, "MissingSecurityToken", "");
    q.token = TOY_STS_TOKEN;
    assert_int_equal(toy_send(t, toy_v1(t, q)).status, 200);
    assert_int_equal(toy_send(t, toy_v3(t, q)).status, 200);
    q.token = "wrong";
    assert_refused(toy_send(t, toy_v3(t, q)), 400, "InvalidSecurityToken.MismatchWithAccessKey", "");
}

static void a_denial_tells_its_details(void **state) {
    toy *t = *state;
    reply r =
        toy_send(t, toy_v1(t, (toy_request){.method = "GET", .action = "Echo", .query = "Text=forbidden"}));
    assert_refused(r, 403, "NoPermission", "not authorized");
    pl_json detail = pl_json_get(r.json, PL_STR("AccessDeniedDetail"));
    assert_str(pl_json_str(pl_json_get(detail, PL_STR("AuthAction"))), "toy:Echo");
    assert_str(pl_json_str(pl_json_get(detail, PL_STR("PolicyType"))), "ControlPolicy");
    assert_str(pl_json_str(pl_json_get(detail, PL_STR("NoPermissionType"))), "ExplicitDeny");
    assert_str(pl_json_str(pl_json_get(detail, PL_STR("AuthPrincipalDisplayName"))), "2000000000000001");
}

static void resources_are_named_after_the_parameters(void **state) {
    toy *t = *state;
    toy_send(t, toy_v1(t, (toy_request){.method = "GET", .action = "List", .query = "RuleIds=cr-1,cr-2"}));
    assert_string_equal(toy_asked,
                        "toy:List acs:toy:*:1000000000000001:rule/cr-1 acs:toy:*:1000000000000001:rule/cr-2");
    toy_send(t, toy_v1(t, (toy_request){.method = "GET", .action = "List"}));
    assert_string_equal(toy_asked, "toy:List acs:toy:*:1000000000000001:rule/*");
    /* Authorization comes before the refusal of a wrong parameter. */
    toy_asked[0] = '\0';
    assert_refused(toy_send(t, toy_v1(t, (toy_request){.method = "GET", .action = "Echo"})), 400,
                   "MissingText", "");
    assert_string_equal(toy_asked, "toy:Echo acs:toy:*:1000000000000001:echo/*");
}

static reply toy_move(toy *t, const char *query) {
    toy_asked[0] = '\0';
    return toy_send(t, toy_v1(t, (toy_request){.method = "GET", .action = "Move", .query = query}));
}

/* A folder that cannot be looked for is not any folder: what denies it alone would not be heard. */
static void folders_are_named_by_their_path_or_nothing_is_authorized(void **state) {
    toy *t = *state;
    toy_move(t, "Text=fd-1");
    assert_string_equal(toy_asked, "toy:Move acs:toy:*:1000000000000001:folder/r-1/fd-1");
    toy_move(t, "Text=1000000000000009");
    assert_string_equal(toy_asked, "toy:Move acs:toy:*:1000000000000001:account/*");
    assert_refused(toy_move(t, "Text=fd-lost"), 503, "ServiceUnavailable", "");
    assert_string_equal(toy_asked, "");
}

static void page_tokens_are_sealed(void **state) {
    toy *t = *state;
    reply r = toy_send(t, toy_v1(t, (toy_request){.method = "GET", .action = "List"}));
    pl_str query = pl_arena_printf(&t->arena, "NextToken=%.*s", PL_FMT(toy_member(r, "NextToken")));
    toy_request q = {.method = "GET", .action = "List", .query = query.p};
    assert_str(toy_member(toy_send(t, toy_v1(t, q)), "Key"), "row 17/+");
    q.action = "List2";
    assert_refused(toy_send(t, toy_v1(t, q)), 400, "InvalidNextToken", "NextToken");
    q = (toy_request){.method = "GET", .action = "List", .query = "NextToken=abc"};
    assert_refused(toy_send(t, toy_v1(t, q)), 400, "InvalidNextToken", "NextToken");
}

static reply list(toy *t, const char *query, const char *key) {
    return toy_send(t,
                    toy_v1(t, (toy_request){.method = "GET", .action = "List", .query = query, .key = key}));
}

static void page_tokens_go_on_with_the_list_that_they_came_from(void **state) {
    toy *t = *state;
    reply first = list(t, "RuleIds=a%2Cb&MaxResults=5", NULL);
    pl_str token = toy_member(first, "NextToken");
    const char *same = pl_arena_printf(&t->arena, "RuleIds=a%%2Cb&NextToken=%.*s", PL_FMT(token)).p;
    const char *shorter = pl_arena_printf(&t->arena, "%s&MaxResults=2", same).p;
    const char *joined = pl_arena_printf(&t->arena, "RuleIds=ab&NextToken=%.*s", PL_FMT(token)).p;
    const char *without = pl_arena_printf(&t->arena, "NextToken=%.*s", PL_FMT(token)).p;
    assert_str(toy_member(list(t, same, NULL), "Key"), "row 17/+");
    assert_str(toy_member(list(t, shorter, NULL), "Key"), "row 17/+");
    assert_refused(list(t, joined, NULL), 400, "InvalidNextToken", "NextToken");
    assert_refused(list(t, without, NULL), 400, "InvalidNextToken", "NextToken");
    assert_refused(list(t, same, TOY_OTHER_KEY), 400, "InvalidNextToken", "NextToken");
}

static void operations_without_signature(void **state) {
    toy *t = *state;
    reply r =
        toy_send(t, PL_STR("GET /?Action=Anonymous&Version=2026-01-01&Text=a HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_int_equal(r.status, 200);
    r = toy_send(
        t,
        PL_STR("POST /?Text=a HTTP/1.1\r\nHost: h\r\nx-acs-action: Anonymous\r\nx-acs-version: 2026-01-01\r\n"
               "Content-Length: 0\r\n\r\n"));
    assert_int_equal(r.status, 200);
}

static void a_whole_address_is_as_good_as_a_path(void **state) {
    toy *t = *state;
    static const char *const addresses[] = {"http://toy.example/", "HTTPS://toy.example:443/",
                                            "http://toy.example"};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        assert_int_equal(
            toy_send(t, pl_arena_printf(&t->arena,
                                        "GET %s?Action=Anonymous&Version=2026-01-01&Text=a HTTP/1.1\r\n"
                                        "Host: toy.example\r\n\r\n",
                                        addresses[i]))
                .status,
            200);
    assert_refused(
        toy_send(t,
                 PL_STR("GET http://toy.example/other?Action=Anonymous&Version=2026-01-01&Text=a HTTP/1.1\r\n"
                        "Host: toy.example\r\n\r\n")),
        404, "InvalidAction.NotFound", "not found");
}

static void https_only_operations_in_strict_mode(void **state) {
    toy *t = *state;
    toy_request q = {.method = "GET", .action = "Fail"};
    t->limits.strict = true;
    assert_refused(toy_send(t, toy_v1(t, q)), 404, "InvalidProtocol.NeedSsl", "ssl");
}

static void calls_are_throttled_by_key(void **state) {
    toy *t = *state;
    toy_stop(t);
    t->limits.calls_per_second = 2;
    toy_start(t);
    toy_request q = {.method = "GET", .action = "Echo", .query = "Text=a"};
    assert_int_equal(toy_send(t, toy_v1(t, q)).status, 200);
    assert_int_equal(toy_send(t, toy_v1(t, q)).status, 200);
    reply r = toy_send(t, toy_v1(t, q));
    assert_refused(r, 429, "Throttling.User", "flow control");
    assert_true(pl_str_find(r.head, PL_STR("x-acs-retry-after: 500")) != PL_NOT_FOUND);
    t->now += 500;
    assert_int_equal(toy_send(t, toy_v1(t, q)).status, 200);
}

static void a_connection_serves_many_requests(void **state) {
    toy *t = *state;
    int fd = toy_connect(t);
    toy_request quick = {.method = "GET", .action = "Echo", .query = "Text=a"};
    toy_request waits = {.method = "POST", .action = "Make", .body = "Name=n&ClientToken=keep"};
    for (int i = 0; i < 20; i++) {
        toy_write(fd, i % 2 ? toy_v3(t, quick) : toy_v1(t, waits));
        assert_int_equal(toy_read(t, fd).status, 200);
    }
    close(fd);
    assert_int_equal(toy_effects, 1);
}

static void a_waiting_call_does_not_hold_up_others(void **state) {
    toy *t = *state;
    enum { MANY = 4 };
    int slow[MANY];
    for (int i = 0; i < MANY; i++) {
        slow[i] = toy_connect(t);
        toy_write(slow[i], toy_v1(t, (toy_request){.method = "GET", .action = "Slow", .query = "Name=a"}));
    }
    pthread_mutex_lock(&toy_lock);
    while (toy_in_slow < MANY)
        pthread_cond_wait(&toy_changed, &toy_lock);
    pthread_mutex_unlock(&toy_lock);
    assert_int_equal(
        toy_send(t, toy_v1(t, (toy_request){.method = "GET", .action = "Echo", .query = "Text=a"})).status,
        200);
    pthread_mutex_lock(&toy_lock);
    toy_release = true;
    pthread_cond_broadcast(&toy_changed);
    pthread_mutex_unlock(&toy_lock);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(toy_read(t, slow[i]).status, 200);
        close(slow[i]);
    }
}

static void bodies_and_headers_have_limits(void **state) {
    toy *t = *state;
    toy_stop(t);
    t->options.body_bytes = 1000;
    toy_start(t);
    assert_refused(toy_send(t, PL_STR("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n")), 413,
                   "RequestEntityTooLarge", "size limit");
    pl_str chunk = pl_arena_printf(&t->arena, "3e9\r\n%1001d\r\n0\r\n\r\n", 1);
    assert_refused(
        toy_send(t, pl_arena_printf(&t->arena,
                                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%.*s",
                                    PL_FMT(chunk))),
        413, "RequestEntityTooLarge", "size limit");
    pl_str headers = PL_STR("");
    for (int i = 0; i < 101; i++)
        headers = pl_arena_printf(&t->arena, "%.*sx-%d: 1\r\n", PL_FMT(headers), i);
    assert_refused(
        toy_send(t, pl_arena_printf(&t->arena, "GET / HTTP/1.1\r\nHost: h\r\n%.*s\r\n", PL_FMT(headers))),
        431, "RequestHeaderTooLarge", "headers");
    reply r = toy_send(t, pl_arena_printf(&t->arena, "GET /?a=%40000d HTTP/1.1\r\nHost: h\r\n\r\n", 1));
    assert_true(r.status == 414 || r.status == 431 || r.status == 400 || r.status == 0);
}

static void health_readiness_and_metrics_need_no_signature(void **state) {
    toy *t = *state;
    assert_str(toy_send(t, PL_STR("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")).body, "ok\n");
    assert_str(toy_send(t, PL_STR("GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n")).body, "ready\n");
    toy_send(t, toy_v1(t, (toy_request){.method = "GET", .action = "Echo", .query = "Text=a"}));
    reply r = toy_send(t, PL_STR("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_int_equal(r.status, 200);
    assert_true(
        pl_str_find(r.body,
                    PL_STR("plumbline_requests_total{product=\"Toy\",version=\"2026-01-01\",access=\"get\","
                           "status=\"200\"} 1\n")) != PL_NOT_FOUND);
    assert_true(pl_str_find(r.body, PL_STR("plumbline_request_duration_seconds_count 1\n")) != PL_NOT_FOUND);
    assert_true(pl_str_find(r.body, PL_STR("1000000000000001")) == PL_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(signed_requests_of_both_versions_are_answered, toy_set_up,
                                        toy_tear_down),
        cmocka_unit_test_setup_teardown(a_form_or_json_body_is_read, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(xml_on_demand, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(errors_have_the_format_that_was_asked_for, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_with_a_request_is_said, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(requests_without_common_parameters, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_secret_is_told_with_the_string_to_sign, toy_set_up,
                                        toy_tear_down),
        cmocka_unit_test_setup_teardown(session_keys_need_their_token, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(a_denial_tells_its_details, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(resources_are_named_after_the_parameters, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(folders_are_named_by_their_path_or_nothing_is_authorized, toy_set_up,
                                        toy_tear_down),
        cmocka_unit_test_setup_teardown(page_tokens_are_sealed, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(page_tokens_go_on_with_the_list_that_they_came_from, toy_set_up,
                                        toy_tear_down),
        cmocka_unit_test_setup_teardown(operations_without_signature, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(a_whole_address_is_as_good_as_a_path, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(https_only_operations_in_strict_mode, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(calls_are_throttled_by_key, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(a_connection_serves_many_requests, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(a_waiting_call_does_not_hold_up_others, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(bodies_and_headers_have_limits, toy_set_up, toy_tear_down),
        cmocka_unit_test_setup_teardown(health_readiness_and_metrics_need_no_signature, toy_set_up,
                                        toy_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
