/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * target_edit — one target set or removed in the roles that the user named: the common part of add,
 * addhash and remove.
 */
#include "client/session.h"

/* Append what --custom names, in its canonical form; nothing without the option. What file_load()
 * and custom_canonical() say. */
must_check enum rc target_edit_custom(
    struct bytes *ret, const struct session *session, struct why *why);
/* The same edit in each role, published; name is that of the repository. What selection_as_named()
 * and session_publish() say. */
must_check enum rc target_edit_publish(
    struct session *session, const char *name, const struct edit *edit, struct why *why);
