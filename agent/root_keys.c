/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root_keys.h"

#include "proto/bounds.h"

#define ROOT_KEYS_MAX (CHAIN_FILES_MAX * 16) /* not reached by people: a root has a few */

void
root_keys_done(struct root_keys *keys)
{
    free(keys->ids);
    *keys = (struct root_keys){0};
}

static enum rc
add(struct root_keys *keys, const struct keyid *id, struct why *why)
{
    for (size_t i = 0; i < keys->n; i++)
        if (keyid_eq(&keys->ids[i], id))
            return RC_OK;

    struct keyid *place = mem_grow(&keys->ids, keys->n, sizeof *place, ROOT_KEYS_MAX);
    if (!place)
        return fail_memory(why);

    *place = *id;
    keys->n++;
    return RC_OK;
}

enum rc
root_keys_add(struct root_keys *keys, const struct tuf_root *root, struct why *why)
{
    const struct tuf_role *role = &root->roles[RANK_ROOT];
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (key)
            rc = add(keys, pubkey_canonical_id(key), why);
    }
    return rc;
}
