/* SPDX-License-Identifier: Apache-2.0 */
/*
 *  START ──202──▶ SENDING ──PATCH … PATCH, PUT──▶ there
 *    │ ▲ mounted     │ the connection breaks, 429, 5xx
 *    │ └──gone────── ASKING ──has some of it──▶ SENDING from there
 *    ▼
 *  there
 */
#include "client/http_error.h"
#include "client/pause.h"
#include "client/refusal.h"
#include "client/registry_request.h"
#include "client/upload.h"
#include "proto/bounds.h"
#include "proto/hasher.h"

/* A blob that is being uploaded. */
struct sending {
    struct upload upload;
    const struct registry_blob *blob;
    const struct content *content;
    const struct http_watch *watch; /* the caller's */
    struct hasher *hasher;
    int64_t at;     /* of the next piece, while a request is under way */
    int64_t passed; /* bytes that went out at least once: hashed, and told the caller */
    int64_t best;   /* the highest position so far: what progress is measured by */
    int64_t chunk_bytes;
    bool is_in_one; /* the registry takes no chunks */
    int n_failures; /* since there was progress */
};

static void
sending_done(struct sending *s)
{
    upload_done(&s->upload);
    hasher_free(s->hasher);
}

static enum rc
check_content(const struct sending *s, struct why *why)
{
    char text[REGISTRY_DIGEST_LEN + 1], want[REGISTRY_DIGEST_LEN + 1];
    struct digest digest;

    hasher_digest(&digest, s->hasher);
    if (digest_eq(&digest, &s->blob->digest))
        return RC_OK;

    registry_digest_text(text, &digest);
    registry_digest_text(want, &s->blob->digest);
    return fail(why, RC_UNTRUSTED,
        "blob %s: what lies there has the digest %s; the source is damaged: make it anew", want,
        text);
}

/* The last piece is not sent where the whole is not of its digest. */
static enum rc
on_piece(void *data, struct span piece, struct why *why)
{
    struct sending *s = data;
    int64_t seen = s->passed - s->at;

    s->at += (int64_t)piece.len;
    if (s->at <= s->passed)
        return RC_OK;

    if (seen > 0)
        piece = (struct span){piece.p + seen, piece.len - (size_t)seen};
    hasher_add(s->hasher, piece);
    s->passed = s->at;
    enum rc rc = s->passed == s->blob->size ? check_content(s, why) : RC_OK;
    if (rc || !s->watch || !s->watch->piece)
        return rc;

    return s->watch->piece(s->watch->data, piece, why);
}

static void
on_again(void *data)
{
    struct sending *s = data;

    s->at = s->upload.position;
}

/* All of it once more, in a session of its own. */
static void
start_anew(struct sending *s)
{
    upload_cancel(&s->upload);
    hasher_reset(s->hasher);
    s->passed = 0;
    s->upload.position = 0;
    if (s->watch && s->watch->again)
        s->watch->again(s->watch->data);
}

/* Find out where it stands, after a while; why is what has gone wrong, and stays. */
static enum rc
recover(struct sending *s, int n_max, int64_t least_ms, struct why *why)
{
    if (++s->n_failures >= n_max)
        return RC_NETWORK;

    int64_t wait_ms = pause_backoff_ms(s->n_failures + 3, HTTP_RETRY_MAX_S * 1000);
    pause_about(2 * (wait_ms > least_ms ? wait_ms : least_ms));

    enum rc rc = s->upload.location ? upload_ask(&s->upload, NULL) : RC_NOT_FOUND;
    if (rc == RC_NETWORK)
        return RC_OK; /* the next request will say more */

    if (!rc && s->upload.position <= s->passed && !s->is_in_one)
        return RC_OK;

    if (rc == RC_NO_MEMORY)
        return fail_memory(why);

    bool is_there = false;
    if (s->passed == s->blob->size &&
        !registry_has_blob(&is_there, s->upload.registry, s->blob, NULL) && is_there)
        s->upload.is_there = true; /* the answer was lost, and not the request */
    else
        start_anew(s);
    return RC_OK;
}

