/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_date.h"

#include <time.h>

#define FORM       "%a, %d %b %Y %H:%M:%S GMT"
#define TEXT_BYTES 64

enum rc
http_date_parse(int64_t *ret, const char *text, struct why *why)
{
    char again[TEXT_BYTES] = "";
    struct tm tm = {0};

    const char *end = strptime(text, FORM, &tm);
    int64_t at = end && !*end ? timegm(&tm) : -1;
    if (at >= 0)
        strftime(again, sizeof again, FORM, &tm);

    /* strptime() is generous: what is a date reads the same when it is written again. */
    if (strcmp(again, text) != 0 || !*text)
        return fail(why, RC_MALFORMED, "'%.60s' is no date of HTTP", text);

    *ret = at;
    return RC_OK;
}
