/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_uri.h"

#include <ctype.h>

#include "proto/bytes.h"

#define SCHEME "pkcs11:"

/* RFC 7512 2.3, pk11-pattr; those of the slot and the library name no token but a place for it, and
 * modules change them from run to run. */
static const struct {
    const char *name;
    enum policy_uri_kind kind;
    size_t max; /* bytes of it in CK_TOKEN_INFO; 0: there is no bound */
} attributes[] = {
    {"token", POLICY_URI_TOKEN, 32},
    {"manufacturer", POLICY_URI_TOKEN, 32},
    {"serial", POLICY_URI_TOKEN, 16},
    {"model", POLICY_URI_TOKEN, 16},
    {"object", POLICY_URI_KEY},
    {"id", POLICY_URI_KEY},
};

/* RFC 7512 2.3, pk11-pchar without percent-encoding: what RFC 3986 leaves unreserved, and these. */
static bool
is_plain(uint8_t c)
{
    return isalnum(c) || (c && strchr("-._~:[]@!$'()*+,=&", c));
}

static enum rc
check_value(struct span value, size_t max, struct why *why)
{
    size_t n = 0; /* bytes that it stands for */

    if (value.len == 0)
        return fail(why, RC_MALFORMED, "it is empty");

    for (size_t i = 0; i < value.len; i++, n++) {
        if (is_plain(value.p[i]))
            continue;

        if (value.p[i] != '%' || value.len - i < 3 || !isxdigit(value.p[i + 1]) ||
            !isxdigit(value.p[i + 2]))
            return fail(
                why, RC_MALFORMED, "'%c' must be written as %%%02X", value.p[i], value.p[i]);

        /* p11-kit takes it, C strings end at it. */
        if (value.p[i + 1] == '0' && value.p[i + 2] == '0')
            return fail(why, RC_MALFORMED, "%%00 has no place in it");

        i += 2;
    }

    /* p11-kit refuses it, and the worker would end. */
    if (max > 0 && n > max)
        return fail(why, RC_MALFORMED, "it is %zu bytes, tokens have up to %zu", n, max);

    return RC_OK;
}

/* Index into attributes. */
static enum rc
find_attribute(size_t *ret, struct span name, enum policy_uri_kind kind, struct why *why)
{
    for (size_t i = 0; i < N_ELEMENTS(attributes); i++) {
        if (!span_is(name, attributes[i].name))
            continue;

        if (attributes[i].kind != kind)
            return fail(why, RC_MALFORMED,
                kind == POLICY_URI_KEY ? "'%s' belongs into the uri of the token"
                                       : "'%s' belongs into the uri of a key",
                attributes[i].name);

        *ret = i;
        return RC_OK;
    }

    return fail(why, RC_MALFORMED, "attribute '%.*s' is not taken here; want %s", (int)name.len,
        (const char *)name.p,
        kind == POLICY_URI_KEY ? "object or id" : "token, serial, model or manufacturer");
}

static enum rc
check_attribute(unsigned *seen, struct span attribute, enum policy_uri_kind kind, struct why *why)
{
    const uint8_t *equals = attribute.len > 0 ? memchr(attribute.p, '=', attribute.len) : NULL;
    size_t index = 0;

    if (!equals)
        return fail(why, RC_MALFORMED, "'%.*s' is no attribute=value", (int)attribute.len,
            (const char *)attribute.p);

    struct span name = {attribute.p, (size_t)(equals - attribute.p)};
    enum rc rc = find_attribute(&index, name, kind, why);
    if (rc)
        return rc;

    if (*seen & 1u << index)
        return fail(why, RC_MALFORMED, "'%s' is there twice", attributes[index].name);

    *seen |= 1u << index;
    struct span value = {equals + 1, attribute.len - name.len - 1};
    rc = check_value(value, attributes[index].max, why);
    return rc ? within(why, rc, "value of '%s'", attributes[index].name) : RC_OK;
}

static enum rc
check(const char *uri, enum policy_uri_kind kind, struct why *why)
{
    unsigned seen = 0;

    if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
        return fail(why, RC_MALFORMED, "it does not begin with " SCHEME);

    if (strchr(uri, '?'))
        return fail(why, RC_MALFORMED,
            "nothing after '?' is taken: a PIN belongs into 'pin', a module into 'module'");

    const char *rest = uri + strlen(SCHEME);
    for (;;) {
        struct span attribute = {(const uint8_t *)rest, strcspn(rest, ";")};
        enum rc rc = check_attribute(&seen, attribute, kind, why);
        if (rc)
            return rc;

        rest += attribute.len;
        if (!*rest)
            return RC_OK;
        rest++;
    }
}

enum rc
policy_uri_check(const char *uri, enum policy_uri_kind kind, struct why *why)
{
    enum rc rc = check(uri, kind, why);
    return rc ? within(why, rc, "uri '%s'", uri) : RC_OK;
}
