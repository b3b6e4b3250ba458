/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf.h"

#include <inttypes.h>

#include "proto/gojson.h"
#include "proto/utc.h"
#include "proto/wire.h"

/* The wire form has its members in the order of Go's declaration, which is not that of their names.
 */
#define WIRE_HEAD       SPAN("{\"signed\":")
#define WIRE_SIGNATURES SPAN(",\"signatures\":")
#define WIRE_TAIL       SPAN("}")

static struct span
span_after(struct span s, size_t at)
{
    return (struct span){s.p + at, s.len - at};
}

struct span
tuf_scanned(const struct canon *c, size_t at)
{
    return (struct span){c->in.p + at, c->at - at};
}

static enum rc
signature_keep(struct tuf_file *file, const struct keyid *keyid, enum verify_method method,
    struct span text, struct why *why)
{
    size_t before = file->signature_bytes.len;

    if (text.len > (SIGNATURE_MAX_BYTES + 2) / 3 * 4)
        return fail(why, RC_TOO_LARGE, "more than %d bytes", SIGNATURE_MAX_BYTES);

    enum rc rc = base64_parse(&file->signature_bytes, text, why);
    if (rc == RC_MALFORMED) {
        file->n_unreadable++; /* no signature: left out */
        return RC_OK;
    }
    if (rc)
        return rc;

    if (file->signature_bytes.len - before > SIGNATURE_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "more than %d bytes", SIGNATURE_MAX_BYTES);

