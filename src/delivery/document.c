/* The delivered documents (reference/delivery.md, sections 3 to 7). */
#include "delivery/private.h"

#include <stdio.h>

pl_str delivery_arn(pl_arena *arena, const catalogue *known, const delivery_item *item) {
    pl_error ignored = {0};
    const catalogue_subject named = {item->account_id, item->region_id, item->resource_id, item->name};
    return catalogue_arn(arena, known ? catalogue_find_type(known, item->resource_type, &ignored) : NULL,
                         &named);
}

static void write_account(pl_writer *w, const char *name, pl_str account_id) {
    int64_t number;
    if (pl_str_to_i64(account_id, &number))
        pl_write_i64(w, pl_str_from(name), number);
    else
        pl_write_string(w, pl_str_from(name), account_id);
}

static void write_number_text(pl_writer *w, const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    pl_write_string(w, pl_str_from(name), pl_str_from(text));
}

/* --- Objects ---------------------------------------------------------------------------------------------
 */

void document_change_file(pl_writer *w, const delivery_item *i) {
    pl_write_object(w, PL_STR_NONE);
    write_account(w, "accountId", i->account_id);
    pl_write_string(w, PL_STR("arn"), i->arn);
    pl_write_string(w, PL_STR("regionId"), i->region_id);
    pl_write_string(w, PL_STR("configuration"), i->configuration);
    pl_write_string(w, PL_STR("configurationDiff"), i->diff);
    pl_write_i64(w, PL_STR("captureTime"), i->capture_time);
    pl_write_i64(w, PL_STR("resourceCreateTime"), i->create_time);
    pl_write_string(w, PL_STR("resourceId"), i->resource_id);
    pl_write_string(w, PL_STR("resourceName"), i->name);
    pl_write_string(w, PL_STR("resourceType"), i->resource_type);
    pl_write_string(w, PL_STR("tags"), i->tags);
    pl_write_string(w, PL_STR("resourceEventType"), inventory_event_name(i->event));
    if (i->directory_id.n)
        pl_write_string(w, PL_STR("resourceDirectoryId"), i->directory_id);
    pl_write_object_end(w);
}

void document_snapshot_file(pl_writer *w, const delivery_item *i) {
    pl_write_object(w, PL_STR_NONE);
    pl_write_string(w, PL_STR("accountId"), i->account_id);
    pl_write_string(w, PL_STR("availabilityZone"), i->zone);
    pl_write_string(w, PL_STR("regionId"), i->region_id);
    pl_write_string(w, PL_STR("configuration"), i->configuration);
    pl_write_i64(w, PL_STR("resourceCreateTime"), i->create_time);
    pl_write_string(w, PL_STR("resourceGroupId"), i->group_id);
    pl_write_string(w, PL_STR("resourceId"), i->resource_id);
    pl_write_string(w, PL_STR("resourceName"), i->name);
    pl_write_string(w, PL_STR("resourceType"), i->resource_type);
    pl_write_string(w, PL_STR("tags"), i->tags);
    if (i->directory_id.n)
        pl_write_string(w, PL_STR("resourceDirectoryId"), i->directory_id);
    pl_write_object_end(w);
}

/* A region is what a client calls one; as part of a path it must not lead anywhere else. */
static pl_str path_part(pl_str s, char text[static 64]) {
    size_t n = s.n < 63 ? s.n : 63;
    for (size_t i = 0; i < n; i++) {
        char c = s.p[i];
        text[i] = pl_is_letter(c) || pl_is_digit(c) || c == '-' ? c : '_';
    }
    return pl_str_of(text, n);
}

