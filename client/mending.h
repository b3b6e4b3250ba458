/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * mending — what a change of delegations does to the files of the roles below it.
 *
 * Where those who signed a file are no longer enough, readers would skip it: it is signed again in
 * the same publication, if the caller can. A file that the server kept of a role that was removed
 * is valid again when its keys get the role again: it is replaced by an empty one, if the caller
 * can.
 */
#include "client/session.h"

enum mend_kind {
    MEND_SIGNED,  /* it is signed again */
    MEND_LOST,    /* too few of those who signed it are left, and the caller cannot help it */
    MEND_EMPTIED, /* an old file is replaced by an empty one */
    MEND_REVIVED, /* an old file is valid again, and the caller cannot help it */
};

struct mend {
    enum mend_kind kind;
    char *role;
    int64_t version; /* of the file in question */
    size_t n_targets;
    struct bytes names; /* of some of them, "v1, v2"; printable */
};

struct mending {
    struct publish_role *roles; /* for publish(): those that were planned, then the others */
    size_t n_roles;
    struct mend *mends;
    size_t n;
    char **sound; /* roles below, whose files verify before and after */
    size_t n_sound;
};
void mending_done(struct mending *mending);

/*
 * roles: what is meant, borrowed for life; the repository is updated. RC_REFUSED: a role would have
 * fewer keys than its threshold. RC_NETWORK, and what draft_targets() says. mending_done(), also
 * after a failure.
 */
must_check enum rc mending_plan(struct mending *ret, struct session *session,
    const struct repository *repository, const struct publish_role *roles, size_t n_roles,
    struct why *why);
/* NULL: none of that kind. */
const struct mend *mending_find(const struct mending *mending, enum mend_kind kind);

/* Note what is signed besides, publish all of it, and tell on standard output of what is lost or
 * revived, or is so once others publish it, or what became unreadable because somebody signed it
 * meanwhile with a key that went. What session_publish() says. */
must_check enum rc mending_publish(const struct mending *mending, struct session *session,
    struct repository *repository, struct why *why);

/* For what others have drafted: all that verifies now is sound; trust may have no view. Then, after
 * its publication, tell on standard output what of that readers skip. */
must_check enum rc mending_watch(struct mending *ret, const struct trust *trust, struct why *why);
void mending_tell_overtaken(const struct mending *mending, const struct session *session,
    const struct repository *repository);

/* Whether the caller's keys among those listed reach the threshold; with --out: one of them can
 * sign. RC_NO_MEMORY, and what session_signer() says. */
must_check enum rc mending_can_sign(bool *ret, struct session *session,
    const struct repository *repository, const char *role, const struct tuf_role *listing,
    const struct tuf_keys *keys, struct why *why);
