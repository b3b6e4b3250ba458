/* SPDX-License-Identifier: Apache-2.0 */
#include "client/listed.h"

/* Whether this is the file, as far as its SHA-256 says; walk.h judges what was loaded. */
static bool
is_listed(const struct tuf_listed *listed, struct span file)
{
    struct digest digest;

    if ((uint64_t)listed->length != file.len)
        return false;

    digest_of(&digest, file);
    return digest_eq(&digest, &listed->hashes.sha256);
}

enum rc
listed_load(struct bytes *ret, const struct tuf_listed *listed, const char *role,
    const struct view_sources *from, struct why *why)
{
    const struct tuf_file *before =
        from->before ? walk_file(from->before->walk, span_of(role)) : NULL;

    if (before && is_listed(listed, bytes_span(&before->raw))) {
        bytes_put(ret, bytes_span(&before->raw));
        return bytes_check(ret, why);
    }

    for (size_t i = 0; i < from->n_offers; i++)
        if (is_listed(listed, bytes_span(&from->offers[i]))) {
            bytes_put(ret, bytes_span(&from->offers[i]));
            return bytes_check(ret, why);
        }

    if (!cache_load(ret, from->cache, role, NULL) && is_listed(listed, bytes_span(ret)))
        return RC_OK;

    bytes_clear(ret);
    if (from->is_offline)
        return fail(why, RC_NETWORK, "this machine has no copy of %s", role);

    return repo_get_listed(ret, from->repo, role, listed, why);
}