    if (file->n_signatures == SIGNATURES_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d signatures", SIGNATURES_MAX);

    struct verify_signature *signature =
        mem_grow((void **)&file->signatures, file->n_signatures, sizeof *signature, SIGNATURES_MAX);
    if (!signature)
        return fail_memory(why);

    signature->keyid = *keyid;
    signature->method = method;
    signature->signature.len = file->signature_bytes.len - before;
    file->n_signatures++;
    return RC_OK;
}

static enum rc
signature_scan(struct tuf_file *file, struct canon *c, struct why *why)
{
    struct span keyid_raw = {0}, method = {0}, text = {0};
    struct keyid keyid;
    bool has_text = false;

    enum rc rc = canon_object(c, why);
    for (bool more = !rc; more;) {
        struct span name, value;
        rc = canon_member(c, &name, &more, why);
        if (rc || !more)
            break;

        bool is_string = canon_peek(c) == CANON_STRING;
        rc = is_string ? canon_string(c, &value, why) : canon_value(c, &value, why);
        if (rc)
            break;

        if (is_string && span_is(name, "keyid"))
            keyid_raw = value;
        if (is_string && span_is(name, "method"))
            method = value;
        if (is_string && span_is(name, "sig")) {
            text = value;
            has_text = true;
        }
    }
    if (rc)
        return rc;

    if (!has_text || keyid_parse(&keyid, keyid_raw, NULL)) {
        file->n_unreadable++; /* verifies nothing: left out */
        return RC_OK;
    }

    return signature_keep(file, &keyid, verify_method_find(method), text, why);
}

static enum rc
signatures_scan(struct tuf_file *file, struct canon *c, struct why *why)
{
    bool more = false;

    enum rc rc = canon_array(c, why);
    if (rc)
        return within(why, rc, "signatures");

    rc = canon_element(c, &more, why);
    for (size_t i = 0; !rc && more; i++) {
        rc = signature_scan(file, c, why);
        if (rc)
            return within(why, rc, "signatures[%zu]", i);

        rc = canon_element(c, &more, why);
    }
    if (rc)
        return rc;

    /* Only now, as signature_bytes moved while it grew. */
    const uint8_t *at = file->signature_bytes.p;
    for (size_t i = 0; i < file->n_signatures; i++) {
        file->signatures[i].signature.p = at;
        at += file->signatures[i].signature.len;
    }

    return RC_OK;
}

static enum rc
message_set(struct tuf_file *file, struct span message, struct why *why)
{
    bytes_put(&file->message, message);
    return bytes_check(&file->message, why);
}

/* That raw is what tuf_file_format() makes of what was read. */
static enum rc
exact_prove(const struct tuf_file *file, struct why *why)
{
    closing(bytes_done) struct bytes wire = BYTES_INIT(DOCUMENT_MAX_BYTES);
    size_t at = 0;

    tuf_file_format(&wire, bytes_span(&file->message), file->signatures, file->n_signatures);
    enum rc rc = bytes_check(&wire, why);
    if (rc == RC_NO_MEMORY)
        return rc;
    if (!rc && span_eq(bytes_span(&wire), bytes_span(&file->raw)))
        return RC_OK;

    while (at < wire.len && at < file->raw.len && wire.p[at] == file->raw.p[at])
        at++;
    return fail(why, RC_MALFORMED, "byte %zu is not as in the exact form of published files", at);
}

static enum rc
exact_read(struct tuf_file *file, struct why *why)
{
    closing(bytes_done) struct bytes plain = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct span message;
    struct canon c;

    enum rc rc = wire_parse(&plain, bytes_span(&file->raw), why);
    if (rc)
        return rc;

    struct span rest = bytes_span(&plain);
    if (!span_starts(rest, WIRE_HEAD))
        return fail(why, RC_MALFORMED, "does not begin with {\"signed\":");

    rest = span_after(rest, WIRE_HEAD.len);
    canon_init(&c, rest);
    rc = canon_value(&c, &message, why);
    if (!rc)
        rc = message_set(file, message, why);
    if (rc)
        return within(why, rc, "signed");

    rest = span_after(rest, c.at);
    if (!span_starts(rest, WIRE_SIGNATURES))
        return fail(why, RC_MALFORMED, "\"signed\" is not followed by \"signatures\"");

    rest = span_after(rest, WIRE_SIGNATURES.len);
    canon_init(&c, rest);
    rc = signatures_scan(file, &c, why);
    if (rc)
        return rc;

    if (!span_eq(span_after(rest, c.at), WIRE_TAIL))
        return fail(why, RC_MALFORMED, "does not end after \"signatures\"");

    rc = exact_prove(file, why);
    if (rc)
        return rc;

    file->is_exact = true;
    return RC_OK;
}

/* Go takes a member whose name differs in case for the same one, and the last of them counts. We
 * would read one document, and notary another. */
static enum rc
check_spelling(struct span name, const char *known, struct why *why)
{
    bool is_alike = name.len == strlen(known) && !span_is(name, known) &&
                    !strncasecmp((const char *)name.p, known, name.len);

    return is_alike ? fail(why, RC_MALFORMED, "member '%.*s', want '%s'", (int)name.len,
                          (const char *)name.p, known)
                    : RC_OK;
}

static enum rc
tolerant_read(struct tuf_file *file, struct why *why)
{
    closing(bytes_done) struct bytes plain = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct span message = {0}, ignored, name;
    struct canon c;

    enum rc rc = gojson_unambiguous(&plain, bytes_span(&file->raw), why);
    if (rc)
        return rc;

    canon_init(&c, bytes_span(&plain));
    rc = canon_object(&c, why);
    for (bool more = !rc; more;) {
        rc = canon_member(&c, &name, &more, why);
        if (rc || !more)
            break;

        rc = check_spelling(name, "signed", why);
        if (!rc)
            rc = check_spelling(name, "signatures", why);
        if (rc)
            break;

        if (span_is(name, "signed"))
            rc = canon_value(&c, &message, why);
        else if (span_is(name, "signatures") && canon_peek(&c) != CANON_NULL)
            rc = signatures_scan(file, &c, why);
        else
            rc = canon_value(&c, &ignored, why);
        if (rc)
            break;
    }
    if (!rc)
        rc = canon_end(&c, why);
    if (rc)
        return rc;

    if (!message.p)
        return fail(why, RC_MALFORMED, "no \"signed\"");

    return message_set(file, message, why);
}

static enum rc
file_read(struct tuf_file **ret, struct span raw,
    enum rc (*read)(struct tuf_file *file, struct why *why), struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = calloc(1, sizeof *file);
    if (!file)
        return fail_memory(why);

    file->raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    file->message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    file->signature_bytes = BYTES_INIT(DOCUMENT_MAX_BYTES);

    bytes_put(&file->raw, raw);
    enum rc rc = bytes_check(&file->raw, why);
    if (rc)
        return rc;

    rc = read(file, why);
    if (rc)
        return rc;

    *ret = steal(file);
    return RC_OK;
}

enum rc
tuf_file_parse(struct tuf_file **ret, struct span raw, enum tuf_reading reading, struct why *why)
{
    enum rc rc = file_read(ret, raw, exact_read, why);
    if (rc == RC_MALFORMED && reading == TUF_TOLERANT)
        rc = file_read(ret, raw, tolerant_read, why);

    return rc;
}

void
tuf_file_free(struct tuf_file *file)
{
    if (!file)
        return;

    bytes_done(&file->raw);
    bytes_done(&file->message);
    bytes_done(&file->signature_bytes);
    free(file->signatures);
    free(file);
}

void
tuf_file_format(struct bytes *b, struct span message, const struct verify_signature *signatures,
    size_t n_signatures)
{
    bool is_first = true;

    bytes_put(b, WIRE_HEAD);
    wire_format(b, message);
    bytes_put(b, WIRE_SIGNATURES);
    bytes_putc(b, '[');
    for (size_t i = 0; i < n_signatures; i++) {
        if (signatures[i].method == VERIFY_METHOD_MAX_)
            continue;

        bytes_printf(b, "%s{\"keyid\":\"%s\",\"method\":\"%s\",\"sig\":\"", is_first ? "" : ",",
            signatures[i].keyid.hex, verify_method_name(signatures[i].method));
        bytes_put_base64(b, signatures[i].signature);
        bytes_puts(b, "\"}");
        is_first = false;
    }
    bytes_putc(b, ']');
    bytes_put(b, WIRE_TAIL);
}

static enum rc
type_scan(struct span *ret, struct canon *c, struct span message, struct why *why)
{
    canon_init(c, message);
    enum rc rc = canon_object(c, why);
    if (!rc)
        rc = canon_expect(c, "_type", why);
    if (!rc)
        rc = canon_string(c, ret, why);

    return rc;
}

enum rc
tuf_type_of(struct span *ret, struct span message, struct why *why)
{
    struct canon c;

    return type_scan(ret, &c, message, why);
}

enum rc
tuf_type_scan(struct canon *c, struct span message, const char *type, struct why *why)
{
    struct span have;

    if (message.len > DOCUMENT_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "document is %zu bytes, the limit is %d", message.len,
            DOCUMENT_MAX_BYTES);

    enum rc rc = type_scan(&have, c, message, why);
    if (rc)
        return rc;

    if (!span_is(have, type))
        return fail(why, RC_MALFORMED, "_type is '%.*s', want '%s'", (int)have.len,
            (const char *)have.p, type);

    return RC_OK;
}

enum rc
tuf_expires_scan(int64_t *ret, struct canon *c, struct why *why)
{
    struct span text;

    enum rc rc = canon_expect(c, "expires", why);
    if (rc)
        return rc;

    rc = canon_string(c, &text, why);
    if (!rc)
        rc = utc_parse(ret, text, why);
    return rc ? within(why, rc, "expires") : RC_OK;
}

enum rc
tuf_version_scan(int64_t *ret, struct canon *c, struct why *why)
{
    int64_t version;

    enum rc rc = canon_expect(c, "version", why);
    if (rc)
        return rc;

    rc = canon_integer(c, &version, why);
    if (rc)
        return within(why, rc, "version");

    rc = canon_close(c, why);
    if (!rc)
        rc = canon_end(c, why);
    if (rc)
        return rc;

    if (version < 1)
        return fail(why, RC_MALFORMED, "version is %" PRId64 ", want at least 1", version);

    *ret = version;
    return RC_OK;
}
