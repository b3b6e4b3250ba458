/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/keyfile.h"

#include "proto/bounds.h"

static const char *const labels[KEYFILE_FORM_MAX_] = {
    [KEYFILE_PKCS8] = "PRIVATE KEY",
    [KEYFILE_PKCS8_ENCRYPTED] = "ENCRYPTED PRIVATE KEY",
    [KEYFILE_SEC1] = "EC PRIVATE KEY",
    [KEYFILE_PKCS1] = "RSA PRIVATE KEY",
    [KEYFILE_ED25519] = "ED25519 PRIVATE KEY",
};

static enum keyfile_form
find_form(struct span label)
{
    size_t form = 0;

    while (form < KEYFILE_FORM_MAX_ && !span_is(label, labels[form]))
        form++;
    return (enum keyfile_form)form;
}

static bool
ends_with(struct span s, struct span tail)
{
    return s.len >= tail.len && span_eq((struct span){s.p + s.len - tail.len, tail.len}, tail);
}

/* What people read in a file's header lines is shown to them and goes into a policy. */
static struct span
header(const struct pem_block *block, const char *name)
{
    struct span value = pem_header(block, name);
    bool is_plain = span_plain_len(value) == value.len;
    bool is_short = value.len <= REPOSITORY_MAX_BYTES;

    return is_plain && is_short ? value : (struct span){0};
}

static void
take(struct keyfile *file, const struct pem_block *block, enum keyfile_form form)
{
    file->form = form;
    file->block = *block;
    /* RFC 1421 §4.6.1.1, as OpenSSL still writes it */
    file->is_encrypted = form == KEYFILE_PKCS8_ENCRYPTED || pem_header(block, "DEK-Info").len > 0;
    file->role = header(block, "role");
    file->gun = header(block, "gun");
}

enum rc
keyfile_parse(struct keyfile *ret, struct span text, struct why *why)
{
    struct keyfile file = {0};
    struct pem_block block;
    struct span other = {0};
    size_t n = 0;

    if (text.len > KEY_FILE_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "%zu bytes are no key file, the limit is %d", text.len,
            KEY_FILE_MAX_BYTES);

    enum rc rc = pem_next(&block, &text, why);
    for (; rc == RC_OK; rc = pem_next(&block, &text, why)) {
        enum keyfile_form form = find_form(block.label);
        if (form == KEYFILE_FORM_MAX_ && ends_with(block.label, SPAN("PRIVATE KEY")))
            return fail(why, RC_UNSUPPORTED,
                "it holds a '%.*s'; want an EC, RSA or Ed25519 key: convert it with 'openssl "
                "pkcs8 -topk8'",
                (int)block.label.len, block.label.p);

        if (form == KEYFILE_FORM_MAX_)
            other = block.label;
        else if (n++ == 0)
            take(&file, &block, form);
    }
    if (rc != RC_NOT_FOUND)
        return rc;

    if (n > 1)
        return fail(why, RC_MALFORMED, "it holds %zu private keys, want 1 in a file", n);

    if (n == 0 && other.len > 0)
        return fail(
            why, RC_MALFORMED, "it holds a '%.*s' and no private key", (int)other.len, other.p);

    if (n == 0)
        return fail(why, RC_MALFORMED, "it holds no private key in PEM");

    *ret = file;
    return RC_OK;
}