/* An answer that is no success. */
static enum rc
on_refusal(struct sending *s, const struct http_response *response, struct why *why)
{
    closing(bytes_done) struct bytes what = BYTES_INIT(HTTP_ERROR_MAX_BYTES);
    char text[REGISTRY_DIGEST_LEN + 1];
    struct http_error error;
    long status = response->status;

    http_error_read(&error, response);
    bool is_passing = status == 408 || status == 429 || (status >= 502 && status <= 504);
    bool is_lost = status == 202 || status == 404 || status == 409 || status == 416 ||
                   (status == 500 && !refusal_find(response, &error));
    bool was_chunk = s->upload.position > 0 || s->blob->size > s->chunk_bytes;

    registry_digest_text(text, &s->blob->digest);
    bytes_printf(&what, "blob %s of '%s' is refused", text, s->upload.path);
    enum rc rc =
        registry_refused(s->upload.registry, s->upload.path, bytes_text(&what), response, why);
    if (rc != RC_NETWORK || status == 401 || status == 403)
        return rc;

    if (is_passing && response->retry_after_s <= HTTP_RETRY_MAX_S)
        return recover(s, UPLOAD_ATTEMPTS_MAX, response->retry_after_s * 1000, why);

    if (is_lost)
        return recover(s, HTTP_ATTEMPTS_MAX, 0, why);

    if (was_chunk && !s->is_in_one) {
        s->is_in_one = true;
        start_anew(s);
        return RC_OK;
    }

    return rc;
}

/* One request more. */
static enum rc
go_on(struct sending *s, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    const struct http_watch watch = {.piece = on_piece, .again = on_again, .data = s};
    struct upload *upload = &s->upload;
    int64_t rest = s->blob->size - upload->position;
    bool is_last = rest == 0 || s->is_in_one || s->blob->size <= s->chunk_bytes;
    bool is_put = is_last && (rest == 0 || upload->position == 0);
    int64_t len = is_last || rest <= s->chunk_bytes ? rest : s->chunk_bytes;
    struct content part = {
        .fd = s->content->fd, .offset = s->content->offset + upload->position, .size = len};

    s->at = upload->position;
    enum rc rc =
        upload_send(&response, upload, &part, is_put ? &s->blob->digest : NULL, &watch, why);
    if (rc == RC_NETWORK)
        return recover(s, UPLOAD_ATTEMPTS_MAX, 0, why);
    if (rc)
        return rc;

    bool is_taken = response.status >= 200 && response.status <= 204;
    if (!is_taken || (is_put && response.status == 202))
        return on_refusal(s, &response, why);

    if (is_put) {
        upload->is_there = true;
        return registry_check_digest(&s->blob->digest, response.docker_digest, "the registry", why);
    }

    rc = upload_advance(upload, &response, upload->position + len, why);
    if (rc == RC_CONFLICT)
        return recover(s, HTTP_ATTEMPTS_MAX, 0, why);

    if (!rc && upload->position > s->best) {
        s->best = upload->position;
        s->n_failures = 0;
    }
    return rc;
}

enum rc
registry_upload(bool *ret_is_mounted, struct registry *registry, const struct registry_blob *blob,
    const struct content *content, const char *from, const struct http_watch *watch,
    struct why *why)
{
    closing(sending_done) struct sending s = {
        .upload = {.registry = registry, .path = blob->path},
        .blob = blob,
        .content = content,
        .watch = watch,
        .chunk_bytes = UPLOAD_CHUNK_BYTES,
    };

    if (content->size != blob->size)
        return fail(why, RC_UNTRUSTED,
            "blob: %lld bytes lie there, and %lld are told; the source is damaged: make it anew",
            (long long)content->size, (long long)blob->size);

    enum rc rc = hasher_new(&s.hasher, why);
    for (; !rc && !s.upload.is_there; from = NULL)
        rc = s.upload.location ? go_on(&s, why) : upload_start(&s.upload, &blob->digest, from, why);
    if (rc) {
        if (rc != RC_NETWORK)
            upload_cancel(&s.upload);
        return rc;
    }

    *ret_is_mounted = s.upload.is_mounted;
    return RC_OK;
}

enum rc
registry_mount(bool *ret, struct registry *registry, const struct registry_blob *blob,
    const char *from, struct why *why)
{
    closing(upload_done) struct upload upload = {.registry = registry, .path = blob->path};

    enum rc rc = upload_start(&upload, &blob->digest, from, why);
    if (!rc && !upload.is_mounted)
        upload_cancel(&upload);
    *ret = !rc && upload.is_mounted;
    return rc;
}

enum rc
registry_check_push(struct registry *registry, const char *path, struct why *why)
{
    closing(upload_done) struct upload upload = {.registry = registry, .path = path};

    enum rc rc = upload_start(&upload, NULL, NULL, why);
    if (!rc)
        upload_cancel(&upload);
    return rc;
}
