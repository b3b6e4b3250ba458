/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signer_name — docker's rule for the names of signers and of their keys. Pure.
 */
#include "proto/rc.h"

/* what: "signer" or "key". RC_MALFORMED: what docker says. */
must_check enum rc signer_name_check(const char *name, const char *what, struct why *why);
