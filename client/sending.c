/* SPDX-License-Identifier: Apache-2.0 */
#include "client/sending.h"

#include "client/http_error.h"
#include "client/pause.h"
#include "client/refusal.h"
#include "client/registry_request.h"
#include "client/upload.h"
#include "proto/bounds.h"
#include "proto/hasher.h"

/*
 *  START ──202──▶ SENDING ──PATCH … PATCH, PUT──▶ there
 *    │ ▲ mounted     │ the connection breaks, 429, 5xx
 *    │ └──gone────── ASKING ──has some of it──▶ SENDING from there
 *    ▼
 *  there
 */

/* A blob that is being uploaded. */
struct course {
    struct upload upload;
    const struct registry_blob *blob;
    const struct content *content;
    const struct http_watch *watch; /* the caller's */
    struct hasher *hasher;
    int64_t at;     /* of the next piece, while a request is under way */
    int64_t passed; /* bytes that went out at least once: hashed, and told the caller */
    int64_t best;   /* the highest position so far: what progress is measured by */
    int64_t chunk_bytes;
    bool is_in_one;  /* the registry takes no chunks */
    int n_failures;  /* since there was progress */
    bool is_cut_off; /* the last request had no answer */
};

static void
course_done(struct course *c)
{
    upload_done(&c->upload);
    hasher_free(c->hasher);
}

static enum rc
check_content(const struct course *c, struct why *why)
{
    char text[REGISTRY_DIGEST_LEN + 1], want[REGISTRY_DIGEST_LEN + 1];
    struct digest digest;

    hasher_digest(&digest, c->hasher);
    if (digest_eq(&digest, &c->blob->digest))
        return RC_OK;

    registry_digest_text(text, &digest);
    registry_digest_text(want, &c->blob->digest);
    return fail(why, RC_UNTRUSTED,
        "blob %s: what lies there has the digest %s; the source is damaged: make it anew", want,
        text);
}

/* The last piece is not sent where the whole is not of its digest. */
static enum rc
on_piece(void *data, struct span piece, struct why *why)
{
    struct course *c = data;
    int64_t seen = c->passed - c->at;

    c->at += (int64_t)piece.len;
    if (c->at <= c->passed)
        return RC_OK;

    if (seen > 0)
        piece = (struct span){piece.p + seen, piece.len - (size_t)seen};
    hasher_add(c->hasher, piece);
    c->passed = c->at;
    enum rc rc = c->passed == c->blob->size ? check_content(c, why) : RC_OK;
    if (rc || !c->watch || !c->watch->piece)
        return rc;

    return c->watch->piece(c->watch->data, piece, why);
}

static void
on_again(void *data)
{
    struct course *c = data;

    c->at = c->upload.position;
}

/* All of it once more, in a session of its own. */
static void
start_anew(struct course *c)
{
    upload_cancel(&c->upload);
    hasher_reset(c->hasher);
    c->passed = 0;
    c->upload.position = 0;
    if (c->watch && c->watch->again)
        c->watch->again(c->watch->data);
}

/* Find out where it stands, after a while; why is what has gone wrong, and stays. */
static enum rc
recover(struct course *c, int n_max, int64_t least_ms, struct why *why)
{
    if (++c->n_failures >= n_max)
        return RC_NETWORK;

    int64_t wait_ms = pause_backoff_ms(c->n_failures + 1, HTTP_RETRY_MAX_S * 1000);
    pause_about(2 * (wait_ms > least_ms ? wait_ms : least_ms));

    enum rc rc = c->upload.location ? upload_ask(&c->upload, NULL) : RC_NOT_FOUND;
    if (rc == RC_NETWORK)
        return RC_OK; /* the next request will say more */

    if (!rc && c->upload.position <= c->passed && !c->is_in_one)
        return RC_OK;

    if (rc == RC_NO_MEMORY)
        return fail_memory(why);

    bool is_there = false;
    if (c->passed == c->blob->size &&
        !registry_has_blob(&is_there, c->upload.registry, c->blob, NULL) && is_there)
        c->upload.is_there = true; /* the answer was lost, and not the request */
    else
        start_anew(c);
    return RC_OK;
}

/* Whether another form of upload may do: smaller chunks, or none. */
static bool
change_form(struct course *c, long status)
{
    bool was_chunk = c->upload.position > 0 || c->blob->size > c->chunk_bytes;

    /* A proxy that takes no large requests. */
    if (status == 413 && !c->is_in_one && c->chunk_bytes > UPLOAD_CHUNK_MIN) {
        c->chunk_bytes /= UPLOAD_CHUNK_STEP;
        return true;
    }

    if (!was_chunk || c->is_in_one)
        return false;

    c->is_in_one = true;
    return true;
}