pl_str document_object_key(pl_arena *arena, pl_str account_id, pl_str region, const char *kind,
                           pl_str request_id, int64_t now) {
    char iso[PL_TIME_TEXT], account_text[64], region_text[64];
    pl_str region_id = path_part(region, region_text);
    (void)pl_time_iso(now, iso);
    account_id = path_part(account_id, account_text);
    if (strcmp(kind, "Oversized") == 0)
        return pl_arena_printf(arena, "ACSLogs/%.*s/Config/Oversized/%.4s/%.2s/%.2s/%.*s.json",
                               PL_FMT(account_id), iso, iso + 5, iso + 8, PL_FMT(request_id));
    return pl_arena_printf(arena,
                           "ACSLogs/%.*s/Config/%.*s/%.4s/%.2s/%.2s/"
                           "%.*s_Config_%.*s_%s_%.4s%.2s%.2sT%.2s%.2s%.2sZ_%.*s.json",
                           PL_FMT(account_id), PL_FMT(region_id), iso, iso + 5, iso + 8, PL_FMT(account_id),
                           PL_FMT(region_id), kind, iso, iso + 5, iso + 8, iso + 11, iso + 14, iso + 17,
                           PL_FMT(request_id));
}

/* --- Messages --------------------------------------------------------------------------------------------
 */

static void write_value(pl_writer *w, const char *name, pl_json value) {
    static const uint64_t null_tape[] = {(uint64_t)'n' << 56};
    pl_write_json(w, pl_str_from(name), pl_json_exists(value) ? value : (pl_json){null_tape, NULL, 0});
}

static void write_properties(pl_writer *w, const delivery_item *i, pl_json diff) {
    pl_str key;
    pl_json pair;
    pl_write_object(w, PL_STR("changedProperties"));
    for (pl_json_walk at = pl_json_children(diff);
         i->event == INVENTORY_MODIFY && pl_json_step(&at, &key, &pair);) {
        pl_write_object(w, key);
        pl_write_string(w, PL_STR("changeType"), PL_STR("MODIFY"));
        write_value(w, "previousValue", pl_json_at(pair, 0));
        write_value(w, "updatedValue", pl_json_at(pair, 1));
        pl_write_object_end(w);
    }
    pl_write_object_end(w);
}

static void write_oversized(pl_writer *w, pl_str object) {
    pl_write_bool(w, PL_STR("oversized"), true);
    if (object.n)
        pl_write_string(w, PL_STR("ossObject"), object);
}

static void write_message_item(pl_writer *w, const delivery_item *i, pl_json configuration, pl_json tags,
                               bool whole) {
    pl_write_object(w, PL_STR("configurationItem"));
    write_account(w, "accountId", i->account_id);
    pl_write_i64(w, PL_STR("resourceCreateTime"), i->create_time);
    pl_write_string(w, PL_STR("resourceId"), i->resource_id);
    pl_write_string(w, PL_STR("resourceStatus"), i->status);
    pl_write_string(w, PL_STR("regionId"), i->region_id);
    if (whole && pl_json_exists(configuration))
        pl_write_json(w, PL_STR("configuration"), configuration);
    pl_write_i64(w, PL_STR("captureTime"), i->capture_time);
    pl_write_string(w, PL_STR("resourceName"), i->name);
    pl_write_string(w, PL_STR("availabilityZone"), i->zone);
    pl_write_string(w, PL_STR("resourceType"), i->resource_type);
    if (pl_json_is_object(tags)) {
        pl_write_json(w, PL_STR("tags"), tags);
    } else {
        pl_write_object(w, PL_STR("tags"));
        pl_write_object_end(w);
    }
    pl_write_object_end(w);
}

void document_change_message(pl_writer *w, const delivery_item *i, pl_json diff, pl_json configuration,
                             pl_json tags, pl_str request_id, int64_t now, bool whole, pl_str object) {
    static const pl_str names[] = {PL_STR_INIT(""), PL_STR_INIT("ResourceAdd"), PL_STR_INIT("ResourceUpdate"),
                                   PL_STR_INIT("ResourceDelete")};
    pl_write_string(w, PL_STR("requestId"), request_id);
    pl_write_string(w, PL_STR("dataType"), PL_STR("ConfigurationItemChangeNotification"));
    pl_write_string(w, PL_STR("eventName"), names[i->event]);
    pl_write_object(w, PL_STR("configurationItemDiff"));
    if (whole)
        write_properties(w, i, diff);
    pl_write_string(w, PL_STR("changeType"), inventory_event_name(i->event));
    pl_write_object_end(w);
    pl_write_string(w, PL_STR("eventType"), PL_STR("ResourceChange"));
    pl_write_i64(w, PL_STR("notificationCreationTime"), now);
    write_message_item(w, i, configuration, tags, whole);
    if (!whole)
        write_oversized(w, object);
}

