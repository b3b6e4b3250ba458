/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger_past — what a repository has behind it: root keys whose old roots could come back,
 * and what an admin undid of it on purpose.
 *
 * Writing needs an open transaction.
 */
#include "agent/ledger.h"

/* That key, by its canonical ID, signed a root above version 1, or is listed in one. RC_STORAGE. */
must_check enum rc ledger_put_root_key(
    struct ledger *ledger, const char *repository, const struct keyid *key, struct why *why);

/*
 * The repository was deleted: forget its root, the mark of it, and what was seen published, so that
 * another one of version 1 may be signed. From now on the keys of ledger_put_root_key() are retired
 * there; with accept_replay none of them is. Marks of other roles, certificates and keys stay.
 * RC_NOT_FOUND: no root of it is known. RC_STORAGE.
 */
must_check enum rc ledger_retire(
    struct ledger *ledger, const char *repository, bool accept_replay, struct why *why);
/* RC_NOT_FOUND: not retired there. RC_STORAGE. */
must_check enum rc ledger_retired(
    struct ledger *ledger, const char *repository, const struct keyid *key, struct why *why);
/* *key becomes the next one that is retired there; "" comes before the first. RC_NOT_FOUND: there
 * is no more. RC_STORAGE. */
must_check enum rc ledger_next_retired(
    struct keyid *key, struct ledger *ledger, const char *repository, struct why *why);

/*
 * The newest root that was released, of that version, may be superseded by another one.
 * RC_NOT_FOUND: another version is the newest. RC_STORAGE.
 */
must_check enum rc ledger_supersede(
    struct ledger *ledger, const char *repository, int64_t version, struct why *why);
/* RC_NOT_FOUND: the root with that mark may not. RC_STORAGE. */
must_check enum rc ledger_superseded(
    struct ledger *ledger, const char *repository, const struct ledger_mark *mark, struct why *why);
/* A root is about to be released: if it is another one than that which it may supersede, it does
 * so. RC_STORAGE. */
must_check enum rc ledger_use_supersession(struct ledger *ledger, const char *repository,
    int64_t version, const struct digest *digest, struct why *why);
