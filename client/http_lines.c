/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http_lines.h"

#include "proto/bounds.h"

void
http_lines_done(struct curl_slist **lines)
{
    for (struct curl_slist *line = *lines; line; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(*lines);
    *lines = NULL;
}

static enum rc
add_line(struct curl_slist **lines, const char *name, const char *value, struct why *why)
{
    closing(bytes_wipe) struct bytes line = BYTES_INIT(SECRET_MAX_BYTES);

    if (strpbrk(value, "\r\n"))
        return fail(why, RC_MALFORMED, "header '%s': a line end in its value", name);

    bytes_printf(&line, "%s: %s", name, value);
    enum rc rc = bytes_check(&line, why);
    if (rc)
        return within(why, rc, "header '%s'", name);

    struct curl_slist *grown = curl_slist_append(*lines, bytes_text(&line));
    if (!grown)
        return fail_memory(why);

    *lines = grown;
    return RC_OK;
}

static enum rc
add_usual(
    struct curl_slist **lines, const struct http_request *request, bool is_trusted, struct why *why)
{
    const struct {
        const char *name, *value;
    } all[] = {
        {"Accept", request->accept},
        /* Empty: not sent; libcurl would say that any body is a form. */
        {"Content-Type", request->content_type ? request->content_type : ""},
        {"Authorization", is_trusted ? request->authorization : NULL},
        /* notary-server lets proxies keep the newest metadata for five minutes. */
        {"Cache-Control", "no-cache"},
        /* Empty: not sent, so as not to wait a second for servers that never say "100 Continue". */
        {"Expect", ""},
    };

    for (size_t i = 0; i < N_ELEMENTS(all); i++) {
        enum rc rc = all[i].value ? add_line(lines, all[i].name, all[i].value, why) : RC_OK;
        if (rc)
            return rc;
    }

    return RC_OK;
}

enum rc
http_lines_make(
    struct curl_slist **ret, const struct http_request *request, bool is_trusted, struct why *why)
{
    closing(http_lines_done) struct curl_slist *lines = NULL;

    enum rc rc = add_usual(&lines, request, is_trusted, why);
    for (size_t i = 0; i < request->n_headers && !rc; i++) {
        const struct http_header *header = &request->headers[i];

        bool is_range =
            !strcasecmp(header->name, "Range") || !strcasecmp(header->name, "Content-Range");

        if (is_trusted || is_range)
            rc = add_line(&lines, header->name, header->value, why);
    }
    if (rc)
        return rc;

    *ret = steal(lines);
    return RC_OK;
}
