/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *error;
    int exit_status;
} kinds[RC_MAX_] = {
    [RC_OK] = {NULL, 0},
    [RC_MALFORMED] = {"Malformed", 1},
    [RC_UNSUPPORTED] = {"Unsupported", 1},
    [RC_TOO_LARGE] = {"TooLarge", 1},
    [RC_NOT_FOUND] = {"NotFound", 1},
    [RC_USAGE] = {NULL, 2},
    [RC_REFUSED] = {"Refused", 1},
    [RC_DENIED] = {"Denied", 3},
    [RC_PENDING] = {"NeedsApproval", 3},
    [RC_ROLLBACK] = {"Rollback", 7},
    [RC_STALE] = {"Stale", 7},
    [RC_LOCKED] = {"TokenUnavailable", 5},
    [RC_TOKEN] = {"TokenUnavailable", 5},
    [RC_BUSY] = {"Busy", 5},
    [RC_TIMEOUT] = {"Timeout", 5},
    [RC_STORAGE] = {"StorageFailed", 5},
    [RC_SYSTEM] = {"Internal", 1},
    [RC_NO_MEMORY] = {"Internal", 1},
    [RC_UNTRUSTED] = {NULL, 4},
    [RC_NETWORK] = {NULL, 6},
    [RC_CONFLICT] = {NULL, 7},
    [RC_INTERRUPTED] = {NULL, 130},
};

/* Scrubbed, so that a peer's bytes cannot forge a log line or steer a terminal. */
like_printf(2, 0) static void why_set(
    struct why *why, const char *fmt, va_list ap, const char *tail)
{
    char head[sizeof why->text];

    int head_len = vsnprintf(head, sizeof head, fmt, ap);
    int len = snprintf(why->text, sizeof why->text, "%s%s", head, tail);
    if (head_len >= (int)sizeof head || len >= (int)sizeof why->text)
        memcpy(why->text + sizeof why->text - 4, "...", 4);

    for (char *c = why->text; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

enum rc
fail(struct why *why, enum rc rc, const char *fmt, ...)
{
    va_list ap;

    if (!why)
        return rc;

    va_start(ap, fmt);
    why_set(why, fmt, ap, "");
    va_end(ap);
    return rc;
}

enum rc
within(struct why *why, enum rc rc, const char *fmt, ...)
{
    char tail[sizeof why->text + 2];
    va_list ap;

    if (!why)
        return rc;

    snprintf(tail, sizeof tail, ": %s", why->text);
    va_start(ap, fmt);
    why_set(why, fmt, ap, tail);
    va_end(ap);
    return rc;
}

enum rc
fail_memory(struct why *why)
{
    return fail(why, RC_NO_MEMORY, "out of memory");
}

const char *
rc_error_name(enum rc rc)
{
    return kinds[rc].error;
}

enum rc
rc_from_error_name(const char *name)
{
    for (int rc = 0; rc < RC_MAX_; rc++)
        if (kinds[rc].error && !strcmp(kinds[rc].error, name))
            return (enum rc)rc;

    return RC_SYSTEM;
}

int
rc_exit_status(enum rc rc)
{
    return kinds[rc].exit_status;
}
