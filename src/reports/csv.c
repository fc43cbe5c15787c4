/* Comma-separated values: UTF-8 with a byte order mark, RFC 4180. */
#include "reports/private.h"

void csv_begin(FILE *file) {
    fputs("\xef\xbb\xbf", file);
}

static bool needs_quotes(pl_str text) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == ',' || text.p[i] == '"' || text.p[i] == '\n' || text.p[i] == '\r')
            return true;
    return text.n && (text.p[0] == ' ' || text.p[text.n - 1] == ' ');
}

void csv_cell(FILE *file, bool first, pl_str text) {
    if (!first)
        fputc(',', file);
    if (!needs_quotes(text)) {
        fwrite(text.n ? text.p : "", 1, text.n, file);
        return;
    }
    fputc('"', file);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            fputc('"', file);
        fputc(text.p[i], file);
    }
    fputc('"', file);
}

void csv_row_end(FILE *file) {
    fputs("\r\n", file);
}

int csv_end(FILE *file, int64_t limit, pl_error *error) {
    bool written = fflush(file) == 0 && !ferror(file);
    long size = ftell(file);
    if (fclose(file) != 0 || !written)
        return pl_failf(error, PL_E_ServiceUnavailable, "The report could not be written to the disk.");
    if (limit && size > limit)
        return pl_failf(error, PL_E_Invalid_Sql_Value, "The file is larger than %lld MB.",
                        (long long)(limit >> 20));
    return 0;
}
