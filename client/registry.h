/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * registry — what a registry holds under a tag: digest and size of the manifest or index.
 */
#include "proto/reference.h"

struct registry;

/* host: "localhost:5000"; docker.io is registry-1.docker.io. Certificates from docker's certs.d;
 * loopback hosts may be plain HTTP or unverified, as docker has it. */
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
