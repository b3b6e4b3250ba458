/* SPDX-License-Identifier: Apache-2.0 */
#include "client/custom.h"

#include "proto/canon.h"
#include "proto/gojson.h"

/* Go's programs escape them where they write, and sign that when they sign the file again: nobody
 * can verify it then. */
static bool
has_bane_of_go(struct span custom)
{
    static const char *const banes[] = {"<", ">", "&", "\u2028", "\u2029"};

    for (size_t i = 0; i < N_ELEMENTS(banes); i++)
        if (memmem(custom.p, custom.len, banes[i], strlen(banes[i])))
            return true;

    return false;
}

enum rc
custom_check(struct span canonical, struct why *why)
{
    struct canon c;
    struct span value = {0};

    canon_init(&c, canonical);
    if (canon_peek(&c) == CANON_NULL)
        return fail(why, RC_MALFORMED, "custom data 'null' would be dropped by the server");

    enum rc rc = canon_value(&c, &value, why);
    if (!rc)
        rc = canon_end(&c, why);
    if (rc)
        return within(why, rc, "custom data");

    if (has_bane_of_go(canonical))
        return fail(why, RC_MALFORMED,
            "custom data has '<', '>', '&', U+2028 or U+2029, on which notary and docker break");

    return RC_OK;
}

/* Go reads numbers as float64, so what is none of them would be rounded without a word. */
static enum rc
check_numbers(const json_t *value, struct why *why)
{
    enum rc rc = RC_OK;
    const char *name = NULL;
    json_t *member = NULL;

    if (json_is_real(value))
        return fail(why, RC_MALFORMED,
            "custom data has a number with a fraction or an exponent (%g): readers want integers, "
            "so write it as a string",
            json_real_value(value));

    for (size_t i = 0; !rc && i < json_array_size(value); i++)
        rc = check_numbers(json_array_get(value, i), why);
    json_object_foreach((json_t *)value, name, member)
        if (!rc)
            rc = check_numbers(member, why);
    return rc;
}

/* As an array with the value, since a text for jsontext.h is no bare one. */
static enum rc
wrap(json_t **ret, struct span json, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);

    bytes_putc(&text, '[');
    bytes_put(&text, json);
    bytes_putc(&text, ']');
    enum rc rc = bytes_check(&text, why);
    return rc ? rc : jsontext_parse(ret, bytes_span(&text), why);
}

enum rc
custom_canonical(struct bytes *ret, struct span json, struct why *why)
{
    closing(bytes_done) struct bytes canonical = BYTES_INIT(CUSTOM_MAX_BYTES);
    closing(json_decrefp) json_t *wrapped = NULL;

    if (json.len > CUSTOM_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "custom data has %zu bytes, the limit is %d", json.len,
            CUSTOM_MAX_BYTES);

    enum rc rc = gojson_unambiguous(&canonical, json, why);
    if (!rc)
        rc = wrap(&wrapped, json, why);
    if (rc)
        return within(why, rc, "custom data");

    rc = check_numbers(wrapped, why);
    if (!rc)
        rc = custom_check(bytes_span(&canonical), why);
    if (rc)
        return rc;

    bytes_put(ret, bytes_span(&canonical));
    return bytes_check(ret, why);
}

enum rc
custom_read(json_t **ret, struct span canonical, struct why *why)
{
    closing(json_decrefp) json_t *wrapped = NULL;

    enum rc rc = wrap(&wrapped, canonical, why);
    if (rc)
        return within(why, rc, "custom data");

    *ret = json_incref(json_array_get(wrapped, 0));
    return RC_OK;
}
