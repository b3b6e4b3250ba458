/* SPDX-License-Identifier: Apache-2.0 */
#include "client/upload.h"

#include <stdio.h>

#include "client/http_error.h"
#include "client/registry_request.h"
#include "client/url.h"
#include "proto/bounds.h"

void
upload_done(struct upload *upload)
{
    free(upload->location);
    upload->location = NULL;
}

static enum rc
post(struct http_response *ret, struct upload *upload, const struct digest *digest,
    const char *from, struct why *why)
{
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;
    char text[REGISTRY_DIGEST_LEN + 1];

    enum rc rc = registry_address(&address, upload->path, "blobs/uploads", NULL, why);
    if (rc)
        return rc;

    if (from) {
        registry_digest_text(text, digest);
        bytes_printf(&address, "?mount=%s&from=", text);
        url_put_escaped(&address, from, "/");
    }
    rc = bytes_check(&address, why);
    if (rc)
        return rc;

    const struct registry_request request = {
        .path = upload->path,
        .right = REGISTRY_PUSH,
        .from = from,
        .http.method = "POST",
        .http.path = bytes_text(&address),
        .http.max_bytes = HTTP_ERROR_MAX_BYTES,
        .http.is_repeatable = true, /* a session too many is forgotten by the registry */
    };
    return registry_send(ret, upload->registry, &request, why);
}

/* The address is a new one after each step; where none is told, the old one stays. */
static enum rc
move(struct upload *upload, const struct http_response *response, struct why *why)
{
    char *location = NULL;

    if (upload->location && !response->location)
        return RC_OK;

    enum rc rc = registry_location(&location, upload->registry, upload->location, response, why);
    if (rc)
        return rc;

    free(upload->location);
    upload->location = location;
    return RC_OK;
}

static enum rc
open_session(struct upload *upload, const struct http_response *response, struct why *why)
{
    upload_done(upload);
    upload->position = 0;
    upload->chunk_min = response->chunk_min;
    return move(upload, response, why);
}

enum rc
upload_mount(struct upload *upload, const struct digest *digest, const char *from, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};

    enum rc rc = post(&response, upload, digest, from, why);
    if (rc == RC_NETWORK) /* tokens are not given for both, or the next request says more */
        return RC_OK;
    if (rc)
        return rc;

    if (response.status == 202)
        return open_session(upload, &response, why);

    upload->is_there = upload->is_mounted = response.status == 201;
    return upload->is_mounted
               ? registry_check_digest(digest, response.docker_digest, "the registry", why)
               : RC_OK;
}

enum rc
upload_start(struct upload *upload, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes what = BYTES_INIT(HTTP_HEADERS_MAX_BYTES);

    enum rc rc = post(&response, upload, NULL, NULL, why);
    if (rc)
        return rc;

    if (response.status == 202)
        return open_session(upload, &response, why);

    bytes_printf(&what, "an upload to '%s' is refused", upload->path);
    return registry_refused(upload->registry, upload->path, bytes_text(&what), &response, why);
}

enum rc
upload_send(struct http_response *ret, struct upload *upload, const struct content *part,
    const struct digest *digest, const struct http_watch *watch, struct why *why)
{
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;
    char text[REGISTRY_DIGEST_LEN + 1], range[64];
    const struct http_header header = {"Content-Range", range};

    bytes_puts(&address, upload->location);
    if (digest) {
        registry_digest_text(text, digest);
        bytes_printf(&address, "%cdigest=%s", strchr(upload->location, '?') ? '&' : '?', text);
    }
    enum rc rc = bytes_check(&address, why);
    if (rc)
        return rc;

    snprintf(range, sizeof range, "%lld-%lld", (long long)upload->position,
        (long long)(upload->position + part->size - 1));
    const struct registry_request request = {
        .path = upload->path,
        .right = REGISTRY_PUSH,
        .http.method = digest ? "PUT" : "PATCH",
        .http.path = bytes_text(&address),
        .http.content_type = "application/octet-stream",
        .http.content = part->size > 0 ? part : NULL,
        .http.sent = watch,
        .http.headers = &header,
        .http.n_headers = digest ? 0 : 1,
        .http.max_bytes = HTTP_ERROR_MAX_BYTES,
    };
    return registry_send(ret, upload->registry, &request, why);
}

/*
 * How many bytes a Range says that there are; RC_NOT_FOUND: it does not say. "0-0" is what docker's
 * registry says of one byte and of none.
 */
static enum rc
read_range(int64_t *ret, const struct http_response *response)
{
    const char *text = response->range;
    int64_t last = 0;

    if (!text)
        return RC_NOT_FOUND;

    if (!strncmp(text, "bytes=", 6))
        text += 6;
    if (strncmp(text, "0-", 2) != 0 ||
        integer_parse(&last, span_of(text + 2), 0, INTEGER_MAX - 1, NULL))
        return RC_NOT_FOUND;

    *ret = last + 1;
    return RC_OK;
}

enum rc
upload_advance(
    struct upload *upload, const struct http_response *response, int64_t sent, struct why *why)
{
    int64_t there = sent;

    enum rc rc = move(upload, response, why);
    if (rc)
        return rc;

    if (read_range(&there, response)) /* the specification wants one */
        there = sent;
    if (there <= upload->position || there > sent)
        return fail(why, RC_CONFLICT,
            "'%s/%s': the registry says that it has %lld bytes of a blob, of which %lld were sent; "
            "see to the registry, and to proxies in between",
            registry_host(upload->registry), upload->path, (long long)there, (long long)sent);

    upload->position = there;
    return RC_OK;
}

enum rc
upload_ask(struct upload *upload, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    int64_t there = 0;

    const struct registry_request request = {
        .path = upload->path,
        .right = REGISTRY_PUSH,
        .http.method = "GET",
        .http.path = upload->location,
        .http.max_bytes = HTTP_ERROR_MAX_BYTES,
    };
    enum rc rc = registry_send(&response, upload->registry, &request, why);
    if (rc)
        return rc;

    bool is_known = response.status == 204 || response.status == 202 || response.status == 200;
    if (!is_known || read_range(&there, &response) || there <= 1)
        return fail(why, RC_NOT_FOUND, "the upload is gone");

    upload->position = there;
    return move(upload, &response, why);
}

void
upload_cancel(struct upload *upload)
{
    closing(http_response_done) struct http_response response = {0};

    if (!upload->location)
        return;

    const struct registry_request request = {
        .path = upload->path,
        .right = REGISTRY_DELETE, /* docker's registry wants it for this, too */
        .http.method = "DELETE",
        .http.path = upload->location,
        .http.max_bytes = HTTP_ERROR_MAX_BYTES,
    };
    enum rc rc = registry_send(&response, upload->registry, &request, NULL);
    (void)rc;
    upload_done(upload);
}
