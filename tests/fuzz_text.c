/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small forms that everything else is made of: what is taken as a time, number, base64 or
 * hexadecimal is what another reader takes it for, and is written the same again.
 */
#include "proto/utc.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "client/natural.h"
#include "tests/fuzz.h"

/* By libc, which reads the zone and knows the calendar. */
static void
check_time(struct span in, const char *text)
{
    closing(bytes_done) struct bytes again = BYTES_INIT(64);
    struct tm tm = {0};
    char zone[16] = "";
    int64_t at;

    if (utc_parse(&at, in, NULL))
        return;

    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    assert(rest);
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    snprintf(zone, sizeof zone, "%s", !strcmp(rest, "Z") ? "+0000" : rest);
    int sign = zone[0] == '-' ? -1 : 1, hours = 0, minutes = 0;
    assert(sscanf(zone + 1, !strcmp(rest, "Z") ? "%2d%2d" : "%2d:%2d", &hours, &minutes) == 2);
    assert(at == timegm(&tm) - sign * (hours * 3600 + minutes * 60));

    utc_format(&again, at);
    if (!bytes_check(&again, NULL) && !strcmp(rest, "Z") && !strchr(text, '.'))
        assert(span_eq(bytes_span(&again), in));
}

static void
check_integer(struct span in, const char *text)
{
    closing(bytes_done) struct bytes again = BYTES_INIT(64);
    int64_t value;

    if (integer_parse(&value, in, -INTEGER_MAX, INTEGER_MAX, NULL))
        return;

    errno = 0;
    assert(value == strtoll(text, NULL, 10) && errno == 0);
    bytes_printf(&again, "%" PRId64, value);
    assert(span_eq(bytes_span(&again), in));
}

static void
check_encodings(struct span in)
{
    closing(bytes_done) struct bytes decoded = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct digest digest;
    struct keyid id;

    if (!base64_parse(&decoded, in, NULL)) {
        bytes_put_base64(&again, bytes_span(&decoded));
        assert(span_eq(bytes_span(&again), in));
    } else {
        assert(decoded.len == 0);
    }

    bytes_clear(&again);
    if (!hex_parse(digest.b, sizeof digest.b, in, NULL)) {
        bytes_put_hex(&again, digest_span(&digest));
        assert(span_eq(bytes_span(&again), in));
        assert(!keyid_parse(&id, in, NULL) && span_is(in, id.hex));
    }
}

/* JSON of jansson takes UTF-8, without the control characters, as text. */
static void
check_utf8(struct span in)
{
    closing(bytes_done) struct bytes expected = BYTES_INIT(DOCUMENT_MAX_BYTES);

    json_auto_t *value = json_stringn((const char *)in.p, in.len);
    bool is_text = value && !memchr(in.p, 0, in.len) && fuzz_canonical(&expected, value);
    assert(is_text == span_is_text(in));
}

static void
check_order(struct span in)
{
    struct span rest = in;
    struct span a = fuzz_part(&rest), b = fuzz_part(&rest), c = fuzz_part(&rest);
    int ab = natural_cmp(a, b), bc = natural_cmp(b, c), ac = natural_cmp(a, c);

    assert((ab == 0) == span_eq(a, b));
    assert((ab < 0) == (natural_cmp(b, a) > 0));
    assert(ab >= 0 || bc >= 0 || ac < 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span in = {data, len};

    closing(freep) char *text = fuzz_text(in);
    check_time(in, text);
    check_integer(in, text);
    check_encodings(in);
    check_utf8(in);
    check_order(in);
    return 0;
}
