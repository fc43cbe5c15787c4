/* Words of the wire and of the store for what the engine counts: owners, states, triggers, frequencies,
 * results. */
#include "engine/outcome.h"

static const struct {
    const char *name;
    engine_rule_owner owner;
} owners[] = {
    {"ALIYUN", ENGINE_MANAGED}, {"CUSTOM_CONFIGURATION", ENGINE_CONDITION}, {"CUSTOM_FC", ENGINE_FUNCTION}};

static const struct {
    const char *name;
    int64_t hours;
} frequencies[] = {
    {"One_Hour", 1}, {"Three_Hours", 3}, {"Six_Hours", 6}, {"Twelve_Hours", 12}, {"TwentyFour_Hours", 24}};

pl_str engine_rule_owner_name(engine_rule_owner owner) {
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
        if (owners[i].owner == owner)
            return pl_str_from(owners[i].name);
    return PL_STR("");
}

bool engine_rule_owner_find(pl_str name, engine_rule_owner *owner) {
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
        if (pl_str_is(name, owners[i].name)) {
            *owner = owners[i].owner;
            return true;
        }
    return false;
}

pl_str engine_rule_state_name(engine_rule_state state) {
    static const char *const names[] = {"ACTIVE", "EVALUATING", "INACTIVE"};
    return (size_t)state < sizeof names / sizeof *names ? pl_str_from(names[state]) : PL_STR("");
}

pl_str engine_triggers_name(unsigned triggers) {
    static const char *const names[] = {"", "ConfigurationItemChangeNotification", "ScheduledNotification",
                                        "ConfigurationItemChangeNotification,ScheduledNotification"};
    return pl_str_from(names[triggers & 3]);
}

bool engine_triggers_find(pl_str text, unsigned *triggers) {
    pl_str rest = text, part;
    *triggers = 0;
    while (pl_str_split(&rest, ',', &part)) {
        part = pl_str_trim(part);
        if (pl_str_is(part, "ConfigurationItemChangeNotification"))
            *triggers |= ENGINE_TRIGGER_CHANGE;
        else if (pl_str_is(part, "ScheduledNotification"))
            *triggers |= ENGINE_TRIGGER_SCHEDULE;
        else
            return false;
    }
    return *triggers != 0;
}

int64_t engine_frequency_period(pl_str frequency) {
    for (size_t i = 0; i < sizeof frequencies / sizeof *frequencies; i++)
        if (pl_str_is(frequency, frequencies[i].name))
            return frequencies[i].hours * 3600 * 1000;
    return 0;
}

static const pl_str compliance_names[] = {PL_STR_INIT("COMPLIANT"), PL_STR_INIT("NON_COMPLIANT"),
                                          PL_STR_INIT("NOT_APPLICABLE"), PL_STR_INIT("INSUFFICIENT_DATA"),
                                          PL_STR_INIT("IGNORED")};

static const pl_str message_names[] = {PL_STR_INIT("ConfigurationItemChangeNotification"),
                                       PL_STR_INIT("ScheduledNotification"), PL_STR_INIT("Manual")};

pl_str engine_compliance_name(engine_compliance compliance) {
    return compliance < ENGINE_COMPLIANCE_COUNT ? compliance_names[compliance] : PL_STR("");
}

bool engine_compliance_find(pl_str name, engine_compliance *out) {
    for (unsigned i = 0; i < ENGINE_COMPLIANCE_COUNT; i++)
        if (pl_str_eq(compliance_names[i], name)) {
            *out = (engine_compliance)i;
            return true;
        }
    return false;
}

pl_str engine_message_name(engine_message_type type) {
    return message_names[type];
}

engine_message_type engine_message_find(pl_str name) {
    for (unsigned i = 0; i < sizeof message_names / sizeof *message_names; i++)
        if (pl_str_eq(message_names[i], name))
            return (engine_message_type)i;
    return ENGINE_BY_HAND;
}