/* An answer that is no success. */
static enum rc
on_refusal(struct course *c, const struct http_response *response, struct why *why)
{
    closing(bytes_done) struct bytes what = BYTES_INIT(HTTP_ERROR_MAX_BYTES);
    char text[REGISTRY_DIGEST_LEN + 1];
    struct http_error error;
    long status = response->status;

    http_error_read(&error, response);
    bool is_passing = status == 408 || status == 429 || (status >= 502 && status <= 504);
    bool is_lost = status == 202 || status == 404 || status == 409 || status == 416 ||
                   (status == 500 && !refusal_find(response, &error));

    registry_digest_text(text, &c->blob->digest);
    bytes_printf(&what, "blob %s of '%s' is refused", text, c->upload.path);
    enum rc rc =
        registry_refused(c->upload.registry, c->upload.path, bytes_text(&what), response, why);
    if (rc != RC_NETWORK || status == 401 || status == 403)
        return rc;

    if (is_passing && response->retry_after_s <= HTTP_RETRY_MAX_S)
        return recover(c, UPLOAD_ATTEMPTS_MAX, response->retry_after_s * 1000, why);

    if (is_lost)
        return recover(c, HTTP_ATTEMPTS_MAX, 0, why);

    if (status >= 500 || !change_form(c, status))
        return rc;

    start_anew(c);
    return RC_OK;
}

/* One request more. */
static enum rc
go_on(struct course *c, struct why *why)
{
    closing(http_response_done) struct http_response response = {0};
    const struct http_watch watch = {.piece = on_piece, .again = on_again, .data = c};
    struct upload *upload = &c->upload;
    int64_t chunk = upload->chunk_min > c->chunk_bytes ? upload->chunk_min : c->chunk_bytes;
    int64_t rest = c->blob->size - upload->position;
    bool is_whole = upload->position == 0 && (c->is_in_one || rest <= chunk);
    bool is_put = is_whole || rest == 0;
    int64_t len = is_put || rest < chunk ? rest : chunk;
    struct content part = {
        .fd = c->content->fd, .offset = c->content->offset + upload->position, .size = len};

    c->at = upload->position;
    enum rc rc =
        upload_send(&response, upload, &part, is_put ? &c->blob->digest : NULL, &watch, why);
    c->is_cut_off = rc == RC_NETWORK;
    if (c->is_cut_off)
        return recover(c, UPLOAD_ATTEMPTS_MAX, 0, why);
    if (rc)
        return rc;

    bool is_taken = response.status >= 200 && response.status <= 204;
    if (!is_taken || (is_put && response.status == 202))
        return on_refusal(c, &response, why);

    if (is_put) {
        upload->is_there = true;
        return registry_check_digest(&c->blob->digest, response.docker_digest, "the registry", why);
    }

    rc = upload_advance(upload, &response, upload->position + len, why);
    if (rc == RC_CONFLICT)
        return recover(c, HTTP_ATTEMPTS_MAX, 0, why);

    if (!rc && upload->position > c->best) {
        c->best = upload->position;
        c->n_failures = 0;
    }
    return rc;
}

enum rc
sending_run(bool *ret_is_mounted, const struct sending *sending, struct why *why)
{
    closing(course_done) struct course c = {
        .upload = {.registry = sending->registry, .path = sending->blob->path},
        .blob = sending->blob,
        .content = sending->content,
        .watch = sending->watch,
        .chunk_bytes = sending->chunk_bytes,
    };

    if (c.content->size != c.blob->size)
        return fail(why, RC_UNTRUSTED,
            "blob: %lld bytes lie there, and %lld are told; the source is damaged: make it anew",
            (long long)c.content->size, (long long)c.blob->size);

    enum rc rc = hasher_new(&c.hasher, why);
    if (!rc && sending->from)
        rc = upload_mount(&c.upload, &c.blob->digest, sending->from, why);
    while (!rc && !c.upload.is_there)
        rc = c.upload.location ? go_on(&c, why) : upload_start(&c.upload, why);
    if (rc && !c.is_cut_off)
        upload_cancel(&c.upload);
    if (rc)
        return rc;

    *ret_is_mounted = c.upload.is_mounted;
    return RC_OK;
}
