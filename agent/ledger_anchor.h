/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger_anchor — the root from which the agent verifies what is published in a repository: the
 * first one that it signed or that the policy pins, and then each newer one that it saw published.
 *
 * That is not the newest root released (ledger_root()): a root may be signed and never published,
 * and until it is, what is published is verified from the one before.
 */
#include "agent/ledger.h"

struct ledger_anchor {
    int64_t version;
    bool is_seen; /* published, that is in a verified chain; else it was signed here */
};

/* Appends the file, in wire form. RC_NOT_FOUND: there is none. RC_STORAGE. */
must_check enum rc ledger_anchor(struct ledger_anchor *ret, struct bytes *ret_file,
    struct ledger *ledger, const char *repository, struct why *why);
/* Some repository has one that was seen. RC_NOT_FOUND: none has. RC_STORAGE. */
must_check enum rc ledger_anchor_any(struct ledger *ledger, struct why *why);

/* A root was signed here. Only the first one counts, or another one of its version as long as that
 * was not seen. RC_STORAGE. */
must_check enum rc ledger_anchor_sign(struct ledger *ledger, const char *repository,
    int64_t version, struct span file, struct why *why);
/* A root was seen. An older one than that which is there changes nothing. RC_STORAGE. */
must_check enum rc ledger_anchor_see(struct ledger *ledger, const char *repository, int64_t version,
    struct span file, struct why *why);
/* The repository was deleted on purpose: its anchor and its floors are forgotten. RC_STORAGE. */
must_check enum rc ledger_anchor_forget(
    struct ledger *ledger, const char *repository, struct why *why);
