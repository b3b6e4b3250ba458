/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine_login.h"

#include "proto/bounds.h"

/* What docker calls the registry that it goes to where none is named. */
#define HUB_SERVER "https://index.docker.io/v1/"

static void
put_text(struct bytes *b, struct span text)
{
    bytes_putc(b, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.p[i];

        if (c < 0x20)
            bytes_printf(b, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            bytes_printf(b, "\\%c", c);
        else
            bytes_putc(b, c);
    }
    bytes_putc(b, '"');
}

static void
put_member(struct bytes *b, const char *name, struct span value)
{
    bytes_puts(b, b->len > 1 ? "," : "");
    put_text(b, span_of(name));
    bytes_putc(b, ':');
    put_text(b, value);
}

enum rc
engine_login_format(
    struct bytes *ret, const struct credentials *credentials, const char *host, struct why *why)
{
    closing(bytes_wipe) struct bytes json = BYTES_INIT(SECRET_MAX_BYTES);
    size_t start = ret->len;

    bytes_putc(&json, '{');
    if (credentials->user && credentials->is_identity_token) {
        put_member(&json, "identitytoken", bytes_span(&credentials->secret));
    } else if (credentials->user) {
        put_member(&json, "username", span_of(credentials->user));
        put_member(&json, "password", bytes_span(&credentials->secret));
    }
    if (credentials->user)
        put_member(&json, "serveraddress", span_of(!strcmp(host, "docker.io") ? HUB_SERVER : host));
    bytes_putc(&json, '}');

    enum rc rc = bytes_check(&json, why);
    if (!rc)
        bytes_put_base64(ret, bytes_span(&json));
    if (!rc)
        rc = bytes_check(ret, why);
    if (rc)
        return rc;

    /* RFC 4648 section 5 */
    for (size_t i = start; i < ret->len; i++) {
        if (ret->p[i] == '+')
            ret->p[i] = '-';
        else if (ret->p[i] == '/')
            ret->p[i] = '_';
    }
    return RC_OK;
}
