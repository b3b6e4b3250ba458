/* SPDX-License-Identifier: Apache-2.0 */
#include "client/registry_blob.h"

#include "client/registry_request.h"
#include "client/sending.h"
#include "client/upload.h"
#include "proto/bounds.h"
#include "proto/hasher.h"

/* The address of a blob, and how people call it. */
static enum rc
name(struct bytes *ret_address, struct bytes *ret_what, const struct registry_blob *blob,
    struct why *why)
{
    char text[REGISTRY_DIGEST_LEN + 1];

    registry_digest_text(text, &blob->digest);
    bytes_printf(ret_what, "blob %s of '%s'", text, blob->path);
    return registry_address(ret_address, blob->path, "blobs", text, why);
}

enum rc
registry_has_blob(
    bool *ret, struct registry *registry, const struct registry_blob *blob, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;
    closing(bytes_done) struct bytes what = BYTES_INIT(HTTP_ERROR_MAX_BYTES);

    enum rc rc = name(&address, &what, blob, why);
    if (rc)
        return rc;

    const struct registry_request request = {
        .path = blob->path,
        .right = REGISTRY_PUSH, /* as the upload that follows: one token is enough */
        .http.method = "HEAD",
        .http.path = bytes_text(&address),
        .http.max_bytes = HTTP_ERROR_MAX_BYTES,
        .http.is_redirect_followed = true,
    };
    rc = registry_send(&response, registry, &request, why);
    if (rc)
        return rc;

    /* 405: it does not say. */
    if (response.status != 200 && response.status != 404 && response.status != 405)
        return registry_refused(registry, blob->path, bytes_text(&what), &response, why);

    *ret = response.status == 200 &&
           (response.content_length < 0 || response.content_length == blob->size);
    return RC_OK;
}

enum rc
registry_check_push(struct registry *registry, const char *path, struct why *why)
{
    closing(upload_done) struct upload upload = {.registry = registry, .path = path};

    enum rc rc = upload_start(&upload, why);
    if (!rc)
        upload_cancel(&upload);
    return rc;
}

enum rc
registry_mount(bool *ret, struct registry *registry, const struct registry_blob *blob,
    const char *from, struct why *why)
{
    closing(upload_done) struct upload upload = {.registry = registry, .path = blob->path};

    enum rc rc = upload_mount(&upload, &blob->digest, from, why);
    if (rc)
        return rc;

    upload_cancel(&upload);
    *ret = upload.is_mounted;
    return RC_OK;
}

enum rc
registry_upload(bool *ret_is_mounted, struct registry *registry, const struct registry_blob *blob,
    const struct content *content, const char *from, const struct http_watch *watch,
    struct why *why)
{
    const struct sending sending = {registry, blob, content, from, watch, UPLOAD_CHUNK_BYTES};

    return sending_run(ret_is_mounted, &sending, why);
}

/* A blob that comes. */
struct coming {
    const struct registry_blob *blob;
    const struct http_watch *watch; /* the caller's */
    struct hasher *hasher;
    int64_t len;
};

static void
coming_done(struct coming *coming)
{
    hasher_free(coming->hasher);
}

static enum rc
on_piece(void *data, struct span piece, struct why *why)
{
    struct coming *coming = data;

    coming->len += (int64_t)piece.len;
    if (coming->len > coming->blob->size)
        return fail(why, RC_UNTRUSTED, "it is longer than the %lld bytes that are told",
            (long long)coming->blob->size);

    hasher_add(coming->hasher, piece);
    return coming->watch->piece(coming->watch->data, piece, why);
}

static void
on_again(void *data)
{
    struct coming *coming = data;

    coming->len = 0;
    hasher_reset(coming->hasher);
    if (coming->watch->again)
        coming->watch->again(coming->watch->data);
}

static enum rc
check(const struct coming *coming, struct why *why)
{
    char text[REGISTRY_DIGEST_LEN + 1];
    struct digest digest;

    hasher_digest(&digest, coming->hasher);
    if (digest_eq(&digest, &coming->blob->digest) && coming->len == coming->blob->size)
        return RC_OK;

    registry_digest_text(text, &digest);
    return fail(why, RC_UNTRUSTED,
        "%lld bytes came, of digest %s; see to the registry, and to proxies in between",
        (long long)coming->len, text);
}

enum rc
registry_download(struct registry *registry, const struct registry_blob *blob,
    const struct http_watch *watch, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    closing(bytes_done) struct bytes address = REGISTRY_ADDRESS_INIT;
    closing(bytes_done) struct bytes what = BYTES_INIT(HTTP_ERROR_MAX_BYTES);
    closing(coming_done) struct coming coming = {.blob = blob, .watch = watch};
    const struct http_watch received = {.piece = on_piece, .again = on_again, .data = &coming};

    enum rc rc = hasher_new(&coming.hasher, why);
    if (!rc)
        rc = name(&address, &what, blob, why);
    if (rc)
        return rc;

    const struct registry_request request = {
        .path = blob->path,
        .right = REGISTRY_PULL,
        .http.method = "GET",
        .http.path = bytes_text(&address),
        .http.received = &received,
        .http.max_bytes = (size_t)blob->size,
        .http.too_large = RC_UNTRUSTED,
        .http.is_redirect_followed = true,
    };
    rc = registry_send(&response, registry, &request, why);
    if (!rc && response.status == 404)
        return fail(why, RC_NOT_FOUND, "%s has no %s", registry_host(registry), bytes_text(&what));
    if (!rc && response.status != 200)
        return registry_refused(registry, blob->path, bytes_text(&what), &response, why);
    if (!rc)
        rc = check(&coming, why);

    return rc ? within(why, rc, "%s", bytes_text(&what)) : RC_OK;
}
