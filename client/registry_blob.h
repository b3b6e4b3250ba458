/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * registry_blob — the blobs of a repository: whether they are there, from where they can be
 * mounted, and how they get there.
 */
#include "client/content.h"
#include "client/registry.h"

/* A blob on its way into a repository. */
struct registry_blob {
    const char *path; /* of the repository, "shop/web" */
    struct digest digest;
    int64_t size;
};

/* RC_NETWORK: as registry_manifest() has it. */
must_check enum rc registry_has_blob(
    bool *ret, struct registry *registry, const struct registry_blob *blob, struct why *why);

/* Mount it from another repository, without having its content. *ret: it is there now; false: the
 * registry does not do that, or not from there. What registry_upload() says. */
must_check enum rc registry_mount(bool *ret, struct registry *registry,
    const struct registry_blob *blob, const char *from, struct why *why);

/*
 * Upload it: mount it from another repository, if from is not NULL and the registry does that; else
 * in one piece, or in chunks where it is large or the registry wants them. A connection that breaks
 * is made again, and the upload goes on where the registry says that it stands; 429, 5xx and a
 * token that has expired are waited for and renewed.
 *
 * watch follows the bytes that are sent for the first time or, after again(), once more.
 * *ret_is_mounted: no bytes went over the wire. RC_UNTRUSTED: the content is not of the digest, or
 * the registry says another one. RC_NETWORK: refused, with the registry's code, what it means, and
 * what to do; read-only and full registries included.
 */
must_check enum rc registry_upload(bool *ret_is_mounted, struct registry *registry,
    const struct registry_blob *blob, const struct content *content, const char *from,
    const struct http_watch *watch, struct why *why);

/* Every piece goes to watch, which verifies nothing; size and digest are verified here.
 * RC_NOT_FOUND, RC_UNTRUSTED, RC_NETWORK. */
must_check enum rc registry_download(struct registry *registry, const struct registry_blob *blob,
    const struct http_watch *watch, struct why *why);
