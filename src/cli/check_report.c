/* Output formats of check. No state. */
#include "cli/check_report.h"

#include "base/clock.h"
#include "base/encode.h"

bool check_format_parse(const char *word, check_format *format) {
    static const char *const words[] = {"table", "json", "jsonl", "csv", "junit", "sarif"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            *format = (check_format)i;
            return true;
        }
    }
    return false;
}

bool check_format_explains(check_format format) {
    return format == CHECK_TABLE || format == CHECK_JSON || format == CHECK_LINES;
}

bool check_format_numbers(check_format format) {
    return format == CHECK_SARIF;
}

static pl_str verdict_text(pl_verdict verdict) {
    return pl_verdict_name(verdict == PL_VERDICT_ERROR ? PL_INSUFFICIENT_DATA : verdict);
}

static void add_attribute(pl_buf *out, pl_str text) {
    pl_xml_escape(out, text, true);
}

static void json_member(pl_buf *out, pl_str before, pl_str value) {
    pl_buf_add(out, before);
    pl_json_write_string(out, value);
}

static void write_head(pl_buf *out, const check_rule *rule, pl_str type) {
    json_member(out, PL_STR("{\"ruleName\":"), rule->name);
    json_member(out, PL_STR(",\"identifier\":"), rule->identifier);
    json_member(out, PL_STR(",\"resourceType\":"), type);
}

static void write_verdict(pl_buf *out, const check_rule *rule, pl_verdict verdict) {
    json_member(out, PL_STR(",\"complianceType\":"), verdict_text(verdict));
    pl_buf_add(out, PL_STR(",\"riskLevel\":"));
    pl_buf_add_i64(out, rule->risk_level);
    pl_buf_add(out, PL_STR(",\"annotation\":"));
}

bool check_report_rule_text(pl_arena *arena, const check_rule *rule, pl_str type, check_rule_text *out) {
    enum { TEXT_MAX = 1 << 20 };
    pl_buf text;
    pl_buf_init(&text, TEXT_MAX);
    write_head(&text, rule, type);
    out->head = pl_arena_copy_padded(arena, pl_buf_str(&text), PL_BUF_BLOCK);
    bool complete = out->head.p && !text.failed;
    for (size_t i = 0; complete && i < sizeof out->verdicts / sizeof *out->verdicts; i++) {
        pl_buf_clear(&text);
        write_verdict(&text, rule, (pl_verdict)i);
        out->verdicts[i] = pl_arena_copy_padded(arena, pl_buf_str(&text), PL_BUF_BLOCK);
        complete = out->verdicts[i].p && !text.failed;
    }
    pl_buf_free(&text);
    return complete;
}

static inline char *put_member(char *to, pl_str before, pl_str quoted) {
    memcpy(to, before.p, before.n);
    return pl_buf_put_blocks(to + before.n, quoted);
}

/* Texts that were scanned are copied with their quotes. */
static void add_scanned(pl_buf *out, const check_line *line) {
    static const char none[PL_BUF_BLOCK + 2] = "\"\"";
    pl_str texts[] = {line->id, line->account, line->region};
    size_t room = sizeof ",\"resourceId\":,\"accountId\":,\"regionId\":" + PL_BUF_BLOCK;
    for (size_t i = 0; i < 3; i++) {
        texts[i] = texts[i].n ? pl_str_of(texts[i].p - 1, texts[i].n + 2) : pl_str_of(none, 2);
        room += texts[i].n;
    }
    if (!pl_buf_reserve(out, room))
        return;
    char *to = put_member(out->p + out->n, PL_STR(",\"resourceId\":"), texts[0]);
    to = put_member(to, PL_STR(",\"accountId\":"), texts[1]);
    to = put_member(to, PL_STR(",\"regionId\":"), texts[2]);
    out->n = (size_t)(to - out->p);
}

void check_report_place_members(pl_buf *out, const check_line *line) {
    if (line->scanned) {
        add_scanned(out, line);
    } else {
        json_member(out, PL_STR(",\"resourceId\":"), line->id);
        json_member(out, PL_STR(",\"accountId\":"), line->account);
        json_member(out, PL_STR(",\"regionId\":"), line->region);
    }
    if (line->address.p)
        json_member(out, PL_STR(",\"address\":"), line->address);
    pl_buf_reserve(out, PL_BUF_BLOCK);
}

static void json_object(pl_buf *out, const check_deviation *d) {
    pl_buf_add(out, d->text->head);
    pl_buf_add(out, d->place);
    pl_buf_add(out, d->text->verdicts[d->verdict]);
    pl_buf_add(out, d->annotation.n ? d->annotation : PL_STR("{}"));
    if (d->context.p) {
        pl_buf_add(out, PL_STR(",\"context\":"));
        pl_buf_add(out, d->context);
    }
    pl_buf_add_char(out, '}');
}

