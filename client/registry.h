/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * registry — what a registry holds under a tag: digest and size of the manifest or index.
 */
#include "client/http.h"
#include "proto/reference.h"

struct registry;

/* host: "localhost:5000"; docker.io is registry-1.docker.io. Certificates from docker's certs.d;
 * insecure_find() says who may be plain HTTP or unverified. */
must_check enum rc registry_new(
    struct registry **ret, const char *host, bool is_verbose, struct why *why);
void registry_free(struct registry *registry);
DEFINE_CLEANUP(struct registry, registry_free);

struct registry_manifest {
    struct digest digest; /* of the bytes that we got */
    int64_t size;
};

/*
 * GET the manifest of path under reference, a tag or "sha256:…"; hash and measure it ourselves.
 * Where the server's header or the digest asked for says otherwise: RC_UNTRUSTED. RC_NOT_FOUND: no
 * such repository or tag. RC_NETWORK: everything else, 401 and 403 included.
 */
must_check enum rc registry_manifest(struct registry_manifest *ret, struct registry *registry,
    const char *path, const char *reference, struct why *why);

/* The same, and the bytes themselves: appended to ret; *ret_media_type: free(). */
must_check enum rc registry_get_manifest(struct bytes *ret, char **ret_media_type,
    struct registry *registry, const char *path, const char *reference, struct why *why);

/*
 * Whether a tag names this manifest, by the registry's word: HEAD, so that nothing is sent that was
 * read before, and no registry counts it as a pull. What registry_manifest() says.
 */
must_check enum rc registry_tag_is(bool *ret, struct registry *registry, const char *path,
    const char *tag, const struct digest *digest, struct why *why);

/*
 * Whether the caller may push there: asks for the rights, starts an upload and gives it up.
 * RC_NETWORK: no, and what to do.
 */
must_check enum rc registry_check_push(
    struct registry *registry, const char *path, struct why *why);

/*
 * PUT the manifest under a tag or under its own "sha256:…"; what the registry calls it is compared,
 * and a tag is read back. *ret_has_referrers: the registry has taken it into the list of referrers
 * of its subject; NULL: nobody asks. RC_UNTRUSTED: the registry has made something else of it.
 * RC_CONFLICT: the tag may not be moved (registries that have such a rule). RC_NETWORK.
 */
must_check enum rc registry_put_manifest(bool *ret_has_referrers, struct registry *registry,
    const char *path, const char *reference, const char *media_type, struct span manifest,
    struct why *why);

/*
 * Take a tag away, and nothing else: not the manifest that it names, which other tags may name.
 * RC_UNSUPPORTED: the registry deletes nothing. RC_NETWORK.
 */
must_check enum rc registry_untag(
    struct registry *registry, const char *path, const char *tag, struct why *why);

const char *registry_host(const struct registry *registry);
/* As http_disconnect(). */
must_check enum rc registry_disconnect(struct registry *registry, struct why *why);
