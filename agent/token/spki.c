/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/spki.h"

#include "proto/bounds.h"
#include "proto/pubkey.h"

#define DER_INTEGER      0x02
#define DER_BIT_STRING   0x03
#define DER_OCTET_STRING 0x04
#define DER_SEQUENCE     0x30

/* RFC 5480 §2.1.1: id-ecPublicKey, 1.2.840.10045.2.1 */
static const uint8_t oid_ec[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
/* RFC 3279 §2.3.1: rsaEncryption, 1.2.840.113549.1.1.1, and its NULL */
static const uint8_t algorithm_rsa[] = {
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

static void
put_header(struct bytes *b, uint8_t tag, size_t len)
{
    bytes_putc(b, tag);
    if (len >= 0x100) {
        bytes_putc(b, 0x82);
        bytes_putc(b, (uint8_t)(len >> 8));
    } else if (len >= 0x80) {
        bytes_putc(b, 0x81);
    }
    bytes_putc(b, (uint8_t)len);
}

static void
put_value(struct bytes *b, uint8_t tag, struct span content)
{
    put_header(b, tag, content.len);
    bytes_put(b, content);
}

/* SEQUENCE { SEQUENCE algorithm, BIT STRING key } */
static void
put_spki(struct bytes *b, struct span algorithm, struct span key)
{
    closing(bytes_done) struct bytes content = BYTES_INIT(PUBLIC_KEY_MAX_BYTES - 4);

    put_value(&content, DER_SEQUENCE, algorithm);
    put_header(&content, DER_BIT_STRING, key.len + 1);
    bytes_putc(&content, 0); /* no unused bits */
    bytes_put(&content, key);
    put_value(b, DER_SEQUENCE, bytes_span(&content));
}

/* Uncompressed, on the three curves of Notary */
static bool
is_point(struct span s)
{
    return (s.len == 65 || s.len == 97 || s.len == 133) && s.p[0] == 4;
}

void
spki_put_ec(struct bytes *b, struct span params, struct span point)
{
    closing(bytes_done) struct bytes algorithm = BYTES_INIT(PUBLIC_KEY_MAX_BYTES - 4);

    /* PKCS#11 2.20 §12.3.3 wants the point within an OCTET STRING; some modules give it raw. The
     * lengths of both never coincide. */
    size_t header = point.len > 2 && point.p[1] == 0x81 ? 3 : 2;
    if (!is_point(point) && point.len > header && point.p[0] == DER_OCTET_STRING)
        point = (struct span){point.p + header, point.len - header};

    bytes_put(&algorithm, (struct span){oid_ec, sizeof oid_ec});
    bytes_put(&algorithm, params);
    put_spki(b, bytes_span(&algorithm), point);
}

void
spki_put_ed25519(struct bytes *b, struct span params, struct span point)
{
    /* RFC 8410 §3: id-Ed25519, 1.3.101.112; and the name that PKCS#11 3.0 §2.3.1 gives the curve */
    static const uint8_t oid[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
    static const uint8_t name[] = "\x13\x0c"
                                  "edwards25519";
    bool is_curve = span_eq(params, (struct span){oid, sizeof oid}) ||
                    span_eq(params, (struct span){name, sizeof name - 1});

    /* Modules give the 32 bytes raw or within an OCTET STRING. */
    if (point.len == 34 && point.p[0] == DER_OCTET_STRING && point.p[1] == 32)
        point = (struct span){point.p + 2, 32};
    if (is_curve && point.len == 32)
        put_spki(b, (struct span){oid, sizeof oid}, point);
}

/* Unsigned big endian; a leading zero keeps it positive. */
static void
put_integer(struct bytes *b, struct span number)
{
    while (number.len > 1 && number.p[0] == 0)
        number = (struct span){number.p + 1, number.len - 1};

    bool is_high = number.len > 0 && number.p[0] >= 0x80;
    put_header(b, DER_INTEGER, number.len + is_high);
    if (is_high)
        bytes_putc(b, 0);
    bytes_put(b, number);
}

void
spki_put_rsa(struct bytes *b, struct span modulus, struct span exponent)
{
    closing(bytes_done) struct bytes numbers = BYTES_INIT(PUBLIC_KEY_MAX_BYTES - 4);
    closing(bytes_done) struct bytes key = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    put_integer(&numbers, modulus);
    put_integer(&numbers, exponent);
    put_value(&key, DER_SEQUENCE, bytes_span(&numbers));
    put_spki(b, (struct span){algorithm_rsa, sizeof algorithm_rsa}, bytes_span(&key));
}

enum rc
spki_put_certificate(struct bytes *b, struct span der, struct why *why)
{
    closing(bytes_done) struct bytes pem = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(pubkey_unrefp) struct pubkey *key = NULL;

    bytes_puts(&pem, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < der.len; at += 48) {
        size_t left = der.len - at;
        bytes_put_base64(&pem, (struct span){der.p + at, left < 48 ? left : 48});
        bytes_putc(&pem, '\n');
    }
    bytes_puts(&pem, "-----END CERTIFICATE-----\n");

    enum rc rc = bytes_check(&pem, why);
    if (rc)
        return rc;

    rc = pubkey_from_pem(&key, bytes_span(&pem), why);
    if (rc)
        return rc;

    bytes_put(b, pubkey_spki(key));
    return bytes_check(b, why);
}
