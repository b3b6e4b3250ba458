/* SPDX-License-Identifier: Apache-2.0 */
#include "client/when.h"

#include <time.h>

#define SECOND_US INT64_C(1000000)
#define AGO_MAX   1000000 /* of any unit: beyond all ledgers */

static const struct {
    const char *names[4]; /* as people write it; the first is in the manual */
    int64_t seconds;
} units[] = {
    {{"s", "sec", "second", "seconds"}, 1},
    {{"min", "m", "minute", "minutes"}, 60},
    {{"h", "hr", "hour", "hours"}, 3600},
    {{"d", "day", "days"}, 86400},
    {{"w", "week", "weeks"}, 7 * 86400},
};

int64_t
when_now_us(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

/* 0: there is no such unit. */
static int64_t
unit_seconds(struct span name)
{
    for (size_t i = 0; i < N_ELEMENTS(units); i++)
        for (size_t k = 0; k < N_ELEMENTS(units[i].names) && units[i].names[k]; k++)
            if (span_is(name, units[i].names[k]))
                return units[i].seconds;

    return 0;
}

/* "2 h ago", "2h ago". */
static bool
parse_ago(int64_t *ret_us, const char *text, int64_t now_us)
{
    size_t digits = strspn(text, "0123456789");
    const char *name = text + digits + strspn(text + digits, " ");
    const char *end = strstr(name, " ago");
    int64_t n;

    if (!end || strcmp(end, " ago") != 0 ||
        integer_parse(&n, (struct span){(const uint8_t *)text, digits}, 0, AGO_MAX, NULL))
        return false;

    int64_t seconds = unit_seconds((struct span){(const uint8_t *)name, (size_t)(end - name)});
    if (seconds == 0)
        return false;

    *ret_us = now_us - n * seconds * SECOND_US;
    return true;
}

enum rc
when_parse(int64_t *ret_us, const char *text, int64_t now_us, struct why *why)
{
    closing(bytes_done) struct bytes day = BYTES_INIT(64);
    struct span time = span_of(text);
    int64_t at;

    if (!strcmp(text, "now")) {
        *ret_us = now_us;
        return RC_OK;
    }

    if (parse_ago(ret_us, text, now_us))
        return RC_OK;

    if (strlen(text) == strlen("2026-11-29")) {
        bytes_printf(&day, "%sT00:00:00Z", text);
        time = bytes_span(&day);
    }
    if (utc_parse(&at, time, NULL))
        return fail(why, RC_MALFORMED,
            "'%.40s' is no time: want '2 h ago' (s, min, h, d, w), 'now', '2026-11-29' or "
            "'2026-11-29T17:00:00Z'",
            text);

    *ret_us = at * SECOND_US;
    return RC_OK;
}
