/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * referrers — the artifacts that say that they are about a manifest: signatures, SBOMs (OCI
 * distribution 1.1). Registries list them, or clients do under a tag "sha256-…".
 */
#include "client/manifest.h"
#include "client/registry.h"

struct referrers {
    struct descriptor *list;
    size_t n;
};
void referrers_done(struct referrers *referrers);

/* Those of digest; none where there are none. RC_NETWORK, RC_MALFORMED, RC_TOO_LARGE. */
must_check enum rc referrers_get(struct referrers *ret, struct registry *registry, const char *path,
    const struct digest *digest, struct why *why);

/*
 * PUT a manifest that has a subject, by digest; where the registry keeps no list, add it to the one
 * under the tag, whatever others add at the same time. What registry_put_manifest() says.
 */
must_check enum rc referrers_put(struct registry *registry, const char *path,
    const char *media_type, struct span manifest, struct why *why);
