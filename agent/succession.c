/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/succession.h"

#include "agent/ledger_past.h"
#include "agent/root_keys.h"
#include "proto/bounds.h"

static enum rc
put_keys(struct ledger *ledger, const char *repository, struct span raw, struct why *why)
{
    closing(root_keys_done) struct root_keys keys = {0};
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *root = NULL;

    enum rc rc = tuf_file_parse(&file, raw, TUF_STRICT, why);
    if (!rc)
        rc = tuf_root_parse(&root, bytes_span(&file->message), why);
    if (rc)
        return within(why, rc == RC_NO_MEMORY ? rc : RC_STORAGE, "a root of '%s'", repository);

    rc = root_keys_add(&keys, root, why);
    for (size_t i = 0; !rc && i < keys.n; i++)
        rc = ledger_put_root_key(ledger, repository, &keys.ids[i], why);
    return rc;
}

/* Of the root that is there, where that or the newer one is above version 1. */
static enum rc
put_known_keys(struct ledger *ledger, const char *repository, int64_t newer, struct why *why)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    int64_t version = 0;

    enum rc rc = ledger_root(&file, &version, ledger, repository, why);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;

    return newer > 1 || version > 1 ? put_keys(ledger, repository, bytes_span(&file), why) : RC_OK;
}

enum rc
succession_put_root(struct ledger *ledger, const char *repository, int64_t version,
    struct span file, const char *pinned_by, struct why *why)
{
    enum rc rc = put_known_keys(ledger, repository, version, why);
    if (!rc && version > 1)
        rc = put_keys(ledger, repository, file, why);

    return rc ? rc : ledger_put_root(ledger, repository, version, file, pinned_by, why);
}

enum rc
succession_note_keys(struct ledger *ledger, const char *repository, struct why *why)
{
    return put_known_keys(ledger, repository, 0, why);
}
