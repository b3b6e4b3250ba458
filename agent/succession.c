/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/succession.h"

#include "agent/ledger_past.h"
#include "proto/bounds.h"
#include "proto/tuf_root.h"

/* All that the root role lists: who of them signed is not in the files for sure, as a signature may
 * be kept back. */
static enum rc
put_keys(struct ledger *ledger, const char *repository, struct span raw, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *root = NULL;

    enum rc rc = tuf_file_parse(&file, raw, TUF_STRICT, why);
    if (!rc)
        rc = tuf_root_parse(&root, bytes_span(&file->message), why);
    if (rc)
        return within(why, rc == RC_NO_MEMORY ? rc : RC_STORAGE, "a root of '%s'", repository);

    const struct tuf_role *role = &root->roles[RANK_ROOT];
    for (size_t i = 0; !rc && i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (key)
            rc = ledger_put_root_key(ledger, repository, pubkey_canonical_id(key), why);
    }
    return rc;
}

/* *ret_version: of the root that is there; 0: there is none. */
static enum rc
put_known_keys(int64_t *ret_version, struct ledger *ledger, const char *repository, int64_t newer,
    struct why *why)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);

    enum rc rc = ledger_root(&file, ret_version, ledger, repository, why);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;

    return newer > 1 || *ret_version > 1 ? put_keys(ledger, repository, bytes_span(&file), why)
                                         : RC_OK;
}

enum rc
succession_put_root(struct ledger *ledger, const char *repository, int64_t version,
    struct span file, const char *pinned_by, struct why *why)
{
    int64_t before = 0;

    enum rc rc = put_known_keys(&before, ledger, repository, version, why);
    if (!rc && version > 1)
        rc = put_keys(ledger, repository, file, why);
    if (!rc && before < version)
        rc = ledger_keep_root(ledger, repository, version, why);
    return rc ? rc : ledger_put_root(ledger, repository, version, file, pinned_by, why);
}

enum rc
succession_note_keys(struct ledger *ledger, const char *repository, struct why *why)
{
    int64_t version = 0;

    return put_known_keys(&version, ledger, repository, 0, why);
}
