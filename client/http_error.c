/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_error.h"

#include <stdio.h>

#include "proto/bounds.h"
#include "proto/members.h"

#define SAID_MAX_BYTES 240 /* of what the server says, so that our advice finds room behind it */

static const char *
member_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/*
 * The detail, where it says more than the message. Notary's is {"Name":"ErrBadTargets","Error":
 * {"Msg":"…"}}, or the name of a role; registries often repeat the question there.
 */
static void
put_detail(struct bytes *b, const json_t *detail)
{
    const char *name = member_text(detail, "Name");
    const char *message = member_text(json_object_get(detail, "Error"), "Msg");

    if (json_is_string(detail) && json_string_length(detail) > 0)
        bytes_printf(b, ": '%s'", json_string_value(detail));
    if (*name)
        bytes_printf(b, ": %s", name);
    if (*message)
        bytes_printf(b, ": %s", message);
}

/* False: the body is not of this form. */
static bool
read_first(struct http_error *error, struct bytes *text, const struct http_response *response)
{
    closing(json_decrefp) json_t *root = NULL;

    if (response->body.len > HTTP_ERROR_MAX_BYTES ||
        members_parse(&root, bytes_span(&response->body), NULL))
        return false;

    const json_t *first = json_array_get(json_object_get(root, "errors"), 0);
    const char *code = member_text(first, "code");
    bool is_read = *code && strlen(code) < sizeof error->code;
    if (is_read) {
        snprintf(error->code, sizeof error->code, "%s", code);
        bytes_printf(
            text, "HTTP %ld %s: %s", response->status, code, member_text(first, "message"));
        put_detail(text, json_object_get(first, "detail"));
    }

    return is_read;
}

/* What to do about a status that nobody has a better word for. */
static void
put_advice(struct bytes *text, const struct http_response *response, bool is_read)
{
    long status = response->status;

    if (response->retry_after_s > 0)
        bytes_printf(text, "; it wants to be asked again in %ld s", response->retry_after_s);
    else if (status == 429 || status == 503)
        bytes_puts(text, "; try again later");
    else if (status >= 500)
        bytes_puts(text, "; try again later, and see the log of the server");
    else if (!is_read && status != 401 && status != 403 && status != 404)
        bytes_puts(text, "; check the address, and proxies in between");
}

void
http_error_read(struct http_error *ret, const struct http_response *response)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(HTTP_ERROR_MAX_BYTES);
    struct http_error error = {0};

    bool is_read = read_first(&error, &text, response);
    if (!is_read) {
        bytes_clear(&text);
        bytes_printf(&text, "HTTP %ld", response->status);
        if (response->content_type && response->body.len > 0)
            bytes_printf(&text, " with a body of type '%s'", response->content_type);
    }
    if (text.len > SAID_MAX_BYTES)
        bytes_cut(&text, SAID_MAX_BYTES);
    error.said_len = text.len;
    put_advice(&text, response, is_read);

    snprintf(error.text, sizeof error.text, "%s", bytes_text(&text));
    *ret = error;
}

bool
http_error_is(const struct http_error *error, const char *code)
{
    return !strcmp(error->code, code);
}
