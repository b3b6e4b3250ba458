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
    REASON_BASE,  /* the published chain that was brought does not verify */
    REASON_STALE, /* it is older than what is known */
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
    REASON_MAX_
};

const char *reason_id(enum reason reason);     /* "not-granted"; "" for REASON_NONE */
const char *reason_remedy(enum reason reason); /* what to do, for people; "" for REASON_NONE */
