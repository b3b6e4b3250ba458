/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * slot — the slot of a module that holds the token that a URI names.
 */
#include "agent/token/object.h"

struct slot {
    CK_SLOT_ID id;
    CK_TOKEN_INFO info;
    struct bytes serial;   /* as text, without the padding */
    struct bytes identity; /* MODEL:SERIAL */
};

/* Count the initialized tokens that the URI names; *ret is one of them; slot_done(). On failure: a
 * code of the module; a slot that does not answer is one only where nothing else was found. */
must_check CK_RV slot_find(struct slot *ret, size_t *ret_n, CK_FUNCTION_LIST *p11, P11KitUri *uri);
/* RC_TOKEN: another count than one. */
must_check enum rc slot_check_count(size_t n, struct why *why);
/* Ask for the slots that hold a token. CKR_TOKEN_NOT_PRESENT: it is none of them. */
must_check CK_RV slot_is_present(CK_FUNCTION_LIST *p11, CK_SLOT_ID id);
/* What is in that slot now. */
must_check CK_RV slot_read(struct slot *ret, CK_FUNCTION_LIST *p11, CK_SLOT_ID id);
/* Whether it is the token with that serial, and that identity; "": any. RC_TOKEN. */
must_check enum rc slot_check(
    struct slot *slot, const char *serial, const char *identity, struct why *why);
/* Whether tokens of that maker have keys which sign only when somebody touches the token. */
bool slot_wants_touch(const struct slot *slot);
void slot_done(struct slot *slot);