static pl_str risk_name(int level) {
    return level == 1 ? PL_STR("Critical") : level == 2 ? PL_STR("Warning") : PL_STR("Info");
}

static void write_qualifier(pl_writer *w, const delivery_violation *v, pl_str arn) {
    const inventory_resource *r = v->resource;
    char rule_arn[160];
    snprintf(rule_arn, sizeof rule_arn, "acs:config::%.*s:rule/%.*s", PL_FMT(v->owner_id),
             PL_FMT(v->rule_id));
    pl_write_i64(w, PL_STR("orderingTimestamp"), v->ordering);
    pl_write_object(w, PL_STR("evaluationResultQualifier"));
    pl_write_string(w, PL_STR("resourceId"), r->resource_id);
    pl_write_string(w, PL_STR("configRuleName"), v->rule_name);
    pl_write_string(w, PL_STR("configRuleId"), v->rule_id);
    pl_write_i64(w, PL_STR("captureTime"), r->capture_time);
    pl_write_string(w, PL_STR("resourceName"), r->name);
    pl_write_string(w, PL_STR("configRuleArn"), pl_str_from(rule_arn));
    pl_write_string(w, PL_STR("regionId"), r->region_id);
    write_account(w, "resourceOwnerId", r->account_id);
    pl_write_string(w, PL_STR("resourceType"), r->resource_type);
    pl_write_string(w, PL_STR("sourceIdentifier"), v->identifier);
    pl_write_string(w, PL_STR("compliancePackId"), v->pack_id);
    pl_write_string(w, PL_STR("resourceArn"), arn);
    pl_write_string(w, PL_STR("resourceGroupId"), r->group_id);
    pl_write_object_end(w);
}

void document_violation_message(pl_writer *w, const delivery_violation *v, pl_str arn, pl_str request_id,
                                int64_t now, bool whole, pl_str object) {
    if (whole)
        pl_write_string(w, PL_STR("annotation"), v->annotation);
    pl_write_string(w, PL_STR("riskLevel"), risk_name(v->risk_level));
    pl_write_string(w, PL_STR("dataType"), PL_STR("NonCompliantNotification"));
    pl_write_object(w, PL_STR("evaluationResultIdentifier"));
    write_qualifier(w, v, arn);
    pl_write_object_end(w);
    pl_write_string(w, PL_STR("eventType"), PL_STR("ResourceCompliance"));
    pl_write_string(w, PL_STR("invokingEventMessageType"), v->trigger);
    pl_write_string(w, PL_STR("complianceType"), PL_STR("NON_COMPLIANT"));
    write_account(w, "accountId", v->resource->account_id);
    pl_write_string(w, PL_STR("requestId"), request_id);
    pl_write_string(w, PL_STR("eventName"), PL_STR("NonCompliant"));
    pl_write_i64(w, PL_STR("notificationCreationTime"), now);
    if (!whole)
        write_oversized(w, object);
}

void document_snapshot_event(pl_writer *w, pl_str request_id, int64_t now, pl_str cause) {
    pl_write_string(w, PL_STR("requestId"), request_id);
    pl_write_string(w, PL_STR("eventName"),
                    cause.n ? PL_STR("SnapshotDeliveryFailed") : PL_STR("SnapshotDeliverySuccess"));
    pl_write_string(w, PL_STR("eventType"), PL_STR("SnapshotDelivery"));
    pl_write_i64(w, PL_STR("notificationCreationTime"), now);
    if (cause.n)
        pl_write_string(w, PL_STR("errorCause"), cause);
}

/* --- Logs: every value is a text ---------------------------------------------------------------------------
 */

/* "ECS" of "ACS::ECS::Instance"; the whole of a type without two colons. */
static pl_str service_of(pl_str type) {
    size_t from = pl_str_find(type, PL_STR("::"));
    if (from == PL_NOT_FOUND)
        return type;
    pl_str rest = pl_str_skip(type, from + 2);
    size_t end = pl_str_find(rest, PL_STR("::"));
    return end == PL_NOT_FOUND ? rest : pl_str_head(rest, end);
}

