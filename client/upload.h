/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * upload — a session in which a registry takes one blob: its address, which each answer may change,
 * and how much the registry has. When to do what is said in sending.h.
 */
#include "client/registry_blob.h"

struct upload {
    struct registry *registry; /* borrowed */
    const char *path;
    char *location;    /* NULL: there is none */
    int64_t position;  /* bytes that the registry has */
    int64_t chunk_min; /* that it wants in one request, but for the last; 0: any */
    bool is_there;     /* the whole blob */
    bool is_mounted;   /* without having been sent */
};
void upload_done(struct upload *upload);

/* Have the blob mounted from another repository. Where that cannot be, one may have been begun, or
 * nothing was done. RC_UNTRUSTED: another blob was mounted. */
must_check enum rc upload_mount(
    struct upload *upload, const struct digest *digest, const char *from, struct why *why);
/* Begin one. RC_NETWORK: refused. */
must_check enum rc upload_start(struct upload *upload, struct why *why);

/*
 * Send a part that begins at position, by PATCH; or with a digest all the rest of the blob, by PUT.
 * The answer is to be judged, and taken with upload_advance() if it is a success.
 */
must_check enum rc upload_send(struct http_response *ret, struct upload *upload,
    const struct content *part, const struct digest *digest, const struct http_watch *watch,
    struct why *why);
/* sent: where the part ended. RC_CONFLICT: the registry says that it has something else. */
must_check enum rc upload_advance(
    struct upload *upload, const struct http_response *response, int64_t sent, struct why *why);

/* Ask where it stands, after something went wrong. RC_NOT_FOUND: nobody knows it any more, or what
 * it has; RC_NETWORK. */
must_check enum rc upload_ask(struct upload *upload, struct why *why);
/* Give it up; that the registry does not hear of it is no matter, it forgets after a while. */
void upload_cancel(struct upload *upload);
