/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * reason — why a request, a document or a key is refused: one table of stable ids for scripts, and
 * what to do about each. countersign-policy(5) lists them.
 */
enum reason {
    REASON_NONE, /* not refused */
    REASON_NOT_GRANTED,
    REASON_NO_SUCH_KEY,
    REASON_KEY_OUTSIDE_SCOPE,
    REASON_KEY_CHANGED,
    REASON_OWN_KEY_OUTSIDE_SCOPE, /* the document lists a key of this agent where it must not be */
    REASON_DELEGATION_RIGHT,
    REASON_LISTED_ELSEWHERE, /* the published chain lists a wanted key where it must not be */
    REASON_BASE,             /* the published chain that was brought does not verify */
    REASON_BASE_MISSING,     /* none was brought, or nothing vouches for it, and one is wanted */
    REASON_STALE,            /* it is older than what is known */
    REASON_UNIT,             /* the grant is for another systemd unit */
    REASON_TAG,              /* a tag changes that the grant does not name */
    REASON_QUOTA,
    REASON_WEAKER,    /* it lowers a threshold, and the grant asks for no approvals */
    REASON_APPROVALS, /* others must agree first */
    REASON_ROLLBACK,
    REASON_VERSION_JUMP,
    REASON_ROOT_VERSION, /* not exactly one above the last */
    REASON_EXPIRED,
    REASON_VALIDITY, /* beyond what the grant or the rank allows */
    REASON_DUPLICATE_KEY,
    REASON_KEY_ID, /* is not that of its key */
    REASON_THRESHOLD,
    REASON_HASHES,
    REASON_CUSTOM,
    REASON_ROLE_NAME,
    REASON_NOT_NORMAL,       /* the repository claimed is not in normal form */
    REASON_NEVER_SIGNED,     /* timestamp */
    REASON_TYPE,             /* the document is not of the type of its role */
    REASON_ROOT_CERTIFICATE, /* of the root role: not x509, or not bound to the repository */
    REASON_REPOSITORY,       /* the grant on a root key names other repositories */
    REASON_TOKEN,
    REASON_POLICY_INVALID,
    REASON_NOT_ADMIN,
    REASON_NOT_APPROVER,      /* who votes is not among those who may */
    REASON_OWN_REQUEST,       /* who votes is who asked */
    REASON_APPROVAL_DENIED,   /* an approver said no to these bytes */
    REASON_APPROVAL_MISMATCH, /* the digits typed are not those of the request's digest */
    REASON_REPLAY,            /* the old root, signed with that key, could come back */
    REASON_MAX_
};

const char *reason_id(enum reason reason);     /* "not-granted"; "" for REASON_NONE */
const char *reason_remedy(enum reason reason); /* what to do, for people; "" for REASON_NONE */
