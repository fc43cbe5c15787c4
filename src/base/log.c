/* Log lines. No state. */
#include "base/log.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static void add_json_text(char *out, size_t size, const char *text) {
    size_t n = 0;
    for (; *text && n + 2 < size; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n] = '\0';
}

void pl_log_write(const pl_log *log, pl_log_level level, const char *format, ...) {
    if (log->fd < 0 || level < log->least)
        return;
    char message[2048], escaped[4100], line[4300], when[PL_TIME_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    pl_time_iso(pl_now(&log->clock), when);
    int n;
    if (log->json) {
        add_json_text(escaped, sizeof escaped, message);
        n = snprintf(line, sizeof line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}\n", when,
                     level_names[level], escaped);
    } else {
        n = snprintf(line, sizeof line, "%s %s %s\n", when, level_names[level], message);
    }
    if (n > 0 && write(log->fd, line, (size_t)n) < 0)
        return;
}
