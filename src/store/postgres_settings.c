/* What every connection to a PostgreSQL server is made with, the listening one as well as those of works. */
#include "store/postgres.h"

#include <stdio.h>

/* What comes before the URL may be set otherwise in it; what comes behind may not. */
void store_postgres_parameters_fill(store *s, store_postgres_parameters *parameters) {
    snprintf(parameters->seconds, sizeof parameters->seconds, "%u", s->wait_seconds);
    const char *const pairs[STORE_POSTGRES_PARAMETERS][2] = {
        {"application_name", "plumbline"}, {"connect_timeout", parameters->seconds},
        {"keepalives_idle", "20"},         {"keepalives_interval", "5"},
        {"keepalives_count", "4"},         {"tcp_user_timeout", "30000"},
        {"dbname", s->location},           {"client_encoding", "UTF8"},
    };
    for (size_t i = 0; i < STORE_POSTGRES_PARAMETERS; i++) {
        parameters->keywords[i] = pairs[i][0];
        parameters->values[i] = pairs[i][1];
    }
}

void store_postgres_note(void *context, const char *message) {
    pl_log_write(context, PL_LOG_WARNING, "database: %.*s", PL_FMT(pl_str_trim(pl_str_from(message))));
}
