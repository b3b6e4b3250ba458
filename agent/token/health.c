/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/health.h"

#include "agent/token/slot.h"

static CK_RV
try_random(const struct session *s)
{
    CK_BYTE bytes[8];

    return GUARDED(s->p11->C_GenerateRandom(s->handle, bytes, sizeof bytes));
}

CK_RV
health_learn(struct health *health, const char **ret_call, const struct session *s, CK_SLOT_ID slot)
{
    CK_SLOT_INFO info = {0};

    *ret_call = "C_GetSlotInfo";
    CK_RV rv = GUARDED(s->p11->C_GetSlotInfo(slot, &info));
    if (rv != CKR_OK)
        return rv;

    *ret_call = "C_GenerateRandom";
    rv = try_random(s);
    if (rv != CKR_OK && health->has_random)
        return rv;

    health->is_hardware = info.flags & CKF_HW_SLOT;
    health->has_random |= rv == CKR_OK;
    return CKR_OK;
}

bool
health_is_watched(const struct health *health)
{
    return health->is_hardware;
}

CK_RV
health_check(
    const struct health *health, const char **ret_call, const struct session *s, CK_SLOT_ID slot)
{
    *ret_call = "C_GetSlotList";
    CK_RV rv = slot_is_present(s->p11, slot);
    if (rv != CKR_OK)
        return rv;

    *ret_call = "C_GenerateRandom";
    return health->has_random ? try_random(s) : CKR_OK;
}
