/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * reason — why a request, a document or a key is refused: one table of stable ids for scripts, and
 * what to do about each. agent/reasons.py makes the table of countersign-policy(5) of both files:
 * the sentence before each reason is what the manual says of it.
 */
enum reason {
    REASON_NONE, /* not refused */
    /* No grant gives the caller a key that may sign this role, or no entry of the policy names
     * the caller. */
    REASON_NOT_GRANTED,
    /* The agent has none of the keys that the document names, or never saw the token of one. */
    REASON_NO_SUCH_KEY,
    /* The key is granted, but its 'scope' does not have this repository and role. */
    REASON_KEY_OUTSIDE_SCOPE,
    /* The token shows another public key than the one that was pinned at first sight. */
    REASON_KEY_CHANGED,
    /* The document lists a key of this agent in a role outside the scope of that key. */
    REASON_OWN_KEY_OUTSIDE_SCOPE,
    /* The document changes delegations, and the grant does not have 'delegate: true'. */
    REASON_DELEGATION_RIGHT,
    /* The published chain lists the key in a role where its 'scope' does not reach. */
    REASON_LISTED_ELSEWHERE,
    /* The published files that came with the request do not verify from a root that this agent
     * knows, or one of them is in a form that cannot be compared. */
    REASON_BASE,
    /* What is published must be shown with the request, and was not, or nothing vouches for
     * what was. */
    REASON_BASE_MISSING,
    /* What was shown as published is older than what this agent has seen. */
    REASON_STALE,
    /* The grant is for callers in the systemd unit that 'unit' names. */
    REASON_UNIT,
    /* A tag changes that 'tags' of the grant does not match. */
    REASON_TAG,
    /* The 'quota' of the grant is used up for now. */
    REASON_QUOTA,
    /* A threshold is lowered, a role whose threshold is above 1 is removed, a role loses its last
     * key, or nobody can tell whether it is so as a published file was not shown, under a grant
     * without 'approvals'. */
    REASON_WEAKER,
    /* Others must agree first, as 'approvals' of the grant says. */
    REASON_APPROVALS,
    /* This version or a higher one was released or is published already, with other bytes. */
    REASON_ROLLBACK,
    /* The version is more than 1,000 above the highest that is known; where none is known, above
     * zero. */
    REASON_VERSION_JUMP,
    /* A root is not exactly one version above the last. */
    REASON_ROOT_VERSION,
    /* The document expires in the past. */
    REASON_EXPIRED,
    /* The document expires later than 'max_validity' or the default of its role allows, with a
     * day of slack. */
    REASON_VALIDITY,
    /* A key, or its ID, is listed twice; a certificate and its bare public key are one key. */
    REASON_DUPLICATE_KEY,
    /* A key is listed under an ID that is not its own, without a role, or in a form that this
     * agent does not read. */
    REASON_KEY_ID,
    /* A threshold is below 1, or above the number of distinct keys, of which a delegation may have
     * none. */
    REASON_THRESHOLD,
    /* A target has no SHA-256 of 32 bytes, or a hash other than that and SHA-512. */
    REASON_HASHES,
    /* 'custom' of a target has characters on which other clients break. */
    REASON_CUSTOM,
    /* A role, the document's own or one that it lists, has no proper name or place. */
    REASON_ROLE_NAME,
    /* The repository is not written in its normal form. */
    REASON_NOT_NORMAL,
    /* The role is timestamp, which is the server's. */
    REASON_NEVER_SIGNED,
    /* The document is not of the type of its role. */
    REASON_TYPE,
    /* A key of the root role is no certificate whose subject has exactly one common name, equal
     * to the repository. */
    REASON_ROOT_CERTIFICATE,
    /* The grant on a root key has 'repositories', and this is none of them. */
    REASON_REPOSITORY,
    /* A granted key's token is away or locked. */
    REASON_TOKEN,
    /* The agent has no policy that it can use. */
    REASON_POLICY_INVALID,
    /* Only those whom 'admins' names may do this. */
    REASON_NOT_ADMIN,
    /* Who votes is not among those whom 'approvals' names, or is uid 0. */
    REASON_NOT_APPROVER,
    /* Who votes is who asked. */
    REASON_OWN_REQUEST,
    /* An approver said no to these bytes. */
    REASON_APPROVAL_DENIED,
    /* The digits are not those of the digest of the request. */
    REASON_APPROVAL_MISMATCH,
    /* The repository was retired, and a root above version 1 of it was signed with that root key,
     * or lists it: its old roots could come back. */
    REASON_REPLAY,
    REASON_MAX_
};

const char *reason_id(enum reason reason);     /* "not-granted"; "" for REASON_NONE */
const char *reason_remedy(enum reason reason); /* what to do, for people; "" for REASON_NONE */
