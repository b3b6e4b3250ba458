/* SPDX-License-Identifier: Apache-2.0 */
#include "client/root_expiry.h"

#include <inttypes.h>

#include "proto/certificate.h"

#define DAY_S                      86400
#define ROOT_CERTIFICATE_WARNING_S (365 * DAY_S) /* readers need to see the next root before */
#define ROOT_WARNING_S             (30 * DAY_S)

static void
note_certificate(const struct trust *trust, const struct pubkey *key, int64_t now,
    const struct progress *progress)
{
    int64_t expires_at = 0;

    if (certificate_expires_at(&expires_at, key, NULL) ||
        expires_at - now > ROOT_CERTIFICATE_WARNING_S)
        return;

    progress_note(progress,
        "the certificate of root key %.16s of '%s' expires in %" PRId64 " days, and the repository "
        "with it, for ever: 'countersign key rotate %s root' replaces it, also for the same key",
        pubkey_canonical_id(key)->hex, trust_repository(trust), (expires_at - now) / DAY_S,
        trust_repository(trust));
}

void
root_expiry_note(const struct trust *trust, int64_t now, const struct progress *progress)
{
    const struct tuf_root *root = trust_root(trust);
    const struct tuf_role *role = root ? &root->roles[RANK_ROOT] : NULL;

    for (size_t i = 0; role && i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (key)
            note_certificate(trust, key, now, progress);
    }

    if (root && root->expires_at < now)
        progress_note(progress,
            "the root of '%s' has expired, and nobody reads what is below it: 'countersign witness "
            "%s root' renews it",
            trust_repository(trust), trust_repository(trust));
    else if (root && root->expires_at - now <= ROOT_WARNING_S)
        progress_note(progress,
            "the root of '%s' expires in %" PRId64 " days: 'countersign witness %s root' renews it",
            trust_repository(trust), (root->expires_at - now) / DAY_S, trust_repository(trust));
}