static void csv_field(pl_buf *out, pl_str s, bool last) {
    pl_buf_add_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            pl_buf_add_char(out, '"');
        pl_buf_add_char(out, s.p[i]);
    }
    pl_buf_add(out, last ? PL_STR("\"\r\n") : PL_STR("\","));
}

static void csv_line(pl_buf *out, const check_deviation *d) {
    char risk = (char)('0' + d->rule->risk_level);
    csv_field(out, d->rule->name, false);
    csv_field(out, d->rule->identifier, false);
    csv_field(out, d->line->type, false);
    csv_field(out, d->line->id, false);
    csv_field(out, d->line->account, false);
    csv_field(out, d->line->region, false);
    csv_field(out, verdict_text(d->verdict), false);
    csv_field(out, pl_str_of(&risk, 1), false);
    csv_field(out, d->annotation, true);
}

/* Members are those that the schemas of Ant, Jenkins and Gradle ask for. */
static void junit_case(pl_buf *out, const check_deviation *d) {
    pl_buf_add(out, PL_STR("  <testcase classname=\""));
    add_attribute(out, d->rule->name);
    pl_buf_add(out, PL_STR("\" name=\""));
    add_attribute(out, d->line->address.p ? d->line->address : d->line->id);
    bool failed = d->verdict == PL_NON_COMPLIANT;
    pl_buf_add(out, failed ? PL_STR("\" time=\"0\"><failure type=\"NON_COMPLIANT\" message=\"")
                           : PL_STR("\" time=\"0\"><skipped message=\""));
    add_attribute(out, verdict_text(d->verdict));
    pl_buf_add(out, PL_STR(": "));
    add_attribute(out, d->annotation);
    pl_buf_add(out, PL_STR("\"/></testcase>\n"));
}

/* A file's name as a URI reference (RFC 3986): its slashes stay. */
static void add_uri(pl_buf *out, pl_str file) {
    pl_str part;
    for (bool first = true; pl_str_split(&file, '/', &part); first = false) {
        if (!first)
            pl_buf_add_char(out, '/');
        pl_percent_encode(out, part);
    }
}

/* SARIF 2.1.0: `fail` for violations, `notApplicable` and `open` for the rest. */
static void sarif_result(pl_buf *out, const check_deviation *d) {
    static const char *const levels[] = {"none", "error", "warning", "note"};
    int risk = d->rule->risk_level >= 1 && d->rule->risk_level <= 3 ? d->rule->risk_level : 2;
    bool failed = d->verdict == PL_NON_COMPLIANT;
    const char *kind = failed ? "fail" : (d->verdict == PL_NOT_APPLICABLE ? "notApplicable" : "open");
    pl_buf_add(out, PL_STR(",\n    {\"ruleId\":"));
    pl_json_write_string(out, d->rule->name);
    pl_buf_printf(out, ",\"kind\":\"%s\",\"level\":\"%s\",\"message\":{\"text\":", kind,
                  failed ? levels[risk] : levels[0]);
    pl_json_write_string(out, d->annotation.n ? d->annotation : verdict_text(d->verdict));
    pl_buf_add(out, PL_STR("},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\""));
    add_uri(out, pl_str_from(d->file));
    pl_buf_printf(out, "\"},\"region\":{\"startLine\":%llu}},\"logicalLocations\":[{\"fullyQualifiedName\":",
                  (unsigned long long)(d->line->number ? d->line->number : 1));
    pl_json_write_string(out, d->line->address.p ? d->line->address : d->line->id);
    pl_buf_add(out, PL_STR("}]}]}"));
}

static void table_block(pl_buf *out, const check_deviation *d) {
    if (d->verdict != PL_NON_COMPLIANT)
        return;
    pl_buf_printf(out, "%-14.*s %.*s  %.*s\n", PL_FMT(verdict_text(d->verdict)),
                  PL_FMT(d->line->address.p ? d->line->address : d->line->id), PL_FMT(d->rule->name));
    if (d->annotation.n)
        pl_buf_printf(out, "               %.*s\n", PL_FMT(d->annotation));
    if (d->context.p)
        pl_buf_printf(out, "               %.*s\n", PL_FMT(d->context));
}

static void sarif_begin(pl_buf *out, const check_rules *rules) {
    pl_buf_add(out,
               PL_STR("{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\","
                      "\"runs\":[{\"tool\":{\"driver\":{\"name\":\"plumbline\",\"version\":\"" PL_VERSION
                      "\",\"rules\":["));
    for (size_t i = 0; i < check_rules_count(rules); i++) {
        const check_rule *rule = check_rules_at(rules, i);
        pl_buf_add(out, i ? PL_STR(",{\"id\":") : PL_STR("{\"id\":"));
        pl_json_write_string(out, rule->name);
        pl_buf_add(out, PL_STR(",\"name\":"));
        pl_json_write_string(out, rule->identifier);
        pl_buf_add_char(out, '}');
    }
    pl_buf_add(out, PL_STR("]}},\"results\":["));
}

bool check_format_counts_first(check_format format) {
    return format == CHECK_JUNIT;
}