static void write_log_common(pl_writer *w, const delivery_item *i, const char *kind, pl_str request_id) {
    pl_write_string(w, PL_STR("accountId"), i->account_id);
    pl_write_string(w, PL_STR("arn"), i->arn);
    pl_write_string(w, PL_STR("availabilityZone"), i->zone);
    pl_write_string(w, PL_STR("dataType"), pl_str_from(kind));
    pl_write_string(w, PL_STR("regionId"), i->region_id);
    pl_write_string(w, PL_STR("requestId"), request_id);
    write_number_text(w, "resourceCreateTime", i->create_time);
    pl_write_string(w, PL_STR("resourceGroupId"), i->group_id);
    pl_write_string(w, PL_STR("resourceId"), i->resource_id);
    pl_write_string(w, PL_STR("resourceName"), i->name);
    pl_write_string(w, PL_STR("resourceType"), i->resource_type);
    pl_write_string(w, PL_STR("tags"), i->tags);
    write_number_text(w, "version", i->capture_time * 1000);
    if (i->directory_id.n)
        pl_write_string(w, PL_STR("resourceDirectoryId"), i->directory_id);
}

static void write_log_oversized(pl_writer *w, pl_str object) {
    pl_write_string(w, PL_STR("oversized"), PL_STR("true"));
    if (object.n)
        pl_write_string(w, PL_STR("ossObject"), object);
}

void document_change_log(pl_writer *w, const delivery_item *i, pl_str request_id, bool whole, pl_str object) {
    write_log_common(w, i, "ConfigurationItemChangeNotification", request_id);
    write_number_text(w, "captureTime", i->capture_time);
    pl_write_string(w, PL_STR("realResourceId"), i->resource_id);
    pl_write_string(w, PL_STR("resourceEventType"), inventory_event_name(i->event));
    pl_write_string(w, PL_STR("resourceStatus"), i->status);
    pl_write_string(w, PL_STR("serviceName"), service_of(i->resource_type));
    if (whole) {
        pl_write_string(w, PL_STR("configuration"), i->configuration);
        pl_write_string(w, PL_STR("configurationDiff"), i->diff);
    } else {
        write_log_oversized(w, object);
    }
}

void document_snapshot_log(pl_writer *w, const delivery_item *i, pl_str request_id, bool whole,
                           pl_str object) {
    write_log_common(w, i, "ConfigurationSnapshot", request_id);
    if (whole)
        pl_write_string(w, PL_STR("configuration"), i->configuration);
    else
        write_log_oversized(w, object);
}

void document_violation_log(pl_writer *w, const delivery_violation *v, pl_str arn, pl_str request_id,
                            int64_t now, bool whole, pl_str object) {
    pl_buf identifier;
    pl_writer inner;
    pl_buf_init(&identifier, 64 << 10);
    pl_writer_begin(&inner, &identifier, PL_FORMAT_JSON, PL_STR("identifier"));
    write_qualifier(&inner, v, arn);
    pl_writer_end(&inner);
    pl_write_string(w, PL_STR("accountId"), v->resource->account_id);
    if (whole)
        pl_write_string(w, PL_STR("annotation"), v->annotation);
    else
        write_log_oversized(w, object);
    pl_write_string(w, PL_STR("riskLevel"), risk_name(v->risk_level));
    pl_write_string(w, PL_STR("dataType"), PL_STR("NonCompliantNotification"));
    pl_write_string(w, PL_STR("evaluationResultIdentifier"), pl_buf_str(&identifier));
    pl_write_string(w, PL_STR("eventType"), PL_STR("ResourceCompliance"));
    pl_write_string(w, PL_STR("invokingEventMessageType"), v->trigger);
    pl_write_string(w, PL_STR("complianceType"), PL_STR("NON_COMPLIANT"));
    pl_write_string(w, PL_STR("requestId"), request_id);
    pl_write_string(w, PL_STR("eventName"), PL_STR("NonCompliant"));
    write_number_text(w, "notificationCreationTime", now);
    pl_write_string(w, PL_STR("regionId"), v->resource->region_id);
    pl_write_string(w, PL_STR("resourceId"), v->resource->resource_id);
    pl_write_string(w, PL_STR("resourceType"), v->resource->resource_type);
    pl_write_string(w, PL_STR("serviceName"), service_of(v->resource->resource_type));
    write_number_text(w, "lastNonCompliantRecordTimestamp", v->last_non_compliant);
    if (identifier.failed)
        w->out->failed = true;
    pl_buf_free(&identifier);
}

