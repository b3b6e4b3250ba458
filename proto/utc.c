/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/utc.h"

#include <time.h>

#define UTC_MIN (-62167219200) /* 0000-01-01T00:00:00Z */
#define UTC_MAX 253402300799   /* 9999-12-31T23:59:59Z */

/* What is left of the text. */
struct clock_text {
    struct span left;
    bool is_wrong;
};

static uint8_t
clock_peek(const struct clock_text *t)
{
    return t->left.len > 0 ? t->left.p[0] : 0;
}

static void
clock_skip(struct clock_text *t)
{
    t->left.p++;
    t->left.len--;
}

/* Exactly n digits; at most max. */
static int
clock_digits(struct clock_text *t, int n, int min, int max)
{
    int value = 0;

    for (int i = 0; i < n; i++) {
        uint8_t c = clock_peek(t);
        if (c < '0' || c > '9') {
            t->is_wrong = true;
            return 0;
        }
        value = value * 10 + (c - '0');
        clock_skip(t);
    }

    if (value < min || value > max)
        t->is_wrong = true;
    return value;
}

static void
clock_expect(struct clock_text *t, char c)
{
    if (clock_peek(t) == (uint8_t)c)
        clock_skip(t);
    else
        t->is_wrong = true;
}

/* Go's RFC3339Nano: 1 to 9 digits, no zero at the end, nothing at all where it is zero. */
static void
clock_fraction(struct clock_text *t)
{
    uint8_t last = 0;
    int n = 0;

    if (clock_peek(t) != '.')
        return;

    clock_skip(t);
    for (; clock_peek(t) >= '0' && clock_peek(t) <= '9'; n++) {
        last = clock_peek(t);
        clock_skip(t);
    }

    if (n < 1 || n > 9 || last == '0')
        t->is_wrong = true;
}

/* Seconds east of UTC. Go writes "Z" where they are zero, and since 1.20 refuses 24 hours. */
static int
clock_zone(struct clock_text *t)
{
    uint8_t sign = clock_peek(t);

    if (sign != '+' && sign != '-') {
        clock_expect(t, 'Z');
        return 0;
    }

    clock_skip(t);
    int hours = clock_digits(t, 2, 0, 23);
    clock_expect(t, ':');
    int minutes = clock_digits(t, 2, 0, 59);
    int east = hours * 3600 + minutes * 60;
    if (east == 0)
        t->is_wrong = true;

    return sign == '-' ? -east : east;
}

static int
days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

enum rc
utc_parse(int64_t *ret, struct span text, struct why *why)
{
    struct clock_text t = {.left = text};
    struct tm tm = {0};

    int year = clock_digits(&t, 4, 0, 9999);
    clock_expect(&t, '-');
    int month = clock_digits(&t, 2, 1, 12);
    clock_expect(&t, '-');
    tm.tm_mday = clock_digits(&t, 2, 1, 31);
    clock_expect(&t, 'T');
    tm.tm_hour = clock_digits(&t, 2, 0, 23);
    clock_expect(&t, ':');
    tm.tm_min = clock_digits(&t, 2, 0, 59);
    clock_expect(&t, ':');
    tm.tm_sec = clock_digits(&t, 2, 0, 59); /* Go refuses leap seconds */
    clock_fraction(&t);
    int east = clock_zone(&t);

    if (t.is_wrong || t.left.len > 0 || tm.tm_mday > days_of_month(year, month))
        return fail(why, RC_MALFORMED, "'%.*s' is no time as Go writes it",
            text.len < 40 ? (int)text.len : 40, text.len > 0 ? (const char *)text.p : "");

    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    *ret = timegm(&tm) - east;
    return RC_OK;
}

void
utc_format(struct bytes *b, int64_t at)
{
    struct tm tm;

    if (at < UTC_MIN || at > UTC_MAX) {
        bytes_fail(b, RC_TOO_LARGE);
        return;
    }

    gmtime_r(&at, &tm); /* cannot fail within these years */
    bytes_printf(b, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
        tm.tm_hour, tm.tm_min, tm.tm_sec);
}
