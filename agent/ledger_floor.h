/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger_floor — the highest version of each role, timestamp and snapshot included, that was seen
 * published, that is in a verified chain. A chain with a lower one is stale; one with another
 * document under the same version shows that the repository was forked.
 *
 * That is not a mark (ledger_mark()), which is what was released, published or not.
 */
#include "agent/ledger.h"

struct ledger_floor {
    char *role;
    int64_t version;
    struct digest message; /* of the document */
    struct digest file;    /* as published, with its signatures */
};

/* All of a repository. *ret: ledger_floors_free(). RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc ledger_floors(struct ledger_floor **ret, size_t *ret_n, struct ledger *ledger,
    const char *repository, struct why *why);
void ledger_floors_free(struct ledger_floor *floors, size_t n);

/* A lower version, or another document of the same, changes nothing. RC_STORAGE. */
must_check enum rc ledger_floor_raise(struct ledger *ledger, const char *repository,
    const struct ledger_floor *floor, struct why *why);
/* The role is delegated to no more: it, and what is below it, begins anew. RC_STORAGE. */
must_check enum rc ledger_floor_forget(
    struct ledger *ledger, const char *repository, const char *role, struct why *why);
