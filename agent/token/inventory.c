/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/inventory.h"

#include "agent/token/mechanism.h"

#define MECHANISMS_MAX 1024 /* mechanisms of one token; SoftHSM has 90 */

static CK_RV
list_mechanisms(unsigned *ret, const struct session *s, CK_SLOT_ID slot)
{
    CK_MECHANISM_TYPE mechanisms[MECHANISMS_MAX];
    CK_ULONG n = N_ELEMENTS(mechanisms);

    CK_RV rv = GUARDED(s->p11->C_GetMechanismList(slot, mechanisms, &n));
    if (rv != CKR_OK)
        return rv;

    *ret = mechanisms_in(mechanisms, n < N_ELEMENTS(mechanisms) ? n : 0);
    return CKR_OK;
}

CK_RV
inventory_list(
    struct inventory *ret, const char **ret_call, const struct session *s, CK_SLOT_ID slot)
{
    closing(inventory_done) struct inventory inventory = {0};

    *ret_call = "C_GetMechanismList";
    CK_RV rv = list_mechanisms(&inventory.mechanisms, s, slot);
    if (rv != CKR_OK)
        return rv;

    *ret_call = "listing the keys";
    rv = objects_list(&inventory.private_keys, s, CKO_PRIVATE_KEY);
    if (rv == CKR_OK)
        rv = objects_list(&inventory.public_keys, s, CKO_PUBLIC_KEY);
    if (rv == CKR_OK)
        rv = objects_list(&inventory.certificates, s, CKO_CERTIFICATE);
    if (rv != CKR_OK)
        return rv;

    *ret = inventory;
    inventory = (struct inventory){0};
    return CKR_OK;
}

void
inventory_done(struct inventory *inventory)
{
    objects_done(&inventory->private_keys);
    objects_done(&inventory->public_keys);
    objects_done(&inventory->certificates);
    inventory->mechanisms = 0;
}

uint32_t
inventory_find(const struct object **ret, const struct inventory *inventory, P11KitUri *uri)
{
    uint32_t n = 0;

    for (size_t i = 0; i < inventory->private_keys.n; i++) {
        const struct object *key = &inventory->private_keys.objects[i];
        if (object_matches(key, uri)) {
            *ret = key;
            n++;
        }
    }

    return n;
}
