/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * inventory — what a token holds and can do, as seen once after a login: its objects and its
 * mechanisms.
 */
#include "agent/token/object.h"

struct inventory {
    struct objects private_keys, public_keys, certificates;
    unsigned mechanisms; /* that the token offers, as mechanisms_in() */
};

/* inventory_done(). On failure a code of the module, and *ret_call is what failed; *ret is
 * untouched. */
must_check CK_RV inventory_list(
    struct inventory *ret, const char **ret_call, const struct session *session, CK_SLOT_ID slot);
void inventory_done(struct inventory *inventory);

/* How many private keys the URI names; *ret is one of them. */
uint32_t inventory_find(
    const struct object **ret, const struct inventory *inventory, P11KitUri *uri);
