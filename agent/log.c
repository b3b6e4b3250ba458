/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Without it sd-journal.h would add the place in the source as fields. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define LINE_BYTES 1024
#define ONCE_S     60

static enum log_level max_level = LOG_LEVEL_INFO;
static bool is_to_journal = false;
static char latest_once[LINE_BYTES];
static time_t latest_once_s;

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream; a child whose standard error was
 * redirected still has the variable. */
static bool
stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char have[64];
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;

    snprintf(have, sizeof have, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return !strcmp(stream, have);
}

void
log_init(enum log_level level)
{
    max_level = level;
    is_to_journal = stderr_is_journal();
}

like_printf(2, 0) static void format_line(char line[LINE_BYTES], const char *fmt, va_list ap)
{
    vsnprintf(line, LINE_BYTES, fmt, ap);
    for (char *c = line; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

/* The fields follow the message and the level. */
static void
put_line(enum log_level level, const char *line, const char *const *fields, size_t n_fields)
{
    char message[LINE_BYTES + 16], priority[16];
    struct iovec iov[8];
    size_t n = 0;

    if (level > max_level)
        return;

    if (is_to_journal) {
        iov[n++] =
            (struct iovec){message, (size_t)snprintf(message, sizeof message, "MESSAGE=%s", line)};
        iov[n++] = (struct iovec){
            priority, (size_t)snprintf(priority, sizeof priority, "PRIORITY=%d", (int)level)};
        for (size_t i = 0; i < n_fields && n < N_ELEMENTS(iov); i++)
            iov[n++] = (struct iovec){(char *)fields[i], strlen(fields[i])};
        if (sd_journal_sendv(iov, (int)n) >= 0)
            return;
    }

    fprintf(stderr, "countersign-agent: %s\n", line);
}

void
log_line(enum log_level level, const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list ap;

    va_start(ap, fmt);
    format_line(line, fmt, ap);
    va_end(ap);
    put_line(level, line, NULL, 0);
}

void
log_once(enum log_level level, const char *fmt, ...)
{
    struct timespec now;
    char line[LINE_BYTES];
    va_list ap;

    va_start(ap, fmt);
    format_line(line, fmt, ap);
    va_end(ap);
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!strcmp(line, latest_once) && now.tv_sec - latest_once_s < ONCE_S)
        return;

    memcpy(latest_once, line, sizeof line);
    latest_once_s = now.tv_sec;
    put_line(level, line, NULL, 0);
}

void
log_head(const char *ledger_id, int64_t seq, const char *hash_hex)
{
    char line[LINE_BYTES], ledger[64], record[48], hash[128];
    const char *const fields[] = {ledger, record, hash};

    snprintf(
        line, sizeof line, "ledger %s: record %" PRId64 " has hash %s", ledger_id, seq, hash_hex);
    snprintf(ledger, sizeof ledger, "COUNTERSIGN_LEDGER=%s", ledger_id);
    snprintf(record, sizeof record, "COUNTERSIGN_RECORD=%" PRId64, seq);
    snprintf(hash, sizeof hash, "COUNTERSIGN_HASH=%s", hash_hex);
    put_line(LOG_LEVEL_INFO, line, fields, N_ELEMENTS(fields));
}