static unsigned long long insufficient_of(const check_counts *counts) {
    return counts->results[PL_INSUFFICIENT_DATA] + counts->results[PL_VERDICT_ERROR];
}

/* The case has one name whether it passes with few resources or many: histories are kept by names. */
static void junit_passed(pl_buf *out, const check_rule *rule) {
    pl_buf_add(out, PL_STR("  <testcase classname=\""));
    add_attribute(out, rule->name);
    pl_buf_add(out, PL_STR("\" name=\"nothing is NON_COMPLIANT\" time=\"0\"/>\n"));
}

static void junit_properties(pl_buf *out, const check_counts *counts, size_t rules) {
    const struct {
        const char *name;
        unsigned long long value;
    } all[] = {{"resources", counts->resources},
               {"rules", rules},
               {"evaluations", counts->evaluations},
               {"COMPLIANT", counts->results[PL_COMPLIANT]},
               {"NON_COMPLIANT", counts->results[PL_NON_COMPLIANT]},
               {"NOT_APPLICABLE", counts->results[PL_NOT_APPLICABLE]},
               {"INSUFFICIENT_DATA", insufficient_of(counts)}};
    pl_buf_add(out, PL_STR("  <properties>\n"));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        pl_buf_printf(out, "    <property name=\"%s\" value=\"%llu\"/>\n", all[i].name, all[i].value);
    pl_buf_add(out, PL_STR("  </properties>\n"));
}

/*
 * `tests` counts the cases that are listed, as readers do that count them: a report without a case is refused
 * by some (Jenkins), so what passes is listed by rule, not by resource.
 */
void check_report_begin_counted(pl_buf *out, const check_counts *counts, const check_rules *rules,
                                const atomic_bool *violated, int64_t started, double seconds) {
    char time[PL_TIME_TEXT];
    size_t passed = 0, count = check_rules_count(rules);
    unsigned long long failed = counts->results[PL_NON_COMPLIANT];
    unsigned long long skipped = counts->results[PL_NOT_APPLICABLE] + insufficient_of(counts);
    for (size_t i = 0; i < count; i++)
        passed += !violated[i];
    pl_time_iso(started, time);
    pl_buf_printf(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"plumbline check\" "
                  "tests=\"%llu\" failures=\"%llu\" errors=\"0\" skipped=\"%llu\" time=\"%.3f\" "
                  "timestamp=\"%.19s\" hostname=\"localhost\">\n",
                  passed + failed + skipped, failed, skipped, seconds, time);
    junit_properties(out, counts, count);
    for (size_t i = 0; i < count; i++)
        if (!violated[i])
            junit_passed(out, check_rules_at(rules, i));
}

void check_report_begin(pl_buf *out, check_format format, const check_rules *rules) {
    switch (format) {
    case CHECK_JSON: pl_buf_add_char(out, '['); break;
    case CHECK_CSV:
        pl_buf_add(out,
                   PL_STR("ruleName,identifier,resourceType,resourceId,accountId,regionId,complianceType,"
                          "riskLevel,annotation\r\n"));
        break;
    case CHECK_SARIF: sarif_begin(out, rules); break;
    default: break;
    }
}

void check_report_deviation(pl_buf *out, check_format format, const check_deviation *d) {
    switch (format) {
    case CHECK_TABLE: table_block(out, d); break;
    case CHECK_JSON:
        pl_buf_add(out, PL_STR(",\n"));
        json_object(out, d);
        break;
    case CHECK_LINES:
        json_object(out, d);
        pl_buf_add_char(out, '\n');
        break;
    case CHECK_CSV: csv_line(out, d); break;
    case CHECK_JUNIT: junit_case(out, d); break;
    case CHECK_SARIF: sarif_result(out, d); break;
    }
}

void check_report_end(pl_buf *out, check_format format) {
    switch (format) {
    case CHECK_JSON: pl_buf_add(out, PL_STR("\n]\n")); break;
    case CHECK_JUNIT: pl_buf_add(out, PL_STR("  <system-out/>\n  <system-err/>\n</testsuite>\n")); break;
    case CHECK_SARIF: pl_buf_add(out, PL_STR("\n]}]}\n")); break;
    default: break;
    }
}

void check_report_summary(pl_buf *out, const check_counts *counts, size_t rules, double seconds) {
    pl_buf_printf(out,
                  "%llu resources, %zu rules, %llu evaluations: %llu COMPLIANT, %llu NON_COMPLIANT, "
                  "%llu NOT_APPLICABLE, %llu INSUFFICIENT_DATA; %.3f s\n",
                  (unsigned long long)counts->resources, rules, (unsigned long long)counts->evaluations,
                  (unsigned long long)counts->results[PL_COMPLIANT],
                  (unsigned long long)counts->results[PL_NON_COMPLIANT],
                  (unsigned long long)counts->results[PL_NOT_APPLICABLE], insufficient_of(counts), seconds);
}
