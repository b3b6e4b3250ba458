/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * succession — how a newer root takes the place of the one before: the ledger remembers which
 * root keys had a part in it.
 */
#include "agent/ledger.h"

/*
 * As ledger_put_root(), and besides: remember all root keys of it and of the one that is replaced,
 * where the new one is above version 1, as such whose roots could come back. RC_STORAGE,
 * RC_NO_MEMORY.
 */
must_check enum rc succession_put_root(struct ledger *ledger, const char *repository,
    int64_t version, struct span file, const char *pinned_by, struct why *why);
/* The same for the root that is there, which an older agent may have put there. RC_STORAGE,
 * RC_NO_MEMORY. */
must_check enum rc succession_note_keys(
    struct ledger *ledger, const char *repository, struct why *why);
