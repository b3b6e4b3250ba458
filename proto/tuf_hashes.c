/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_hashes.h"

#include <inttypes.h>
#include <openssl/sha.h>

/* Put a hash of the expected length at at; *ret says whether it had that length. */
static enum rc
hash_scan(bool *ret, uint8_t *at, size_t len, struct canon *c, struct why *why)
{
    closing(bytes_done) struct bytes hash = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct span text;

    enum rc rc = canon_string(c, &text, why);
    if (!rc)
        rc = base64_parse(&hash, text, why);
    if (rc)
        return rc;

    *ret = hash.len == len;
    if (*ret && len > 0)
        memcpy(at, hash.p, len);
    return RC_OK;
}

enum rc
tuf_hashes_scan(struct tuf_hashes *ret, struct canon *c, struct why *why)
{
    struct tuf_hashes hashes = {0};
    enum canon_kind null;

    if (canon_peek(c) == CANON_NULL) {
        *ret = hashes;
        return canon_literal(c, &null, why);
    }

    enum rc rc = canon_object(c, why);
    for (bool more = !rc; more;) {
        struct span name;
        bool fits = false;

        rc = canon_member(c, &name, &more, why);
        if (rc || !more)
            break;

        if (span_is(name, "sha256")) {
            rc = hash_scan(&fits, hashes.sha256.b, sizeof hashes.sha256.b, c, why);
            hashes.has_sha256 = fits;
        } else if (span_is(name, "sha512")) {
            rc = hash_scan(&fits, hashes.sha512, sizeof hashes.sha512, c, why);
            hashes.has_sha512 = fits;
        } else {
            rc = hash_scan(&fits, NULL, 0, c, why);
            fits = false;
        }
        if (rc)
            break;

        hashes.has_others |= !fits;
    }
    if (rc)
        return within(why, rc, "hashes");

    *ret = hashes;
    return RC_OK;
}

void
tuf_hashes_format(struct bytes *b, const struct tuf_hashes *hashes)
{
    bytes_putc(b, '{');
    if (hashes->has_sha256) {
        bytes_puts(b, "\"sha256\":\"");
        bytes_put_base64(b, digest_span(&hashes->sha256));
        bytes_putc(b, '"');
    }
    if (hashes->has_sha512) {
        bytes_puts(b, hashes->has_sha256 ? ",\"sha512\":\"" : "\"sha512\":\"");
        bytes_put_base64(b, (struct span){hashes->sha512, sizeof hashes->sha512});
        bytes_putc(b, '"');
    }
    bytes_putc(b, '}');
}

static void
sha512_of(uint8_t ret[SHA512_DIGEST_LENGTH], struct span content)
{
    SHA512(content.len > 0 ? content.p : (const uint8_t *)"", content.len, ret);
}

void
tuf_hashes_of(struct tuf_hashes *ret, struct span content)
{
    *ret = (struct tuf_hashes){.has_sha256 = true, .has_sha512 = true};
    digest_of(&ret->sha256, content);
    sha512_of(ret->sha512, content);
}

enum rc
tuf_hashes_check(const struct tuf_hashes *hashes, struct span content, struct why *why)
{
    uint8_t sha512[SHA512_DIGEST_LENGTH];
    struct digest sha256;

    if (!hashes->has_sha256)
        return fail(why, RC_UNTRUSTED, "no sha256 is listed");

    digest_of(&sha256, content);
    if (!digest_eq(&sha256, &hashes->sha256)) {
        char want_hex[DIGEST_HEX_LEN + 1], have_hex[DIGEST_HEX_LEN + 1];
        digest_hex(want_hex, &hashes->sha256);
        digest_hex(have_hex, &sha256);
        return fail(why, RC_UNTRUSTED, "sha256 is %s, want %s", have_hex, want_hex);
    }

    if (!hashes->has_sha512)
        return RC_OK;

    sha512_of(sha512, content);
    return memcmp(sha512, hashes->sha512, sizeof sha512) == 0
               ? RC_OK
               : fail(why, RC_UNTRUSTED, "sha512 does not fit, although sha256 does");
}

enum rc
tuf_hashes_scan_content(
    struct tuf_hashes *ret, int64_t *ret_length, struct canon *c, struct why *why)
{
    struct tuf_hashes hashes;
    int64_t length;

    enum rc rc = canon_expect(c, "hashes", why);
    if (!rc)
        rc = tuf_hashes_scan(&hashes, c, why);
    if (!rc)
        rc = canon_expect(c, "length", why);
    if (rc)
        return rc;

    rc = canon_integer(c, &length, why);
    if (rc)
        return within(why, rc, "length");

    if (length < 0)
        return fail(why, RC_MALFORMED, "length is %" PRId64, length);

    *ret = hashes;
    *ret_length = length;
    return RC_OK;
}
