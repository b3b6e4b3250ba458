/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * registry_manifest — manifests as they lie in a registry, for who has to see the whole answer. The
 * rest of the client uses registry.h.
 */
#include "client/registry_request.h"

/* GET and verify it, as registry_manifest() does; the answer as well. */
must_check enum rc registry_fetch_manifest(struct registry_manifest *ret,
    struct http_response *ret_response, struct registry *registry, const char *path,
    const char *reference, struct why *why);

struct registry_put {
    const char *path, *reference, *media_type;
    struct span manifest;
    const char *etag; /* of what it replaces: only that; NULL: whatever is there */
};

/* PUT it, and no more: the answer is the caller's to judge. What auth_send() says. */
must_check enum rc registry_store_manifest(struct http_response *ret, struct registry *registry,
    const struct registry_put *put, struct why *why);
/* The sentence for an answer to it that refuses. As registry_refused(). */
must_check enum rc registry_refused_manifest(struct registry *registry,
    const struct registry_put *put, const struct http_response *response, struct why *why);