void document_result_log(pl_writer *w, const delivery_result *r, pl_str request_id, bool whole,
                         pl_str object) {
    pl_write_string(w, PL_STR("accountId"), r->account_id);
    pl_write_string(w, PL_STR("dataType"), PL_STR("CompliantSnapshot"));
    pl_write_string(w, PL_STR("requestId"), request_id);
    pl_write_string(w, PL_STR("configRuleId"), r->rule_id);
    pl_write_string(w, PL_STR("configRuleName"), r->rule_name);
    pl_write_string(w, PL_STR("sourceIdentifier"), r->identifier);
    pl_write_string(w, PL_STR("riskLevel"), risk_name(r->risk_level));
    pl_write_string(w, PL_STR("complianceType"), r->compliance);
    if (whole)
        pl_write_string(w, PL_STR("annotation"), r->annotation);
    else
        write_log_oversized(w, object);
    pl_write_string(w, PL_STR("regionId"), r->region_id);
    pl_write_string(w, PL_STR("resourceId"), r->resource_id);
    pl_write_string(w, PL_STR("resourceName"), r->resource_name);
    pl_write_string(w, PL_STR("resourceType"), r->resource_type);
    pl_write_string(w, PL_STR("serviceName"), service_of(r->resource_type));
    write_number_text(w, "orderingTimestamp", r->ordering);
    write_number_text(w, "resultRecordedTimestamp", r->recorded);
}

/* --- Events ----------------------------------------------------------------------------------------------
 */

static pl_str lower(pl_str s, char *text, size_t size) {
    size_t n = s.n < size ? s.n : size;
    for (size_t i = 0; i < n; i++)
        text[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
    return pl_str_of(text, n);
}

/* CloudMonitor's events have a type of their own and come from Config itself. */
void document_event(pl_writer *w, pl_str service, pl_str resource_type, pl_str kind, pl_str subject,
                    pl_str account_id, pl_str region_id, pl_str id, int64_t now, pl_json data) {
    char text[64], source[80], type[160], time[PL_TIME_TEXT];
    pl_str product = lower(service_of(resource_type), text, sizeof text);
    bool monitor = pl_str_is(service, "cms");
    snprintf(source, sizeof source, "acs.%.*s", PL_FMT(monitor ? PL_STR("config") : product));
    if (monitor)
        snprintf(type, sizeof type, "config:CloudMonitor:%.*s", PL_FMT(kind));
    else
        snprintf(type, sizeof type, "%.*s:Config:%.*s", PL_FMT(product), PL_FMT(kind));
    pl_write_string(w, PL_STR("id"), id);
    pl_write_string(w, PL_STR("source"), pl_str_from(source));
    pl_write_string(w, PL_STR("specversion"), PL_STR("1.0"));
    pl_write_string(w, PL_STR("type"), pl_str_from(type));
    pl_write_string(w, PL_STR("datacontenttype"), PL_STR("application/json;charset=utf-8"));
    pl_write_string(w, PL_STR("subject"), subject);
    pl_write_string(w, PL_STR("time"), pl_time_iso(now, time));
    pl_write_string(w, PL_STR("aliyunaccountid"), account_id);
    pl_write_string(w, PL_STR("aliyunpublishtime"), pl_time_iso(now, time));
    pl_write_string(w, PL_STR("aliyuneventbusname"), PL_STR("default"));
    pl_write_string(w, PL_STR("aliyunregionid"), region_id);
    pl_write_json(w, PL_STR("data"), data);
}
